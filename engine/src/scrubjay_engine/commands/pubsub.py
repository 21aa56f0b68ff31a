"""Publish and subscribe: channels, patterns, sharded channels, and keyspace notifications, which are messages too.

A subscription in RESP2 puts the connection into a state in which few commands are allowed (dispatch); in RESP3 messages are pushes. Sharded channels
(SSUBSCRIBE) are channels of a hash slot: without cluster mode they differ from others in name only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.core.client import NO_REPLY, Client
from scrubjay_engine.core.command import command, family, keys
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.core.keyspace import Database

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

CLIENT_SUBSCRIBED = 1 << 3
CLIENT_DENY_BLOCKING = 1 << 7
LETTERS = {
    "g": 1 << 2, "$": 1 << 3, "l": 1 << 4, "s": 1 << 5, "h": 1 << 6, "z": 1 << 7, "x": 1 << 8, "e": 1 << 9, "t": 1 << 10,
    "d": 1 << 13, "K": 1 << 0, "E": 1 << 1, "m": 1 << 11, "n": 1 << 14,
}  # fmt: skip
ALL_EVENTS = sum(LETTERS[letter] for letter in "g$lshzxetd")
KEYSPACE, KEYEVENT = 1, 2
SUBSCRIPTION = (
    33 + 40 + 40 + 224
)  # bytes that a subscription takes beside its name: the object's head, two places, and the dict of its subscribers


class Subscriptions:
    """What one client has subscribed to."""

    __slots__ = ("bytes", "channels", "patterns", "shard_channels")

    def __init__(self) -> None:
        self.channels: dict[bytes, None] = {}
        self.patterns: dict[bytes, None] = {}
        self.shard_channels: dict[bytes, None] = {}
        self.bytes = 0  # what they take

    def __len__(self) -> int:
        return len(self.channels) + len(self.patterns) + len(self.shard_channels)


class PubSub:
    """All subscriptions: channel -> clients in the order they came."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.channels: dict[bytes, dict[Client, None]] = {}
        self.shard_channels: dict[bytes, dict[Client, None]] = {}
        self.patterns: dict[bytes, dict[Client, None]] = {}

    def publish(self, channel: bytes, message: bytes, shard: bool = False) -> int:
        """Sends to everyone who listens; how many messages that were."""
        receivers = 0
        kind = b"smessage" if shard else b"message"
        for client in list((self.shard_channels if shard else self.channels).get(channel, ())):
            client.push([kind, channel, message])
            receivers += 1
        if not shard:
            for pattern, clients in list(self.patterns.items()):
                if glob_matches(pattern, channel):
                    for client in list(clients):
                        client.push([b"pmessage", pattern, channel, message])
                        receivers += 1
        return receivers

    def table(self, client: Client, kind: str) -> tuple[dict[bytes, None], dict[bytes, dict[Client, None]]]:
        """(what the client has, everyone's) of `channels`, `patterns` or `shard_channels`."""
        if client.subscriptions is None:
            client.subscriptions = Subscriptions()
        return getattr(client.subscriptions, kind), getattr(self, kind)

    def add(self, client: Client, kind: str, name: bytes) -> None:
        own, everyone = self.table(client, kind)
        if name not in own:
            client.subscriptions.bytes += len(name) + SUBSCRIPTION
        own[name] = None
        everyone.setdefault(name, {})[client] = None
        client.gates |= CLIENT_SUBSCRIBED

    def remove(self, client: Client, kind: str, name: bytes) -> None:
        own, everyone = self.table(client, kind)
        if name in own:
            client.subscriptions.bytes -= len(name) + SUBSCRIPTION
            del own[name]
        clients = everyone.get(name)
        if clients is not None:
            clients.pop(client, None)
            if not clients:
                del everyone[name]
        if not client.subscriptions:
            client.gates &= ~CLIENT_SUBSCRIBED

    def end_shard_channel(self, channel: bytes) -> None:
        """This node does not serve the channel's slot any more: its subscribers are told that it is over."""
        for client in list(self.shard_channels.get(channel, ())):
            self.remove(client, "shard_channels", channel)
            client.push([b"sunsubscribe", channel, _count(client, "shard_channels")])

    def forget(self, client: Client) -> None:
        """The client is gone, or RESET."""
        if client.subscriptions is not None:
            for kind in ("channels", "patterns", "shard_channels"):
                for name in list(getattr(client.subscriptions, kind)):
                    self.remove(client, kind, name)
            client.subscriptions = None

    def notify(self, kind: int, event: str, key: bytes, db: int) -> None:
        """A keyspace event, as `notify-keyspace-events` asks for it."""
        flags = self.server.engine.notify_flags
        name = event.encode()
        if flags & KEYSPACE:
            self.publish(b"__keyspace@%d__:%s" % (db, key), name)
        if flags & KEYEVENT:
            self.publish(b"__keyevent@%d__:%s" % (db, name), key)


def parse_events(text: str) -> int:
    """`KEA` as bits. Raises ValueError with Redis' words."""
    flags = 0
    for letter in text:
        if letter == "A":
            flags |= ALL_EVENTS
        elif letter in LETTERS:
            flags |= LETTERS[letter]
        else:
            raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    return flags


def show_events(flags: int) -> str:
    """Bits as CONFIG GET shows them: `AKE`."""
    shown = "A" if flags & ALL_EVENTS == ALL_EVENTS else "".join(c for c in "g$lshzxetd" if flags & LETTERS[c])
    return shown + "".join(letter for letter in "KEmn" if flags & LETTERS[letter])


def _subscribe(client: Client, names: Iterable[bytes], kind: str, word: bytes) -> object:
    if (
        client.gates & CLIENT_DENY_BLOCKING
        and client.protocol == 2
        and client.multi is None
        and client.script is not None
    ):
        raise CommandError("ERR Subscribing is not allowed from a script")
    pubsub: PubSub = client.engine.parts["pubsub"]
    for name in names:
        pubsub.add(client, kind, name)
        client.push([word, name, _count(client, kind)])
    return NO_REPLY


def _unsubscribe(client: Client, names: list[bytes], kind: str, word: bytes) -> object:
    pubsub: PubSub = client.engine.parts["pubsub"]
    own, _ = pubsub.table(client, kind)
    if not names:
        names = list(own)
        if not names:
            client.push([word, None, _count(client, kind)])
    for name in names:
        pubsub.remove(client, kind, name)
        client.push([word, name, _count(client, kind)])
    return NO_REPLY


def _count(client: Client, kind: str) -> int:
    held = client.subscriptions
    if held is None:
        return 0
    return len(held.shard_channels) if kind == "shard_channels" else len(held.channels) + len(held.patterns)


def subscribe(client: Client, args: list[bytes]) -> object:
    return _subscribe(client, args[1:], "channels", b"subscribe")


def unsubscribe(client: Client, args: list[bytes]) -> object:
    return _unsubscribe(client, args[1:], "channels", b"unsubscribe")


def psubscribe(client: Client, args: list[bytes]) -> object:
    return _subscribe(client, args[1:], "patterns", b"psubscribe")


def punsubscribe(client: Client, args: list[bytes]) -> object:
    return _unsubscribe(client, args[1:], "patterns", b"punsubscribe")


def ssubscribe(client: Client, args: list[bytes]) -> object:
    return _subscribe(client, args[1:], "shard_channels", b"ssubscribe")


def sunsubscribe(client: Client, args: list[bytes]) -> object:
    return _unsubscribe(client, args[1:], "shard_channels", b"sunsubscribe")


def publish(client: Client, args: list[bytes]) -> int:
    receivers = client.engine.parts["pubsub"].publish(args[1], args[2])
    client.rewrite(args)
    return int(receivers)


def spublish(client: Client, args: list[bytes]) -> int:
    receivers = client.engine.parts["pubsub"].publish(args[1], args[2], shard=True)
    client.rewrite(args)
    return int(receivers)


def pubsub_channels(client: Client, args: list[bytes]) -> list[bytes]:
    names = client.engine.parts["pubsub"].channels
    return [name for name in names if len(args) < 3 or glob_matches(args[2], name)]


def pubsub_shardchannels(client: Client, args: list[bytes]) -> list[bytes]:
    names = client.engine.parts["pubsub"].shard_channels
    return [name for name in names if len(args) < 3 or glob_matches(args[2], name)]


def pubsub_numsub(client: Client, args: list[bytes]) -> list[object]:
    channels = client.engine.parts["pubsub"].channels
    return [item for name in args[2:] for item in (name, len(channels.get(name, ())))]


def pubsub_shardnumsub(client: Client, args: list[bytes]) -> list[object]:
    channels = client.engine.parts["pubsub"].shard_channels
    return [item for name in args[2:] for item in (name, len(channels.get(name, ())))]


def pubsub_numpat(client: Client, args: list[bytes]) -> int:
    return len(client.engine.parts["pubsub"].patterns)


def pubsub_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "PUBSUB",
        "CHANNELS [<pattern>]",
        "    Channels that have subscribers.",
        "NUMPAT",
        "    How many patterns are subscribed to.",
        "NUMSUB [<channel> ...]",
        "    Subscribers of each channel.",
        "SHARDCHANNELS [<pattern>]",
        "    Sharded channels that have subscribers.",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Subscribers of each sharded channel.",
    )


def install(server: Server) -> None:
    """The subscriptions, and events of the keyspace."""
    parts, engine = server.engine.parts, server.engine
    pubsub = parts["pubsub"] = PubSub(server)
    engine.on_notify = pubsub.notify
    server.on_connection_closed.append(pubsub.forget)
    parts.setdefault("on_reset", []).append(pubsub.forget)
    parts["pubsub_counts"] = lambda: [
        ("pubsub_channels", len(pubsub.channels)),
        ("pubsub_patterns", len(pubsub.patterns)),
        ("pubsubshard_channels", len(pubsub.shard_channels)),
    ]

    def follow(value: object) -> None:
        flags = parse_events(str(value))
        engine.notify_flags = flags
        server.config.values["notify-keyspace-events"] = show_events(flags)
        missed = flags & LETTERS["m"]
        created = flags & LETTERS["n"]
        engine.keyspace.on_missed = (
            (lambda db, key: engine.notify(LETTERS["m"], "keymiss", key, db.id)) if missed else None
        )
        engine.keyspace.on_created = (
            (lambda db, key: engine.notify(LETTERS["n"], "new", key, db.id)) if created else None
        )

    def expired(db: Database, key: bytes) -> None:
        engine.add_effect(db.id, [b"DEL", key])
        engine.notify(LETTERS["x"], "expired", key, db.id)
        if engine.keyspace.watching and engine.keyspace.on_changed is not None:
            engine.keyspace.on_changed(db, key)

    engine.keyspace.on_expired = expired
    server.config.on_change("notify-keyspace-events", follow)


FLAGS = "pubsub noscript loading stale"
COMMANDS = family(
    "pubsub",
    [
        command("subscribe", subscribe, -2, FLAGS, since="2.0.0", summary="Listen to channels.", complexity="O(N) channels"),
        command("unsubscribe", unsubscribe, -1, FLAGS, since="2.0.0", summary="Stop listening to channels.", complexity="O(N) channels"),
        command("psubscribe", psubscribe, -2, FLAGS, since="2.0.0", summary="Listen to channels by pattern.", complexity="O(N) patterns"),
        command("punsubscribe", punsubscribe, -1, FLAGS, since="2.0.0", summary="Stop listening to patterns.", complexity="O(N) patterns"),
        command("ssubscribe", ssubscribe, -2, FLAGS, keys=keys(1, -1, 1, "not_key"), since="7.0.0", summary="Listen to sharded channels.", complexity="O(N) channels"),
        command("sunsubscribe", sunsubscribe, -1, FLAGS, keys=keys(1, -1, 1, "not_key"), since="7.0.0", summary="Stop listening to sharded channels.", complexity="O(N) channels"),
        command("publish", publish, 3, "pubsub loading stale fast may_replicate", since="2.0.0", summary="Send a message.", complexity="O(N+M) subscribers and patterns"),
        command("spublish", spublish, 3, "pubsub loading stale fast may_replicate", keys=keys(1, 1, 1, "not_key"), since="7.0.0", summary="Send a message to a sharded channel.", complexity="O(N) subscribers"),
        command(
            "pubsub", None, -2, "", since="2.8.0", summary="Who listens.",
            subcommands=[
                command("channels", pubsub_channels, -2, "pubsub loading stale", since="2.8.0", summary="Active channels.", complexity="O(N)"),
                command("numsub", pubsub_numsub, -2, "pubsub loading stale", since="2.8.0", summary="Subscribers of channels.", complexity="O(N)"),
                command("numpat", pubsub_numpat, 2, "pubsub loading stale", since="2.8.0", summary="Number of patterns.", complexity="O(1)"),
                command("shardchannels", pubsub_shardchannels, -2, "pubsub loading stale", since="7.0.0", summary="Active sharded channels.", complexity="O(N)"),
                command("shardnumsub", pubsub_shardnumsub, -2, "pubsub loading stale", since="7.0.0", summary="Subscribers of sharded channels.", complexity="O(N)"),
                command("help", pubsub_help, 2, "loading stale", categories="-pubsub", since="6.2.0", summary="Help.", complexity="O(1)"),
            ],
        ),
    ],
)  # fmt: skip
