"""Debian base images for where no registry is reachable: what the project's Dockerfiles take as BASE and BUILD_BASE here.

BASE carries Python and CA certificates, BUILD_BASE a compiler and Python's headers beside. Both are made by debootstrap from
Debian's packages and kept by the hash of this recipe. Where Docker runs, the Dockerfiles' defaults (python:3.13-slim) are used.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localkube import images
from localkube.host import cache_folder, run, step
from localkube.programs import digest

SUITE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
BUILD_PACKAGES = "ccache gcc libc6-dev libssl-dev python3-dev"
# of no use in a container: documentation, translations, package lists
JUNK = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/i18n",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "usr/lib/python3/dist-packages/__pycache__",
)
RECIPE = digest(SUITE.encode(), PACKAGES.encode(), "".join(JUNK).encode())
BASE = f"localhost/scrubjay-base:{RECIPE}"
BUILD_BASE = f"localhost/scrubjay-build-base:{digest(RECIPE.encode(), BUILD_PACKAGES.encode())}"


def build_arguments() -> dict[str, str]:
    """The build arguments that a project Dockerfile needs here; makes the bases when they are not there."""
    base()
    if run("buildah", "inspect", BUILD_BASE, check=False).returncode != 0:
        with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
            Path(scratch, "Dockerfile").write_text(
                f"FROM {BASE}\nRUN apt-get -q update && apt-get -q install -y --no-install-recommends {BUILD_PACKAGES}\n"
                "RUN python3 -m venv /opt/uv && /opt/uv/bin/pip -q install uv && ln -s /opt/uv/bin/uv /usr/local/bin/\n"
            )
            images.build_plain(BUILD_BASE, Path(scratch))
    return {"BASE": BASE, "BUILD_BASE": BUILD_BASE}


@contextmanager
def _in_memory() -> Iterator[Path]:
    """A folder where fsync is free: dpkg calls it for every file, and on a disk that is most of the time."""
    with tempfile.TemporaryDirectory() as scratch:
        run("mount", "-t", "tmpfs", "-o", "size=1g,mode=755", "scrubjay-rootfs", scratch)
        try:
            yield Path(scratch)
        finally:
            run("umount", "-l", scratch)


def base() -> Path:
    """The layout of BASE, made when it is not there."""
    rootfs_tar = cache_folder("images") / f"rootfs-{RECIPE}.tar"
    if not rootfs_tar.exists():
        with step("making a Debian base image", "once; about a minute"), _in_memory() as rootfs:
            run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, rootfs)
            for junk in JUNK:
                shutil.rmtree(rootfs / junk, ignore_errors=True)
            for folder in ("var/cache/apt/archives/partial", "var/lib/apt/lists/partial", "var/log"):
                (rootfs / folder).mkdir(parents=True)
            run("tar", "-C", rootfs, "--exclude=./dev/*", "-cf", f"{rootfs_tar}.part", ".")
        Path(f"{rootfs_tar}.part").rename(rootfs_tar)
    dockerfile = f'FROM scratch\nADD {rootfs_tar.name} /\nCMD ["python3"]\n'
    layout = images.from_files(BASE, dockerfile, [rootfs_tar])
    if run("buildah", "inspect", BASE, check=False).returncode != 0:  # buildah's own storage was cleaned meanwhile
        shutil.rmtree(layout)
        layout = images.from_files(BASE, dockerfile, [rootfs_tar])
    return layout
