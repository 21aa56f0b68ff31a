"""Images for the local nodes: built by buildah without a daemon, kept as folders in the cache, handed to containerd.

An image's folder holds manifest.json and its blobs by digest (the ``dir`` transport of containers-transports(5)), and its name.
Three tricks make this quick. Layers are kept uncompressed, so a layer has one digest everywhere and nothing is packed only to be
unpacked. A node is born with the base images: they are unpacked once into a template that is hard-linked into each node
(``furnish``). And loading an image sends a node only the layers it lacks, all nodes at once (``load``).
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from localkube.host import IMAGE_COMMANDS, LocalkubeError, cache_folder, install, run, step, wait_until
from localkube.instance import Instance
from localkube.programs import digest

PAUSE = "localhost/pause:1"
KEPT = 4  # builds of one name in the cache
NAME_ANNOTATION = "io.containerd.image.name"


# -- building ----------------------------------------------------------------------------------------------------------
def build(tag: str, context: Path, dockerfile: Path | None = None, arguments: dict[str, str] | None = None) -> Path:
    """Build a Dockerfile into a folder in the cache and return that. Layers of earlier builds are used again.

    ``arguments`` are build arguments; BASE and BUILD_BASE are set to the Debian bases of ``bases`` unless given.
    """
    from localkube import bases  # it builds its own images through this module

    install(IMAGE_COMMANDS)
    return build_plain(tag, context, dockerfile, {**bases.build_arguments(), **(arguments or {})})


def build_plain(
    tag: str, context: Path, dockerfile: Path | None = None, arguments: dict[str, str] | None = None
) -> Path:
    """``build`` without the Debian bases."""
    dockerfile = dockerfile or context / "Dockerfile"
    words = [word for name, value in (arguments or {}).items() for word in ("--build-arg", f"{name}={value}")]
    with _lock("build"), tempfile.TemporaryDirectory() as scratch, step(f"building the image {tag}"):
        wishes = ["--isolation", "chroot", "--layers", "--iidfile", f"{scratch}/id", "-f", str(dockerfile)]
        # the certificates this host trusts, for steps that fetch packages; nothing of them stays in the image
        certificates = ["-v", "/etc/ssl/certs:/etc/ssl/certs:ro"] if Path("/etc/ssl/certs").is_dir() else []
        run("buildah", "bud", "-q", *wishes, *certificates, *words, "-t", tag, context)
        image_id = Path(scratch, "id").read_text().strip()
        folders = cache_folder("built-images", _file_name(tag))
        # by its id: another working tree may be building an image of the same name
        layout = folders / image_id.removeprefix("sha256:")[:16]
        if not (layout / "name").exists():
            for old in sorted(folders.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
                shutil.rmtree(old)
            run("buildah", "push", "-q", "--disable-compression", image_id, f"dir:{layout}")
            (layout / "name").write_text(tag)
        os.utime(layout)
    return layout


def from_files(tag: str, dockerfile: str, files: Sequence[Path]) -> Path:
    """Build an image out of a few files; kept by the hash of all of them."""
    wanted = digest(dockerfile.encode(), *(hashlib.sha256(file.read_bytes()).digest() for file in files))
    marker = cache_folder("built-images") / f"{_file_name(tag)}.{wanted}"
    if marker.exists() and (layout := Path(marker.read_text())).exists():
        return layout
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        context = Path(scratch)
        (context / "Dockerfile").write_text(dockerfile)
        for file in files:
            shutil.copy2(file, context / file.name)
        layout = build_plain(tag, context)
    marker.write_text(str(layout))
    return layout


def _file_name(tag: str) -> str:
    return tag.replace("/", "_").replace(":", "_")


def image_digest(layout: Path) -> str:
    """The digest by which containerd knows the image."""
    return f"sha256:{hashlib.sha256((layout / 'manifest.json').read_bytes()).hexdigest()}"


# -- loading -----------------------------------------------------------------------------------------------------------
def load(instance: Instance, archive: Path, tag: str = "") -> None:
    """Put an image on every node: a folder made by ``build``, or an image archive (docker or OCI) as a file."""
    sockets = [node.socket for node in instance.all_nodes()]
    if not sockets:
        raise LocalkubeError(f"{instance.name} has no nodes to load an image on")
    with step(f"loading {_shown(archive)} on {len(sockets)} nodes"), ThreadPoolExecutor() as pool:
        list(pool.map(lambda socket: load_one(socket, archive, tag), sockets))


def _shown(archive: Path) -> str:
    name = archive / "name"
    return name.read_text() if name.exists() else archive.name


def load_one(socket: Path, archive: Path, tag: str = "") -> None:
    """Put an image into one containerd."""
    if archive.is_file():
        ctr(socket, "images", "import", archive)
        return
    tag = tag or (archive / "name").read_text()
    known = {line.split()[0]: line.split()[2] for line in ctr(socket, "images", "ls").splitlines()[1:]}
    if known.get(tag) == image_digest(archive):
        return
    present = set(ctr(socket, "content", "ls", "-q").split())
    words = ["ctr", "-a", str(socket), "-n", "k8s.io", "images", "import", "-"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdin, mode="w|") as stream:
                _write_archive(stream, archive, tag, present)
            process.stdin.close()
        except BrokenPipeError:
            pass  # ctr gave up; its words say why
        said = process.stdout.read().decode()
    if process.returncode != 0:
        raise LocalkubeError(f"containerd did not take {tag}: {said.strip()}")


def _write_archive(stream: tarfile.TarFile, layout: Path, tag: str, present: set[str]) -> None:
    """The image as an OCI archive without the blobs that are ``present``; its index names the image for containerd."""
    manifest = (layout / "manifest.json").read_bytes()
    wanted = json.loads(manifest)
    entry = {"mediaType": wanted["mediaType"], "digest": image_digest(layout), "size": len(manifest)}
    index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": {NAME_ANNOTATION: tag}}]}
    _add(stream, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    _add(stream, "index.json", json.dumps(index).encode())
    _add(stream, _blob(image_digest(layout)), manifest)
    for blob in dict.fromkeys(part["digest"] for part in (wanted["config"], *wanted["layers"])):
        if blob not in present:
            stream.add(layout / blob.removeprefix("sha256:"), _blob(blob))


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add(stream: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    stream.addfile(entry, io.BytesIO(content))


# -- the template ------------------------------------------------------------------------------------------------------
def furnish(folder: Path) -> None:
    """Give a new node its containerd root with the base images already unpacked in it."""
    from localkube import addons

    if folder.exists():
        return
    template = _template(addons.build())
    folder.parent.mkdir(parents=True, exist_ok=True)
    linked = run(
        "cp", "-al", template, folder, check=False
    )  # layers and blobs are never written to: one copy serves all
    if linked.returncode != 0:  # another filesystem
        shutil.rmtree(folder, ignore_errors=True)
        run("cp", "-a", template, folder)
    for database in folder.rglob("*.db"):  # but these are
        own = database.with_suffix(".own")
        shutil.copy2(database, own)
        own.replace(database)


def _template(layouts: Sequence[Path]) -> Path:
    name = digest(*(image_digest(layout).encode() + layout.name.encode() for layout in layouts))
    folder = cache_folder("node-images") / name
    with _lock("template"):
        if folder.exists():
            return folder
        for old in folder.parent.iterdir():
            shutil.rmtree(old, ignore_errors=True)
        building = folder.with_name(f"{name}.building")
        shutil.rmtree(building, ignore_errors=True)
        with step("unpacking the base images"), _containerd(building) as socket:
            for layout in layouts:
                load_one(socket, layout)
        building.rename(folder)
    return folder


@contextmanager
def _containerd(root: Path) -> Iterator[Path]:
    """A containerd of one's own with that root, for the block; yields its socket."""
    with tempfile.TemporaryDirectory(prefix="scrubjay-") as name:
        state = Path(name)
        config, socket = state / "config.toml", state / "containerd.sock"
        config.write_text(
            f'version = 2\nroot = "{root}"\nstate = "{state}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
            f'[grpc]\n  address = "{socket}"\n[ttrpc]\n  address = "{socket}.ttrpc"\n'
        )
        words = ["containerd", "--config", str(config)]
        with (state / "log").open("wb") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until("containerd for the base images", lambda: answers(socket), 30)
            yield socket
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


# -- containerd --------------------------------------------------------------------------------------------------------
def answers(socket: Path) -> bool:
    """Does the containerd behind that socket serve?"""
    return run("ctr", "-a", socket, "version", check=False).returncode == 0


def ctr(socket: Path, *arguments: str | Path) -> str:
    return run("ctr", "-a", socket, "-n", "k8s.io", *arguments).stdout


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """One at a time among all programs of this user."""
    with (cache_folder("locks") / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
