"""Client-side caching: which client may have which key in its cache, and telling it when the key changes (CLIENT TRACKING).

Two modes. By default the server remembers the keys a client has read; BCAST clients get every change of keys with certain prefixes instead. Messages are RESP3
pushes, or go to another connection (REDIRECT), over RESP2 as pub/sub messages. Rules:

1. A key that was read is remembered before its reply leaves, so no change can be missed.
2. One message a read key: the entry is removed when the message goes out.
3. Messages about a client's own change come after the reply of the command that changed it; those about an eviction that made room for a command come before.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core.client import Client, SetReply
from scrubjay_engine.core.command import Command, command
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.core.keyspace import Database

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

CLIENT_TRACKING = 1 << 4
FLAG_READONLY = 1 << 1
CHANNEL = b"__redis__:invalidate"
PREFIX = (
    33 + 40 + 40 + 216
)  # bytes that a prefix takes beside its own: the object's head, two places, and the set of its listeners
OPTIONS = (b"BCAST", b"OPTIN", b"OPTOUT", b"NOLOOP")


class Tracking:
    """What one client has asked for."""

    __slots__ = ("broadcast", "broken", "bytes", "caching", "noloop", "optin", "optout", "prefixes", "redirect")

    def __init__(self) -> None:
        self.broadcast = self.optin = self.optout = self.noloop = False
        self.redirect = 0
        self.broken = False
        self.caching = False  # CLIENT CACHING applies to the next command
        self.prefixes: dict[bytes, None] = {}
        self.bytes = 0  # what the prefixes take


class TrackingTable:
    """Keys that clients may hold, prefixes they listen to, and messages that wait for the end of a command."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = server.engine
        self.readers: dict[bytes, set[int]] = {}
        self.prefixes: dict[bytes, set[int]] = {}
        self.clients: set[int] = set()
        self.waiting: list[tuple[Client, list[bytes] | None]] = []
        self.changes: dict[bytes, set[int]] = {}  # key -> clients that changed it, until the broadcast
        self.scheduled = False

    # -- who tracks ----------------------------------------------------------------------------------------------------

    def enable(self, client: Client, wish: Tracking) -> None:
        """CLIENT TRACKING ON; prefixes add to those there are."""
        before: Tracking | None = client.tracking
        if before is not None:
            wish.prefixes = {**before.prefixes, **wish.prefixes}
        client.tracking = wish
        client.gates |= CLIENT_TRACKING
        self.clients.add(client.id)
        if wish.broadcast:
            wish.prefixes = wish.prefixes or {b"": None}
            wish.bytes = sum(len(prefix) + PREFIX for prefix in wish.prefixes)
            for prefix in wish.prefixes:
                self.prefixes.setdefault(prefix, set()).add(client.id)
        self._listen()

    def disable(self, client: Client) -> None:
        if client.tracking is None:
            return
        for prefix in client.tracking.prefixes:
            listeners = self.prefixes.get(prefix, set())
            listeners.discard(client.id)
            if not listeners:
                self.prefixes.pop(prefix, None)
        client.tracking = None
        client.gates &= ~CLIENT_TRACKING
        self.clients.discard(client.id)
        if not self.clients:
            self.readers.clear()
        self._listen()

    def _listen(self) -> None:
        """The keyspace reports changes only while somebody tracks."""
        if self.clients:
            self.engine.parts["tracking_changed"] = self.changed
        else:
            self.engine.parts.pop("tracking_changed", None)
        self.engine.parts["watches"].update()

    # -- reading -------------------------------------------------------------------------------------------------------

    def after(self, client: Client, row: Command, args: list[bytes]) -> None:
        """The engine's hook after each command of a tracking client: remembers what was read."""
        tracking: Tracking | None = client.tracking
        if tracking is None:
            return
        if row.flags & FLAG_READONLY and row.group != "scripting":
            self.remember(client, row.keys(args))
        if self.engine.depth == 0 and client.multi is None and row.name != "client|caching":
            tracking.caching = False

    def remember(self, client: Client, keys: list[bytes]) -> None:
        """Notes that a client has seen keys, as its mode asks for (a script's reads are told by the script)."""
        tracking: Tracking | None = client.tracking
        if tracking is None or tracking.broadcast:
            return
        if (tracking.optin and not tracking.caching) or (tracking.optout and tracking.caching):
            return
        for key in keys:
            self.readers.setdefault(key, set()).add(client.id)

    # -- changes -------------------------------------------------------------------------------------------------------

    def changed(self, db: Database, key: bytes) -> None:
        """A key was changed, removed, expired or evicted."""
        changer = self.engine.current
        if self.prefixes and any(key.startswith(prefix) for prefix in self.prefixes):
            by = self.changes.setdefault(key, set())
            by.add(0 if changer is None else changer.id)
            self._schedule()
        self._invalidate(key, changer)

    def _invalidate(self, key: bytes, changer: Client | None) -> None:
        """Whoever has read the key is told to forget it; NOLOOP spares the one who changed it."""
        for number in self.readers.pop(key, ()):
            client = self.engine.clients.get(number)
            if client is None or client.tracking is None or client.tracking.broadcast:
                continue
            if client.tracking.noloop and client is changer:
                continue
            if self.engine.depth == 0 and not self.engine.blocking.serving:
                # Between commands (eviction, expiry): the old value is gone before the next command's reply is written.
                self._tell(client, [key])
            else:
                self.waiting.append((client, [key]))
                self._schedule()

    def flushed(self, db: Database) -> None:
        """A database was emptied: everybody forgets everything."""
        if not self.clients:
            return
        for number in self.clients:
            client = self.engine.clients.get(number)
            if client is not None:
                self.waiting.append((client, None))
        self.readers.clear()
        self._schedule()

    def trim(self) -> None:
        """Keeps to tracking-table-max-keys by telling clients to forget random keys."""
        limit = self.server.config.number("tracking-table-max-keys")
        if not limit or len(self.readers) <= limit:
            return
        for key in random.sample(list(self.readers), len(self.readers) - limit):
            self._invalidate(key, None)

    def _schedule(self) -> None:
        if not self.scheduled:
            self.scheduled = True
            self.engine.loop.call_soon(self.send)

    def send(self) -> None:
        """Sends what has gathered: single keys first, then the broadcasts."""
        self.scheduled = False
        waiting, self.waiting = self.waiting, []
        for client, keys in waiting:
            self._tell(client, keys)
        changes, self.changes = self.changes, {}
        for prefix, listeners in list(self.prefixes.items()):
            for number in list(listeners):
                listener = self.engine.clients.get(number)
                if listener is None or listener.tracking is None:
                    continue
                changed = [key for key, by in changes.items() if key.startswith(prefix) and not self._own(listener, by)]
                if changed:
                    self._tell(listener, changed)
        self.engine.flush_pending()

    @staticmethod
    def _own(client: Client, by: set[int]) -> bool:
        return bool(client.tracking.noloop) and by == {client.id}

    def _tell(self, client: Client, keys: list[bytes] | None) -> None:
        tracking: Tracking | None = client.tracking
        if tracking is None or client.closed:
            return
        target = client
        if tracking.redirect:
            found = self.engine.clients.get(tracking.redirect)
            if found is None:
                tracking.broken = True
                if client.protocol == 3:
                    client.push([b"tracking-redir-broken", tracking.redirect])
                return
            target = found
        if target.protocol == 3:
            target.push([b"invalidate", keys])
        elif tracking.redirect and target.subscriptions:
            target.push([b"message", CHANNEL, keys])

    def counts(self) -> list[tuple[str, int]]:
        """For INFO."""
        return [
            ("tracking_total_keys", len(self.readers)),
            ("tracking_total_items", sum(len(readers) for readers in self.readers.values())),
            ("tracking_total_prefixes", len(self.prefixes)),
        ]


# -- commands ----------------------------------------------------------------------------------------------------------


def _parse(client: Client, args: list[bytes]) -> Tracking:
    wish, at = Tracking(), 3
    while at < len(args):
        word = args[at].upper()
        if word == b"REDIRECT" and at + 1 < len(args):
            at += 1
            if wish.redirect:
                raise CommandError("ERR A client can only redirect to a single other client")
            wish.redirect = integer(args[at])
            if client.engine.clients.get(max(wish.redirect, 0)) is None:
                raise CommandError("ERR The client ID you want redirect to does not exist")
        elif word == b"PREFIX" and at + 1 < len(args):
            at += 1
            wish.prefixes[args[at]] = None
        elif word == b"BCAST":
            wish.broadcast = True
        elif word in OPTIONS:
            setattr(wish, word.decode().lower(), True)
        else:
            raise SYNTAX
        at += 1
    return wish


def _check(wish: Tracking, before: Tracking | None) -> None:
    """Whether these options go together and with what is set already."""
    if wish.prefixes and not wish.broadcast:
        raise CommandError("ERR PREFIX option requires BCAST mode to be enabled")
    if before is not None and before.broadcast != wish.broadcast:
        raise CommandError(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a "
            "different mode."
        )
    if wish.broadcast and (wish.optin or wish.optout):
        raise CommandError("ERR OPTIN and OPTOUT are not compatible with BCAST")
    if wish.optin and wish.optout:
        raise CommandError("ERR You can't specify both OPTIN mode and OPTOUT mode")
    if before is not None and ((wish.optin and before.optout) or (wish.optout and before.optin)):
        raise CommandError(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a "
            "different mode."
        )
    if wish.broadcast:
        _check_prefixes(list(wish.prefixes), list(before.prefixes) if before is not None else [])


def _check_prefixes(given: list[bytes], present: list[bytes]) -> None:
    def overlap(a: bytes, b: bytes) -> bool:
        return a.startswith(b) or b.startswith(a)

    for at, prefix in enumerate(given):
        for other in present:
            if overlap(prefix, other):
                raise CommandError(
                    b"ERR Prefix '%s' overlaps with an existing prefix '%s'. Prefixes for a single client must not overlap."
                    % (prefix, other)
                )
        for other in given[at + 1 :]:
            if overlap(prefix, other):
                raise CommandError(
                    b"ERR Prefix '%s' overlaps with another provided prefix '%s'. Prefixes for a single client must not overlap."
                    % (prefix, other)
                )


def tracking(client: Client, args: list[bytes]) -> str:
    wish = _parse(client, args)
    table: TrackingTable = client.engine.parts["tracking"]
    match args[2].upper():
        case b"ON":
            _check(wish, client.tracking)
            table.enable(client, wish)
        case b"OFF":
            table.disable(client)
        case _:
            raise SYNTAX
    return "OK"


def caching(client: Client, args: list[bytes]) -> str:
    mine: Tracking | None = client.tracking
    if mine is None:
        raise CommandError(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
        )
    match args[2].upper():
        case b"YES":
            if not mine.optin:
                raise CommandError("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
        case b"NO":
            if not mine.optout:
                raise CommandError("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
        case _:
            raise SYNTAX
    mine.caching = True
    return "OK"


def get_redirect(client: Client, args: list[bytes]) -> int:
    return -1 if client.tracking is None else client.tracking.redirect


def tracking_info(client: Client, args: list[bytes]) -> dict[bytes, object]:
    mine: Tracking | None = client.tracking
    flags = [b"off"]
    if mine is not None:
        shown = [
            (b"on", True),
            (b"bcast", mine.broadcast),
            (b"optin", mine.optin),
            (b"caching-yes", mine.optin and mine.caching),
            (b"optout", mine.optout),
            (b"caching-no", mine.optout and mine.caching),
            (b"noloop", mine.noloop),
            (b"broken_redirect", mine.broken),
        ]
        flags = [word for word, on in shown if on]
    return {
        b"flags": SetReply(flags),
        b"redirect": get_redirect(client, args),
        b"prefixes": sorted(mine.prefixes) if mine is not None else [],
    }


def install(server: Server) -> None:
    """The table, and what it hears about."""
    parts = server.engine.parts
    table = parts["tracking"] = TrackingTable(server)
    server.engine.on_tracking = table.after
    parts["tracking_read"] = table.remember
    parts["tracking_counts"] = table.counts
    parts.setdefault("on_flush", []).append(table.flushed)
    parts.setdefault("on_reset", []).append(table.disable)
    server.on_connection_closed.append(table.disable)
    server.config.on_change("tracking-table-max-keys", lambda _: table.trim(), now=False)
    server.every(0.1, table.trim)


SLOW = "noscript loading stale no_role"
TRACKING_COMMANDS = [
    command("caching", caching, 3, SLOW, since="6.0.0", summary="Track the next command's keys.", complexity="O(1)"),
    command("getredir", get_redirect, 2, SLOW, since="6.0.0", summary="Where messages go.", complexity="O(1)"),
    command("tracking", tracking, -3, SLOW, since="6.0.0", summary="Tell about changed keys.", complexity="O(1)"),
    command("trackinginfo", tracking_info, 2, SLOW, since="6.2.0", summary="How tracking is set.", complexity="O(1)"),
]
