"""The TLS ports: `tls-port` for clients, `node-tls-port` for the other nodes of a CacheCluster, and TLS for our own links to a primary.

`Tls` is `engine.parts["tls"]`. It makes contexts from the `tls-*` options (Redis' own, redis.conf of 7.0) and from `node-tls-*`: the certificates that nodes and
the operator know each other by, of a CA of their own, whatever clients use. Changed options, or the same ones set again after their files were replaced,
make new contexts: connections that are there keep theirs, so nobody is disconnected, and sessions of before are not resumed.

Who comes in by `node-tls-port` has a certificate of the nodes' CA, and needs no password: it is a node, or the operator.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from scrubjay_engine.config import ConfigError
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.options import OPTIONS
from scrubjay_engine.security.handshakes import Handshakes
from scrubjay_engine.security.tls import TlsContext, TlsError, TlsWire

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

# A change of one of these makes new contexts: all of Redis' options, but none of what only concerns connections.
CLIENT_OPTIONS = [
    name
    for name in OPTIONS
    if name.startswith("tls-")
    and name not in ("tls-handshake-timeout", "tls-auto-reload-interval", "tls-auth-clients-user")
]
NODE_OPTIONS = ["node-tls-port", "node-tls-cert-file", "node-tls-key-file", "node-tls-ca-cert-file"]
FILE_OPTIONS = [name for name in [*CLIENT_OPTIONS, *NODE_OPTIONS] if name.endswith("-file")]
NOT_CONFIGURED = "Unable to update TLS configuration. Check server logs."
NOT_LISTENING = "Unable to listen on this port. Check server logs."
NO_CA = "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or tls-auth-clients are enabled!"


class Tls:
    """Contexts and listeners."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.config = server.config
        self.handshakes = Handshakes(lambda: self.config.number("tls-handshake-timeout"))
        self.for_clients: TlsContext | None = None
        self.for_links: TlsContext | None = None
        self.for_nodes: TlsContext | None = None
        self.for_node_links: TlsContext | None = None
        self._looked = 0.0
        self._marks: dict[str, object] = {}
        self._ports = {"tls-port": 0, "node-tls-port": 0}
        self.config.after_change(CLIENT_OPTIONS, self._clients_changed)
        self.config.after_change(NODE_OPTIONS, self._nodes_changed)
        self.config.on_change("bind", lambda _: self._listen_again(), now=False)

    # -- contexts --------------------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether an option asks for TLS at all."""
        config = self.config
        return bool(config.number("tls-port")) or config.flag("tls-replication") or config.flag("tls-cluster")

    @property
    def nodes_known(self) -> bool:
        """Whether nodes have certificates of their own."""
        return bool(self.config.text("node-tls-cert-file"))

    def _make_client_contexts(self) -> tuple[TlsContext, TlsContext]:
        config = self.config
        if not config.text("tls-cert-file"):
            raise TlsError("No tls-cert-file configured!")
        if not config.text("tls-key-file"):
            raise TlsError("No tls-key-file configured!")
        authorities = {"ca_file": config.text("tls-ca-cert-file"), "ca_folder": config.text("tls-ca-cert-dir")}
        verify = config.text("tls-auth-clients")
        if not any(authorities.values()) and (
            verify != "no" or config.flag("tls-replication") or config.flag("tls-cluster")
        ):
            raise TlsError(NO_CA)
        key = ("tls-cert-file", "tls-key-file", "tls-key-file-pass")
        ours = TlsContext(client=False, verify=verify, **self._key(key), **authorities)
        if config.text("tls-client-cert-file"):
            key = ("tls-client-cert-file", "tls-client-key-file", "tls-client-key-file-pass")
        links = TlsContext(client=True, verify="yes", **self._key(key), **authorities)
        for context in (ours, links):
            context.restrict(
                protocols=config.text("tls-protocols"),
                ciphers=config.text("tls-ciphers"),
                ciphersuites=config.text("tls-ciphersuites"),
                prefer_ours=config.flag("tls-prefer-server-ciphers"),
                dh_file=config.text("tls-dh-params-file"),
            )
        ours.remember_sessions(
            config.flag("tls-session-caching"),
            config.number("tls-session-cache-size"),
            config.number("tls-session-cache-timeout"),
        )
        return ours, links

    def _key(self, names: tuple[str, str, str]) -> dict[str, str]:
        cert, key, password = (self.config.text(name) for name in names)
        return {"cert": cert, "key": key, "key_password": password}

    def _make_node_contexts(self) -> tuple[TlsContext, TlsContext]:
        cert, key, authority = (self.config.text(name) for name in NODE_OPTIONS[1:])
        if not key or not authority:
            raise TlsError("node-tls-cert-file needs node-tls-key-file and node-tls-ca-cert-file!")
        both = [
            TlsContext(client=client, verify="yes", cert=cert, key=key, ca_file=authority) for client in (False, True)
        ]
        for context in both:
            context.restrict()
        both[0].remember_sessions(True, 1024, 300)
        return both[0], both[1]

    # -- options ---------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """At the start: contexts and listeners. Raises ConfigError."""
        self._marks = {name: mark(self.config.text(name)) for name in FILE_OPTIONS}
        try:
            self._configure_clients()
            self._configure_nodes()
        except TlsError as error:
            log.warning("%s", error)
            raise ConfigError(f"Failed to configure TLS. {error}") from None
        self._listen("tls-port")
        self._listen("node-tls-port")

    def _configure_clients(self) -> None:
        if self.wanted:
            self.for_clients, self.for_links = self._make_client_contexts()

    def _configure_nodes(self) -> None:
        if self.nodes_known:
            self.for_nodes, self.for_node_links = self._make_node_contexts()
        else:
            self.for_nodes = self.for_node_links = None

    def _clients_changed(self) -> None:
        self._changed(self._configure_clients, "tls-port")

    def _nodes_changed(self) -> None:
        self._changed(self._configure_nodes, "node-tls-port")

    def _changed(self, configure: Any, port: str) -> None:
        """CONFIG SET: raises ValueError in Redis' words, and what was there before stays."""
        try:
            configure()
        except TlsError as error:
            log.warning("%s", error)
            raise ValueError(NOT_CONFIGURED) from None
        if self._ports[port] != self.config.number(port):
            try:
                self._listen(port)
            except ConfigError:
                raise ValueError(NOT_LISTENING) from None

    def _listen_again(self) -> None:
        for name, port in self._ports.items():
            if port:
                self._ports[name] = 0
                self._listen(name)

    def _listen(self, name: str) -> None:
        if self.server.engine.loop is None:
            return
        port = self.config.number(name)
        if port and name == "node-tls-port" and not self.nodes_known:
            raise ConfigError("node-tls-port needs node-tls-cert-file, node-tls-key-file and node-tls-ca-cert-file")
        self.server.listen(name, port, self._accept_client if name == "tls-port" else self._accept_node)
        self._ports[name] = port

    # -- files that are replaced -------------------------------------------------------------------------------------------

    def look_at_files(self) -> None:
        """`tls-auto-reload-interval` seconds apart: files that are others now are taken up, as by a CONFIG SET of the same names."""
        seconds = self.config.number("tls-auto-reload-interval")
        if not seconds or time.monotonic() - self._looked < seconds:
            return
        self._looked = time.monotonic()
        marks = {name: mark(self.config.text(name)) for name in FILE_OPTIONS}
        changed = [name for name, found in marks.items() if self._marks.get(name) != found]
        self._marks = marks
        if changed:
            log.info("Certificates were replaced: %s", ", ".join(changed))
            with contextlib.suppress(CommandError):  # it is in the log, and what was there before stays in use
                self.config.reapply(changed)

    # -- connections -----------------------------------------------------------------------------------------------------

    def _accept_client(self, connection: socket.socket, address: Any) -> None:
        self._begin(self.for_clients, connection, address, self._client_ready)

    def _accept_node(self, connection: socket.socket, address: Any) -> None:
        self._begin(self.for_nodes, connection, address, self._node_ready)

    def _begin(self, context: TlsContext | None, connection: socket.socket, address: Any, done: Any) -> None:
        engine = self.server.engine
        if len(self.handshakes.under_way) + len(engine.clients) >= self.config.number("maxclients"):
            engine.connections_received += 1
            engine.connections_rejected += 1
            connection.close()  # before a handshake there are no words that it would understand
            return
        assert context is not None  # a listener is opened after its context
        self.handshakes.begin(context, connection, address, done)

    def _client_ready(self, connection: socket.socket, address: Any, wire: TlsWire) -> None:
        client = self.server.take_client(connection, address, self.server.connection_class, wire)
        source = self.config.text("tls-auth-clients-user")
        if client is None or source == "off":
            return
        common, alternatives = wire.peer_names()
        self._log_in(client, alternatives if source == "san" else [] if common is None else [common])

    def _log_in(self, client: Client, names: list[str]) -> None:
        """The first name of the certificate that an enabled user has: that user's session. Without one, the default user's."""
        acl = self.server.engine.parts["acl"]
        for name in names:
            user = acl.users.get(name.encode())
            if user is not None and user.enabled:
                client.user = user
                client.notes["authenticated"] = True
                acl.settle(client)
                return

    def _node_ready(self, connection: socket.socket, address: Any, wire: TlsWire) -> None:
        client = self.server.take_client(connection, address, self.server.connection_class, wire, trusted=True)
        if client is not None:
            client.user = None
            client.notes["authenticated"] = True
            self.server.engine.parts["acl"].settle(client)

    def link_wire(self, connection: socket.socket) -> TlsWire | None:
        """TLS for a connection of ours to a primary, or None where it is plain."""
        context = self.for_node_links or (self.for_links if self.config.flag("tls-replication") else None)
        return None if context is None else TlsWire(context, connection.fileno())

    def acceptors(self) -> list[tuple[int, Any]]:
        """Handshakes that go on below a late script."""
        return [(one.connection.fileno(), one.go_on) for one in self.handshakes.under_way]


def mark(path: str) -> object:
    """Another one when the file is another, or is gone."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def install(server: Server) -> None:
    """The part `tls`; its ports are opened with the clients' port."""
    tls = server.engine.parts["tls"] = Tls(server)
    server.every(0.5, tls.handshakes.drop_late)
    server.every(1, tls.look_at_files)
    server.engine.parts.setdefault("metrics", []).append(tls.handshakes.metrics)

    async def end() -> None:
        tls.handshakes.close()

    server.on_stop.append(end)
