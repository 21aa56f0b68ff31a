"""Commands of replication: REPLICAOF, SYNC, PSYNC, REPLCONF, ROLE, WAIT, FAILOVER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core.client import NO_REPLY, Client
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.persistence import codecs
from scrubjay_engine.persistence.image import Images
from scrubjay_engine.replication import report
from scrubjay_engine.replication.failover import NONE as NO_FAILOVER
from scrubjay_engine.replication.follower import Follower
from scrubjay_engine.replication.primary import Replication

if TYPE_CHECKING:
    from scrubjay_engine.server import Server


def replicaof(client: Client, args: list[bytes]) -> str:
    """REPLICAOF HOST PORT, REPLICAOF NO ONE."""
    engine = client.engine
    replication: Replication = engine.replication
    if engine.keyspace.cluster:
        raise CommandError("ERR REPLICAOF not allowed in cluster mode.")
    if engine.config.flag("managed"):
        raise CommandError("ERR REPLICAOF not allowed in managed mode: the operator decides who follows whom")
    if replication.failover.state != NO_FAILOVER:
        raise CommandError("ERR REPLICAOF not allowed while failing over.")
    if args[1].lower() == b"no" and args[2].lower() == b"one":
        replication.become_primary()
        return "OK"
    try:
        port = int(args[2])
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise CommandError("ERR Invalid master port")
    host = args[1].decode(errors="replace")
    following = replication.follower
    if following is not None and (following.host, following.port) == (host, port):
        return "OK Already connected to specified master"
    if client.replica is not None:
        raise CommandError("ERR Command is not valid when client is a replica.")
    replication.become_replica(Follower(replication, host, port))
    return "OK"


def sync(client: Client, args: list[bytes]) -> object:
    replication: Replication = client.engine.replication
    return replication.sync(client, None, -1)


def psync(client: Client, args: list[bytes]) -> object:
    replication: Replication = client.engine.replication
    replid = args[1].decode(errors="replace")
    if len(args) > 3 and args[3].lower() == b"failover":
        replication.take_over(replid, client)
    return replication.sync(client, replid, integer(args[2]))


def failover(client: Client, args: list[bytes]) -> str:
    """FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]"""
    replication: Replication = client.engine.replication
    if client.engine.keyspace.cluster:
        raise CommandError("ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.")
    if client.engine.config.flag("managed"):
        raise CommandError("ERR FAILOVER not allowed in managed mode: the operator decides who is the primary")
    if len(args) == 2 and args[1].lower() == b"abort":
        replication.failover.abort("Failover manually aborted")
        return "OK"
    target: tuple[str, int] | None = None
    timeout = 0
    force = False
    rest = args[1:]
    while rest:
        word = rest[0].lower()
        if word == b"timeout" and len(rest) > 1 and not timeout:
            timeout = integer(rest[1])
            if timeout <= 0:
                raise CommandError("ERR FAILOVER timeout must be greater than 0")
            del rest[:2]
        elif word == b"to" and len(rest) > 2 and target is None:
            target = rest[1].decode(errors="replace"), integer(rest[2])
            del rest[:3]
        elif word == b"force" and not force:
            force = True
            del rest[0]
        else:
            raise SYNTAX
    replication.failover.begin(target, timeout, force=force)
    return "OK"


def replconf(client: Client, args: list[bytes]) -> object:
    """Options of a replica before it asks for data, and its confirmations after."""
    if len(args) % 2 == 0:
        raise SYNTAX
    replication: Replication = client.engine.replication
    announced: dict[str, str] = client.notes.setdefault("replconf", {})
    for name, value in zip(args[1::2], args[2::2], strict=True):
        match name.lower():
            case b"listening-port":
                announced["listening-port"] = str(integer(value))
            case b"ip-address" | b"scrubjay-node" | b"version":
                announced[name.lower().decode()] = value[:255].decode(errors="replace")
            case b"scrubjay-epoch":
                _check_epoch(client, value)
                announced["scrubjay-epoch"] = value[:20].decode(errors="replace")
            case b"capa":
                announced["capa"] = f"{announced.get('capa', '')} {value.decode(errors='replace')}".strip()
            case b"rdb-only":
                announced["rdb-only"] = str(integer(value))
            case b"rdb-filter-only":
                _filter(announced, value)
            case b"ack" | b"getack":
                return _acknowledge(replication, client, name, value)
            case _:
                raise CommandError(b"ERR Unrecognized REPLCONF option: %b" % name)
    return "OK"


def _check_epoch(client: Client, value: bytes) -> None:
    """A managed replica says which epoch's primary it means."""
    authority = client.engine.node.authority
    if not client.engine.node.managed or authority.role != "primary" or b"%d" % authority.epoch != value:
        raise CommandError(b"ERR I am not the primary of epoch %b" % value[:20])


def _filter(announced: dict[str, str], value: bytes) -> None:
    for word in value.split():
        if word != b"functions":
            raise CommandError(b"ERR Unsupported rdb-filter-only option: %b" % word)
    announced["rdb-filter-only"] = value.decode()


def _acknowledge(replication: Replication, client: Client, name: bytes, value: bytes) -> object:
    if name.lower() == b"getack":
        follower = replication.follower
        if follower is not None and client is follower.link:
            replication.engine.loop.call_soon(follower.send_ack)
            replication.in_line(whole=True)
        return NO_REPLY
    if client.replica is not None:
        replication.note_ack(client, integer(value))
    return NO_REPLY


def role(client: Client, args: list[bytes]) -> list[object]:
    replication: Replication = client.engine.replication
    follower = replication.follower
    if follower is None:
        online = [link for link in replication.links.values() if link.state == "online"]
        rows = [[link.host.encode(), b"%d" % link.port, b"%d" % link.acknowledged] for link in online]
        return [b"master", replication.offset, rows]
    states = {"connecting": b"connect", "handshake": b"connecting", "syncing": b"sync", "up": b"connected"}
    offset = replication.offset if follower.in_sync else -1
    return [b"slave", follower.host.encode(), follower.port, states[follower.state], offset]


def wait(client: Client, args: list[bytes]) -> object:
    """WAIT numreplicas timeout: how many replicas have everything this client wrote."""
    replication: Replication = client.engine.replication
    if replication.follower is not None:
        raise CommandError(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated."
        )
    wanted = integer(args[1])
    timeout = integer(args[2], CommandError("ERR timeout is not an integer or out of range"))
    if timeout < 0:
        raise CommandError("ERR timeout is negative")
    offset = replication.offset
    have = replication.acknowledged(offset)
    if have >= wanted or not client.may_block:
        return have

    def look() -> None:
        found = replication.acknowledged(offset)
        if client.blocked is None or client.closed:
            replication.on_ack.remove(look)
        elif found >= wanted:
            replication.on_ack.remove(look)
            client.engine.blocking.unblock(client, found)
            client.engine.flush_pending()

    def expired() -> int:
        if look in replication.on_ack:
            replication.on_ack.remove(look)
        return replication.acknowledged(offset)

    replication.on_ack.append(look)
    replication.ask_for_acks()
    return client.block([], lambda key: None, timeout, expired, kind="wait")


def install(server: Server) -> None:
    """The parts `images` and `replication`, their timers, and what follows options."""
    assert codecs.layouts
    server.engine.parts["images"] = Images(server)
    replication = server.engine.parts["replication"] = Replication(server)
    server.on_connection_closed.append(replication.connection_closed)
    parts = server.engine.parts
    parts["info"]["replication"] = lambda server: report.section(replication)
    parts["role"] = lambda: "master" if replication.follower is None else "slave"
    parts["backlog_bytes"] = replication.stream.held
    parts["unread_by_replicas"] = replication.stream.unread
    parts.setdefault("unready", []).append(lambda: report.unready(replication))
    server.every(1.0, replication.each_second)
    server.every(0.1, replication.failover.look)
    server.every(0.1, replication.expire_local_keys)
    server.every(1.0, lambda: replication.follower.each_second() if replication.follower is not None else None)
    config = server.config
    config.on_change("repl-backlog-size", lambda size: setattr(replication.stream, "backlog_size", size))
    config.on_change("replica-read-only", lambda _: replication.follow_read_only(), now=False)
    config.on_change("min-replicas-to-write", lambda _: replication.follow_min_replicas())
    config.on_change("min-replicas-max-lag", lambda _: replication.follow_min_replicas())

    async def follow_option() -> None:
        words = config.words("replicaof")
        if len(words) == 2 and words != ["no", "one"]:
            replication.become_replica(Follower(replication, words[0], int(words[1])))

    parts.setdefault("after_loading", []).append(follow_option)


COMMANDS = family(
    "server",
    [
        command("replicaof", replicaof, 3, "admin noscript stale no_async_loading", since="5.0.0", summary="Follow a primary, or none.", complexity="O(1)"),
        command("slaveof", replicaof, 3, "admin noscript stale no_async_loading", since="1.0.0", summary="Follow a primary, or none.", complexity="O(1)"),
        command("sync", sync, 1, "admin noscript no_async_loading no_multi", since="1.0.0", summary="Send the data and then the stream (old form).", complexity="O(N)"),
        command("psync", psync, -3, "admin noscript no_async_loading no_multi", since="2.8.0", summary="Send the stream from a position on, or the data first.", complexity="O(N)"),
        command("replconf", replconf, -1, "admin noscript loading stale allow_busy", since="3.0.0", summary="What a replica says about itself.", complexity="O(1)"),
        command("failover", failover, -1, "admin noscript stale", since="6.2.0", summary="Hand the role of primary to a replica.", complexity="O(1)"),
        command("role", role, 1, "noscript loading stale fast", categories="admin dangerous", since="2.8.12", summary="The role in replication.", complexity="O(1)"),
    ],
) + family("generic", [
        command("wait", wait, 3, "noscript", categories="connection -keyspace", since="3.0.0", summary="Wait until replicas have this client's writes.", complexity="O(1)"),
    ],
)  # fmt: skip
