"""memjs (Node.js, binary) and spymemcached (Java, text and binary) against the memcached port; as test_clients.py does it for Redis' clients."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers
from commands.test_clients import SECONDS, make_java, node_program, prepared, run
from localkube import host

PROGRAM = (sys.executable, "-m", "scrubjay_engine.memcached")


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with servers.memcached(program=PROGRAM) as server:
        yield str(server.port)


@pytest.fixture(scope="module")
def memjs() -> tuple[Path, Path]:
    """(node, the folder of its program)"""
    program = node_program()

    def make(folder: Path) -> None:
        run(program.with_name("npm"), "ci", "--no-audit", "--no-fund", cwd=folder)

    return program, prepared("memjs", make)


@pytest.fixture(scope="module")
def spymemcached() -> Path:
    """The folder with the jars and the compiled program."""
    host.install({"java": "default-jre-headless"})
    return prepared("spymemcached", make_java)


def test_memjs(memjs: tuple[Path, Path], port: str) -> None:
    steps = ["set and get ok", "conditional stores ok", "counting ok", "touch and delete ok"]
    assert run(memjs[0], "memjs.js", "127.0.0.1", port, cwd=memjs[1], seconds=SECONDS).splitlines() == steps


@pytest.mark.parametrize("protocol", ["text", "binary"])
def test_spymemcached(protocol: str, spymemcached: Path, port: str) -> None:
    steps = ["set and get ok", "conditional stores ok", "counting ok", "bulk ok", "touch and delete ok"]
    command = ("java", "-cp", f"{spymemcached}/jars/*:{spymemcached}/classes", "Client", "127.0.0.1", port, protocol)
    assert [line for line in run(*command, seconds=SECONDS).splitlines() if line.endswith(" ok")] == steps
