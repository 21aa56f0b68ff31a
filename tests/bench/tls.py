"""TLS beside Redis: server CPU an operation with and without pipelining, and server CPU a handshake.

    python tests/bench/tls.py                       # a table: medians of five, least and most in brackets
    python tests/bench/tls.py --repeats 9 --seconds 2

redis-benchmark is the client of the operations; handshakes are made by Python's ssl module, one after another, full (no resumption) and resumed, with an
RSA 2048 and an ECDSA P-256 certificate. Runs alternate between the servers.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "support")]

import servers
from authority import Authority, Leaf
from bench import contenders

NAMES = ("scrubjay", "redis")
HANDSHAKES = 300


@dataclass
class Contender:
    """A server and the port where it speaks TLS."""

    server: servers.Server
    port: int


@contextlib.contextmanager
def started(authority: Authority, leaf: Leaf) -> Iterator[dict[str, Contender]]:
    """Both servers with this certificate."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name in NAMES:
            port = servers.free_port()
            options = [*authority.options(leaf, port), "--tls-auth-clients", "no"]
            server = stack.enter_context(servers.KINDS[name](*options, prefix=contenders.on_server_core()))
            found[name] = Contender(server, port)
        yield found


def operation(authority: Authority, command: str, pipeline: int, requests: int) -> Callable[[Contender], float]:
    """Microseconds of the server's CPU for one operation."""

    def once(contender: Contender) -> float:
        before = servers.cpu_seconds(contender.server.pid)
        line = ["redis-benchmark", "-p", str(contender.port), "--tls", "--cacert", str(authority.file), "-q"]
        line += ["-t", command, "-n", str(requests), "-P", str(pipeline), "-r", "100000", "-d", "16"]
        subprocess.run([*contenders.on_client_core(), *line], check=True, stdout=subprocess.DEVNULL)
        return (servers.cpu_seconds(contender.server.pid) - before) / requests * 1e6

    return once


def handshake(authority: Authority, resumed: bool) -> Callable[[Contender], float]:
    """Microseconds of the server's CPU for one handshake and one PING."""

    def once(contender: Contender) -> float:
        context = ssl.create_default_context(cafile=str(authority.file))
        session = None
        before = servers.cpu_seconds(contender.server.pid)
        for _ in range(HANDSHAKES):
            with (
                socket.create_connection(("127.0.0.1", contender.port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
            ):
                connection.sendall(b"*1\r\n$4\r\nPING\r\n")
                assert connection.recv(64) == b"+PONG\r\n"
                session = connection.session if resumed else None
        return (servers.cpu_seconds(contender.server.pid) - before) / HANDSHAKES * 1e6

    return once


def compare(name: str, contenders_: dict[str, Contender], once: Callable[[Contender], float], repeats: int) -> None:
    """One line of the table."""
    samples: dict[str, list[float]] = {each: [] for each in contenders_}
    for repeat in range(repeats + 1):
        order = list(contenders_) if repeat % 2 else list(contenders_)[::-1]
        for each in order:
            figure = once(contenders_[each])
            if repeat:  # the first round warms up
                samples[each].append(figure)
    texts = [f"{statistics.median(all_):8.2f} [{min(all_):.2f}-{max(all_):.2f}]" for all_ in samples.values()]
    ours, theirs = (statistics.median(samples[each]) for each in NAMES)
    print(f"{name:<28}" + "".join(f"{text:>28}" for text in texts) + f"{ours / theirs:>8.2f}", flush=True)


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100_000, help="of one run at P=1; eight times as many at P=16")
    options = parser.parse_args()
    print(f"{'us of server CPU':<28}" + "".join(f"{name:>28}" for name in NAMES) + f"{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        with started(authority, authority.leaf("ecdsa")) as both:
            for command in ("get", "set"):
                for pipeline in (1, 16):
                    requests = options.requests * (8 if pipeline > 1 else 1)
                    once = operation(authority, command, pipeline, requests)
                    compare(f"{command.upper()} P={pipeline}", both, once, options.repeats)
            compare("handshake ECDSA P-256", both, handshake(authority, False), options.repeats)
            compare("handshake resumed", both, handshake(authority, True), options.repeats)
        with started(authority, authority.leaf("rsa", rsa_bits=2048)) as both:
            compare("handshake RSA 2048", both, handshake(authority, False), options.repeats)


if __name__ == "__main__":
    main()
