"""The server: puts the parts together, listens, keeps time, and ends well.

`Server` is what `python -m scrubjay_engine` runs. Families register themselves through commands/registry.py: each module has its rows of the command
table and, where it keeps state, an `install(server)` that adds a part (`server.engine.parts`), hooks and timers.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from scrubjay_engine import options
from scrubjay_engine.commands.registry import MODULES
from scrubjay_engine.config import Config, ConfigError
from scrubjay_engine.core.accepting import accept, local_address, tune
from scrubjay_engine.core.blocking import BlockedClients
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import Table
from scrubjay_engine.core.connection import Connection
from scrubjay_engine.core.engine import Engine
from scrubjay_engine.core.eviction import Eviction
from scrubjay_engine.core.expiry import ActiveExpiry
from scrubjay_engine.core.keyspace import Keyspace
from scrubjay_engine.http import HttpPort
from scrubjay_engine.security.tls import TlsWire

if TYPE_CHECKING:
    from scrubjay_engine.security.tls_ports import Tls

log = logging.getLogger(__name__)

TICK = 0.1  # seconds between turns of the timer at hz 10
BACKGROUND_BUDGET = (
    0.0008  # seconds of one turn that background work may take: nothing holds the loop for a millisecond
)
PROTECTED_MODE_TEXT = (
    b"-DENIED Scrubjay is running in protected mode because protected mode is enabled and no password is set for the default user. "
    b"In this mode connections are only accepted from the loopback interface. Set a password (requirepass or ACL SETUSER default), "
    b"bind to loopback only, or switch it off with 'CONFIG SET protected-mode no' from the same host.\r\n"
)


class Server:
    """One engine process. `run()` serves until told to stop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        keyspace = Keyspace(config.number("databases"), config.flag("cluster-enabled"))
        self.engine = Engine(keyspace, Table())
        self.run_id = os.urandom(20).hex()
        self.boot_id = str(uuid.uuid4())
        self.started = time.time()
        self.listeners: dict[str, list[socket.socket]] = {}
        self._takers: dict[str, Callable[[socket.socket, Any], None]] = {}
        self.stopping = asyncio.Event()
        self.exit_code = 0
        self._timers: list[tuple[float, Callable[[], object]]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.before_listening: list[Callable[[], Awaitable[None]]] = []
        self.after_listening: list[Callable[[], Awaitable[None]]] = []
        self.on_connection_closed: list[Callable[[Client], None]] = []
        self.on_stop: list[Callable[[], Awaitable[None]]] = []
        self.connection_class: type[Connection] = Connection
        self.engine.parts["server"] = self
        self.engine.parts["config"] = config
        self.engine.parts["blocking"] = BlockedClients(self.engine)
        self.engine.parts["expiry"] = ActiveExpiry(self.engine)
        self.engine.parts["eviction"] = Eviction(self.engine)
        self.engine.parts["stats"] = {}

    # -- life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Starts, serves until `stop`, and ends; the process's exit code."""
        loop = asyncio.get_running_loop()
        self.engine.loop = loop
        self._install()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._on_signal, name)
        self.spawn(self._keep_time(), "timer")
        http = HttpPort(self)
        await http.start()
        self.on_stop.append(http.stop)
        for step in self.before_listening:
            await step()
        self.listen("clients", self.config.number("port"), self._accepted)
        unix = self.config.text("unixsocket"), self.config.number("unixsocketperm")
        self.listen_unix("unix", *unix, self._accepted)
        self.engine.parts["tls"].open()
        log.info("Ready to accept connections, PID: %d, port %d", os.getpid(), self.config.number("port"))
        for step in self.after_listening:
            await step()
        await self.stopping.wait()
        await self._end()
        return self.exit_code

    def _install(self) -> None:
        self._follow_options()
        for name in MODULES:
            module = import_module(name)
            rows = module.table() if hasattr(module, "table") else getattr(module, "COMMANDS", [])
            self.engine.commands.add_family(rows)
            if hasattr(module, "install"):
                module.install(self)

    def _follow_options(self) -> None:
        config, engine = self.config, self.engine
        config.on_change(
            "slowlog-log-slower-than", lambda v: setattr(engine, "slow_ns", int(v) * 1000 if int(v) >= 0 else -1)
        )
        config.on_change("client-query-buffer-limit", lambda v: setattr(engine, "client_query_limit", v))
        config.on_change("proto-max-bulk-len", lambda v: setattr(engine, "bulk_limit", v))
        config.on_change("port", self._move_port, now=False)
        config.on_change("bind", self._move_bind, now=False)
        config.on_change("loglevel", lambda v: logging.getLogger("scrubjay_engine").setLevel(LEVELS[str(v)]), now=False)

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        """A background task whose failure is logged; it is cancelled when the server ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background task %s failed; this is a bug", task.get_name(), exc_info=task.exception())
            self.engine.unexpected_errors += 1

    def _on_signal(self, number: signal.Signals) -> None:
        log.warning("Received %s scheduling shutdown...", number.name)
        shutdown = self.engine.parts.get("shutdown")
        if shutdown is not None:
            shutdown.on_signal(number.name)
        else:
            self.stop()

    def stop(self, exit_code: int = 0) -> None:
        """Ends the server at the next turn of the loop."""
        self.exit_code = exit_code
        self.stopping.set()

    async def _end(self) -> None:
        for listeners in self.listeners.values():
            for listener in listeners:
                asyncio.get_running_loop().remove_reader(listener.fileno())
                listener.close()
        self.engine.flush_pending()
        for step in self.on_stop:
            await step()
        for client in list(self.engine.clients.values()):
            client.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        log.warning("Scrubjay is now ready to exit, bye bye...")

    # -- listening -----------------------------------------------------------------------------------------------------

    def listen(
        self, name: str, port: int, accepted: Callable[[socket.socket, Any], None], addresses: list[str] | None = None
    ) -> None:
        """Listens on a port of the bind addresses (0: not at all); `accepted(socket, address)` gets each connection."""
        opened = []
        wanted = addresses if addresses is not None else self.config.words("bind")
        if port and wanted:  # bind "" is to listen nowhere
            for address in wanted:
                optional = address.startswith("-")
                try:
                    opened.append(open_listener(address.removeprefix("-"), port, self.config.number("tcp-backlog")))
                except OSError as error:
                    if optional:
                        continue
                    for listener in opened:
                        listener.close()
                    log.warning("Failed listening on port %d (%s), aborting: %s", port, name, error)
                    raise ConfigError(f"can't listen on {address} port {port}: {error.strerror}") from None
            if not opened:
                raise ConfigError(f"none of the bind addresses can be listened on, port {port}")
        self._replace_listeners(name, opened, accepted)

    def _replace_listeners(
        self, name: str, opened: list[socket.socket], accepted: Callable[[socket.socket, Any], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        for listener in self.listeners.pop(name, []):
            loop.remove_reader(listener.fileno())
            listener.close()
        for listener in opened:
            loop.add_reader(listener.fileno(), self._accept, listener, accepted)
        self.listeners[name] = opened
        self._takers[name] = accepted

    def acceptors(self) -> list[tuple[int, Callable[[], None]]]:
        """The listeners' file descriptors and what to call when one is readable (for turns below a late script)."""
        tls: Tls = self.engine.parts["tls"]
        open_now = [
            (listener.fileno(), functools.partial(self._accept, listener, self._takers[name]))
            for name, listeners in self.listeners.items()
            for listener in listeners
        ]
        return open_now + tls.acceptors()

    def listen_unix(
        self, name: str, path: str, permissions: int, accepted: Callable[[socket.socket, Any], None]
    ) -> None:
        """Listens on a unix socket (an empty path: not at all). `permissions` 0 leaves those of the process's umask."""
        if not path:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        if permissions:
            os.chmod(path, permissions)
        listener.listen(self.config.number("tcp-backlog"))
        listener.setblocking(False)
        self._replace_listeners(name, [listener], accepted)

    def _move_port(self, port: object) -> None:
        if self.engine.loop is None or "clients" not in self.listeners:
            return
        try:
            self.listen("clients", int(str(port)), self._accepted)
        except ConfigError:
            raise ValueError("Unable to listen on this port. Check server logs.") from None

    def _move_bind(self, value: object) -> None:
        if self.engine.loop is None or "clients" not in self.listeners:
            return
        try:
            self.listen("clients", self.config.number("port"), self._accepted)
        except ConfigError:
            raise ValueError("Failed to bind to specified addresses.") from None

    def _accept(self, listener: socket.socket, accepted: Callable[[socket.socket, Any], None]) -> None:
        for _ in range(1000):  # as many as wait, but the loop gets its turn
            try:
                taken = accept(listener.fileno())
            except OSError as error:
                log.warning("Accepting a client connection failed: %s", error)
                return
            if taken is None:
                return
            accepted(*taken)

    def _accepted(self, connection: socket.socket, address: Any) -> None:
        self.take_client(connection, address, self.connection_class)

    def take_client(
        self,
        connection: socket.socket,
        address: Any,
        kind: type[Connection],
        wire: TlsWire | None = None,
        trusted: bool = False,
    ) -> Connection | None:
        """Makes an accepted socket a client, unless limits or (where it is not `trusted`) protected mode refuse it."""
        engine = self.engine
        engine.connections_received += 1
        if len(engine.clients) >= self.config.number("maxclients"):
            refuse(connection, b"-ERR max number of clients reached\r\n", wire)
            engine.connections_rejected += 1
            return None
        if isinstance(address, tuple):  # not a unix socket
            tune(connection.fileno(), self.config.number("tcp-keepalive"))
            if not trusted and self._protected(address):
                refuse(connection, PROTECTED_MODE_TEXT, wire)
                engine.connections_rejected += 1
                return None
        client = kind(engine, connection, self.closed)
        if wire is not None:
            client.use(wire)
        client.address = show_address(address, connection)
        client.local_address = show_address(local_address(connection.fileno()), connection)
        welcome = engine.parts.get("welcome")
        if welcome is not None:
            welcome(client)
        client.start()
        return client

    def _protected(self, address: Any) -> bool:
        if not self.config.flag("protected-mode") or self.config.flag("managed"):
            return False
        host = address[0]
        if host == "127.0.0.1" or engine_has_password(self.engine):
            return False
        return not ipaddress.ip_address(host.partition("%")[0].removeprefix("::ffff:")).is_loopback

    def closed(self, client: Client) -> None:
        """What a connection calls when it ends."""
        for hook in self.on_connection_closed:
            hook(client)

    # -- time ----------------------------------------------------------------------------------------------------------

    def every(self, seconds: float, work: Callable[[], object]) -> None:
        """Calls `work` about every so many seconds, at most once a turn of the timer (100 ms at hz 10)."""
        self._timers.append((seconds, work))

    async def _keep_time(self) -> None:
        due: dict[int, float] = {}
        busy = False
        while True:
            await asyncio.sleep(0.001 if busy else TICK * 10 / self.config.number("hz"))
            self.engine.refresh_clock()
            self.engine.current = None
            busy = self._background()
            now = time.monotonic()
            for index, (seconds, work) in enumerate(self._timers):
                if now >= due.get(index, 0.0):
                    due[index] = now + seconds
                    work()
            self.engine.flush_pending()

    def _background(self) -> bool:
        """A slice of what can wait: expiry, resizing, freeing; True when more is to be done soon."""
        keyspace = self.engine.keyspace
        began = self.engine.tick()
        more: bool = self.engine.parts["expiry"].step(BACKGROUND_BUDGET)
        spent = self.engine.tick() - began
        if 0 <= self.engine.latency_ns <= spent and self.engine.on_latency is not None:
            self.engine.on_latency("expire-cycle", spent // 1_000_000)
        deadline = time.monotonic() + BACKGROUND_BUDGET
        while keyspace.resizing() and time.monotonic() < deadline:
            keyspace.resize_step(64)
        while keyspace.free_lazily(512) and time.monotonic() < deadline:
            pass
        return more or keyspace.resizing() or bool(keyspace.lazy)


LEVELS = {"debug": logging.DEBUG, "verbose": logging.INFO, "notice": logging.INFO, "warning": logging.WARNING}


def engine_has_password(engine: Engine) -> bool:
    """Whether the default user needs one (protected mode)."""
    acl = engine.parts.get("acl")
    if acl is not None:
        return bool(acl.default_needs_password)
    return bool(engine.parts["config"].text("requirepass"))


def open_listener(address: str, port: int, backlog: int) -> socket.socket:
    """A listening, non-blocking TCP socket. `*` is every IPv4 address, `::*` every IPv6 one."""
    six = ":" in address
    host = {"*": "0.0.0.0", "::*": "::"}.get(address, address)
    listener = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def keep_alive(connection: socket.socket, seconds: int) -> None:
    """tcp-keepalive: a dead peer is found after about twice that time."""
    if seconds:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(seconds // 3, 1))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def refuse(connection: socket.socket, text: bytes, wire: TlsWire | None = None) -> None:
    """A last word to a connection that is not taken."""
    with contextlib.suppress(OSError):
        if wire is None:
            connection.send(text)
        else:
            wire.write(text)
            wire.end()
    connection.close()


def show_address(address: Any, connection: socket.socket) -> str:
    """`ip:port` as CLIENT LIST shows it; a unix socket's path with port 0."""
    if not isinstance(address, tuple):
        return f"{address or connection.getsockname()}:0"
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


__all__ = ["Server", "options"]
