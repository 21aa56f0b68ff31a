"""The same random requests to our engine and to Debian's memcached 1.6.18: the answers are the same to the byte, cas values included.

Before an example both servers are emptied and their cas counters brought level. After each request a marker is sent (a meta get with an opaque, or a no-op packet), and everything up to
its answer, or to the end of the connection, is compared. Seconds that are left may differ by the moment and are blanked.
`MEMCACHED_EXAMPLES=2000 pytest tests/differential/test_memcached.py` is the long form.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import resp
import servers
from differential.memcached_grammar import binary_requests, packet, text_requests

EXAMPLES = int(os.environ.get("MEMCACHED_EXAMPLES", "60"))
TEXT_MARK = b"mg never-there Omark\r\n", b"EN Omark\r\n"
BINARY_MARK = packet(0x0A, opaque=0x4D41524B), packet(0x0A, opaque=0x4D41524B).replace(b"\x80", b"\x81", 1)
SECONDS_LEFT = re.compile(rb" ([tl])\d+")
CAS = re.compile(rb" (\d+)\r\n")
OPTIONS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Speaker:
    """A connection to one server."""

    def __init__(self, address: resp.Address, mark: tuple[bytes, bytes]) -> None:
        self.address = address
        self.mark = mark
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=20)

    def close(self) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> bytes:
        """Everything the server says to a request; `CLOSED` at its end when it hung up."""
        answer = b""
        try:
            self.socket.sendall(request + self.mark[0])
            while not answer.endswith(self.mark[1]):
                more = self.socket.recv(65536)
                if not more:
                    break
                answer += more
            else:
                return answer
        except ConnectionError:
            pass
        self.socket.close()
        self.open()
        return answer + b"CLOSED"

    def cas(self) -> int:
        """The cas that the next store raises."""
        with socket.create_connection(self.address, timeout=20) as other, other.makefile("rb") as lines:
            other.sendall(b"set level 0 0 1\r\nx\r\ngets level\r\n")
            found = CAS.search(lines.readline() + lines.readline() + lines.readline() + lines.readline())
            assert found
            return int(found[1])


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[resp.Address, resp.Address]]:
    ours = (sys.executable, "-m", "scrubjay_engine.memcached")
    with servers.memcached() as reference, servers.memcached(program=ours) as subject:
        yield reference.address, subject.address


def level(pair: tuple[Speaker, Speaker]) -> None:
    """Empties both servers and brings their cas counters to the same number."""
    for speaker in pair:
        with socket.create_connection(speaker.address, timeout=20) as other:
            other.sendall(b"flush_all\r\n")
            assert other.recv(16) == b"OK\r\n"
    first, second = (speaker.cas() for speaker in pair)
    behind = pair[0] if first < second else pair[1]
    for _ in range(abs(first - second)):
        behind.cas()


def compare(pair: tuple[Speaker, Speaker], requests: list[bytes]) -> None:
    """Asks both the same."""
    level(pair)
    with contextlib.closing(pair[0]), contextlib.closing(pair[1]):
        for at, request in enumerate(requests):
            expected, found = (SECONDS_LEFT.sub(rb" \1N", speaker.ask(request)) for speaker in pair)
            assert found == expected, f"after {requests[:at]} to {request!r}"


@OPTIONS
@given(requests=st.lists(text_requests, max_size=30))
def test_text_and_meta(addresses: tuple[resp.Address, resp.Address], requests: list[bytes]) -> None:
    compare((Speaker(addresses[0], TEXT_MARK), Speaker(addresses[1], TEXT_MARK)), requests)


@OPTIONS
@given(requests=st.lists(binary_requests, max_size=30))
def test_binary(addresses: tuple[resp.Address, resp.Address], requests: list[bytes]) -> None:
    compare((Speaker(addresses[0], BINARY_MARK), Speaker(addresses[1], BINARY_MARK)), requests)
