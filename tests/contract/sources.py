"""Fetch other projects' test suites as Debian source packages into a cache folder; nothing of them is ever committed.

`suite("redis")` gives the unpacked tree, downloading it once: a private apt source list is written with the mirror's
address taken from the machine's own apt configuration at run time, apt checks the archive's signatures, and the tarball
must have the SHA-256 pinned below, so every machine runs the same tests. Used by the runners in this folder.

Licences: Redis 7.0.15 and memcached 1.6.18 are BSD-3-Clause.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

_APT = Path("/etc/apt")


class SourceError(RuntimeError):
    """A suite could not be had; the message says what to do."""


@dataclass(frozen=True)
class Package:
    """A Debian source package: the upstream tarball's name and checksum, and the folder it unpacks to."""

    name: str
    tarball: str
    sha256: str
    folder: str


PACKAGES = {
    "redis": Package(
        "redis",
        "redis_7.0.15.orig.tar.gz",
        "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982",
        "redis-7.0.15",
    ),
    "memcached": Package(
        "memcached",
        "memcached_1.6.18.orig.tar.xz",
        "35872bd25f8d29d7cc2072d23e74344530891bfd0aa4f4f64184a8ae7291164b",
        "memcached-1.6.18",
    ),
}


def cache_folder() -> Path:
    """Where the suites are kept between runs: `$XDG_CACHE_HOME/scrubjay/suites`, made when missing."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "scrubjay" / "suites"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def suite(name: str) -> Path:
    """The unpacked source tree of `redis` or `memcached`; downloads it the first time. Raises SourceError."""
    package = PACKAGES[name]
    cache = cache_folder()
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once share one download
        tree = cache / package.folder
        if not tree.is_dir():
            tarball = cache / package.tarball
            if not tarball.exists():
                _download(package, cache)
            _verify(package, tarball)
            _unpack(tarball, cache, package.folder)
    return tree


def _verify(package: Package, tarball: Path) -> None:
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != package.sha256:
        tarball.unlink()
        raise SourceError(f"{tarball.name} has SHA-256 {digest}, not the pinned {package.sha256}: it was removed")


def _unpack(tarball: Path, cache: Path, folder: str) -> None:
    staging = cache / f"{folder}.unpacking"
    shutil.rmtree(staging, ignore_errors=True)
    with tarfile.open(tarball) as archive:
        archive.extractall(staging, filter="data")
    (staging / folder).rename(cache / folder)
    staging.rmdir()


def _download(package: Package, cache: Path) -> None:
    apt = cache / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text("".join(f"{line}\n" for line in source_lines(_APT)))
    (apt / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{apt}/sources.list";\nDir::Etc::sourceparts "-";\n'
        f'Dir::State::lists "{apt}/lists";\nDir::Cache "{apt}/cache";\nAPT::Sandbox::User "root";\n'
    )
    for arguments in (["update", "-q"], ["source", "-q", "--download-only", package.name]):
        command = ["apt-get", "-c", str(apt / "apt.conf"), *arguments]
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SourceError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    if not (cache / package.tarball).exists():
        raise SourceError(
            f"this system's source package of {package.name} is not {package.tarball}: "
            f"put that file (Debian 12 has it) into {cache} and run again"
        )


def source_lines(apt: Path) -> list[str]:
    """`deb-src` lines for every archive that the apt configuration in `apt` (usually /etc/apt) takes packages from."""
    found: dict[str, None] = {}
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        text = path.read_text() if path.exists() else ""
        for match in re.finditer(r"^deb\s+(\[[^]]*\]\s+)?(\S+\s+\S+\s+.*)$", text, re.MULTILINE):
            found[f"deb-src {match[1] or ''}{match[2]}"] = None
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", stanza, re.MULTILINE))
            if "deb" not in fields.get("Types", "").split() or fields.get("Enabled", "yes") == "no":
                continue
            option = f"[signed-by={fields['Signed-By']}] " if fields.get("Signed-By", "").startswith("/") else ""
            for uri in fields["URIs"].split():
                for release in fields["Suites"].split():
                    found[f"deb-src {option}{uri} {release} {fields.get('Components', '')}"] = None
    if not found:
        raise SourceError(f"no package archive is configured in {apt}")
    return list(found)
