"""A real engine for the tests of commands: one process a module, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import resp
import servers


@pytest.fixture(scope="module")
def engine_process() -> Iterator[servers.Server]:
    with servers.scrubjay("--save", "", "--enable-debug-command", "yes") as server:
        yield server


@pytest.fixture
def engine(engine_process: servers.Server) -> servers.Server:
    with engine_process.connect() as connection:
        connection.call("FLUSHALL")
    return engine_process


@pytest.fixture
def connection(engine: servers.Server) -> Iterator[resp.Connection]:
    with engine.connect() as opened:
        yield opened
