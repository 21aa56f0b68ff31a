"""CLUSTER, READONLY, READWRITE and ASKING: what cluster clients and `redis-cli --cluster` ask a node, and slots by hand on an unmanaged server.

Topology, redirection and replies are in cluster/; this file is arguments, error texts (those of Redis 7.0.15) and the table. There is no cluster
bus: a managed node gets its topology from the operator, an unmanaged one serves the slots it is given (CLUSTER ADDSLOTS) alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scrubjay_engine.cluster import gate, report
from scrubjay_engine.cluster.node import ClusterNode
from scrubjay_engine.cluster.slots import SLOTS, in_ranges
from scrubjay_engine.cluster.store import Store
from scrubjay_engine.cluster.topology import Member, Shard, TopologyError
from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.cluster_help import cluster_help_lines
from scrubjay_engine.config import ConfigError
from scrubjay_engine.core.client import Client, Verbatim
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.core.slots import slot_of

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

Handler = Callable[[Client, list[bytes]], object]
DISABLED = CommandError("ERR This instance has cluster support disabled")
BAD_SLOT = CommandError("ERR Invalid or out of range slot")
BAD_ACTION = CommandError("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
MANAGED = CommandError(
    "ERR This node's topology is decided by the operator: change the CacheCluster resource instead (spec.shards, spec.replicasPerShard)"
)
BUS_OFFSET = 10000


def node_of(client: Client) -> ClusterNode:
    """This server's part in the cluster. Raises when cluster mode is off."""
    node: ClusterNode | None = client.engine.parts["cluster"]
    if node is None:
        raise DISABLED
    return node


def reading(handler: Callable[[Client, ClusterNode, list[bytes]], object]) -> Handler:
    """A subcommand that needs cluster mode."""

    def run(client: Client, args: list[bytes]) -> object:
        return handler(client, node_of(client), args)

    return run


def changing(handler: Callable[[Client, ClusterNode, list[bytes]], object]) -> Handler:
    """A subcommand that changes the topology, which the operator of a managed node does alone."""

    def run(client: Client, args: list[bytes]) -> object:
        node = node_of(client)
        if client.engine.config.flag("managed"):
            raise MANAGED
        try:
            return handler(client, node, args)
        except OSError as error:
            raise CommandError(f"ERR error saving the cluster node config: {error.strerror or error}") from error

    return run


def own_shard(node: ClusterNode) -> Shard:
    """The shard of this node. An unmanaged node is always in one."""
    shard = node.shard
    if shard is None:
        raise CommandError("ERR This node is in no shard of the topology it knows")
    return shard


# -- what clients read -------------------------------------------------------------------------------------------------


def cluster_slots(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return report.slots_reply(client.engine.cluster_gate.view)


def cluster_shards(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return report.shards_reply(client.engine.cluster_gate.view, client.engine.replication.stream.end)


def cluster_nodes(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return Verbatim(b"txt", report.nodes_text(client.engine.cluster_gate.view).encode())


def cluster_info(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return Verbatim(b"txt", report.info_text(client.engine.cluster_gate.view).encode())


def cluster_myid(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return node.id.encode()


def cluster_links(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return []  # connections of the cluster bus, which there is none of


def cluster_keyslot(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return slot_of(args[2])


def cluster_countkeysinslot(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    slot = integer(args[2])
    if not 0 <= slot < SLOTS:
        raise CommandError("ERR Invalid slot")
    return client.engine.keyspace.databases[0].count_in_slot(slot)


def cluster_getkeysinslot(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    slot, limit = integer(args[2]), integer(args[3])
    if not 0 <= slot < SLOTS or limit < 0:
        raise CommandError("ERR Invalid slot or number of keys")
    database = client.engine.keyspace.databases[0]
    return database.keys_in_slot(slot, min(limit, database.count_in_slot(slot)))


def known_member(node: ClusterNode, name: bytes, text: str = "ERR Unknown node %s") -> tuple[Member, Shard]:
    """A node of the topology by its id. Raises CommandError."""
    node_id = name.decode(errors="replace")
    member, shard = node.topology.member(node_id), node.topology.shard_of(node_id)
    if member is None or shard is None:
        raise CommandError(text.replace("%s", node_id))
    return member, shard


def cluster_replicas(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    member, shard = known_member(node, args[2])
    if member is not shard.primary:
        raise CommandError("ERR The specified node is not a master")
    view = client.engine.cluster_gate.view
    return [report.node_line(replica, shard, view).encode() for replica in shard.members[1:]]


def cluster_count_failure_reports(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    known_member(node, args[2])
    return 0


# -- slots by hand -----------------------------------------------------------------------------------------------------


def slot_number(text: bytes) -> int:
    """A slot as an argument. Raises CommandError."""
    return integer(text, BAD_SLOT, 0, SLOTS - 1)


def _chosen(node: ClusterNode, slots: list[int], adding: bool) -> list[int]:
    """The slots of ADDSLOTS or DELSLOTS, when all of them can be had or given away."""
    seen: set[int] = set()
    for slot in slots:
        owned = node.topology.owner(slot) is not None or (adding and slot in node.importing)
        if adding and node.topology.owner(slot) is not None:
            raise CommandError(f"ERR Slot {slot} is already busy")
        if not adding and not owned:
            raise CommandError(f"ERR Slot {slot} is already unassigned")
        if slot in seen:
            raise CommandError(f"ERR Slot {slot} specified multiple times")
        seen.add(slot)
    return slots


def _ranges(args: list[bytes], name: str) -> list[int]:
    if len(args) % 2:
        raise CommandError(f"ERR wrong number of arguments for 'cluster|{name}' command")
    slots: list[int] = []
    for first, last in zip(args[2::2], args[3::2], strict=True):
        start, end = slot_number(first), slot_number(last)
        if start > end:
            raise CommandError(f"ERR start slot number {start} is greater than end slot number {end}")
        slots.extend(range(start, end + 1))
    return slots


def _add(node: ClusterNode, slots: list[int]) -> str:
    chosen = _chosen(node, slots, adding=True)
    for slot in chosen:
        node.importing.pop(slot, None)
    node.change(node.topology.with_slots(own_shard(node).name, chosen))
    return "OK"


def _delete(node: ClusterNode, slots: list[int]) -> str:
    chosen = _chosen(node, slots, adding=False)
    for slot in chosen:
        node.migrating.pop(slot, None)
    node.change(node.topology.without_slots(chosen))
    return "OK"


def cluster_addslots(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return _add(node, [slot_number(text) for text in args[2:]])


def cluster_addslotsrange(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return _add(node, _ranges(args, "addslotsrange"))


def cluster_delslots(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return _delete(node, [slot_number(text) for text in args[2:]])


def cluster_delslotsrange(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return _delete(node, _ranges(args, "delslotsrange"))


def cluster_flushslots(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    if len(client.engine.keyspace.databases[0]):
        raise CommandError("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.")
    node.migrating.clear()
    return _delete(node, list(in_ranges(own_shard(node).slots)))


def cluster_setslot(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    """CLUSTER SETSLOT slot MIGRATING|IMPORTING|NODE id, or STABLE."""
    if node.is_replica:
        raise CommandError("ERR You can use SETSLOT only with masters.")
    slot, action, mine = slot_number(args[2]), args[3].lower(), own_shard(node)
    owns = node.topology.owner(slot) is mine
    if action == b"migrating" and len(args) == 5:
        if not owns:
            raise CommandError(f"ERR I'm not the owner of hash slot {slot}")
        node.migrating[slot] = _primary(node, args[4], "ERR I don't know about node %s").primary.id
    elif action == b"importing" and len(args) == 5:
        if owns:
            raise CommandError(f"ERR I'm already the owner of hash slot {slot}")
        node.importing[slot] = _primary(node, args[4], "ERR I don't know about node %s").primary.id
    elif action == b"stable" and len(args) == 4:
        node.migrating.pop(slot, None)
        node.importing.pop(slot, None)
    elif action == b"node" and len(args) == 5:
        _give(client, node, slot, _primary(node, args[4], "ERR Unknown node %s"))
    else:
        raise BAD_ACTION
    return "OK"


def _primary(node: ClusterNode, name: bytes, text: str) -> Shard:
    member, shard = known_member(node, name, text)
    if member is not shard.primary:
        raise CommandError("ERR Target node is not a master")
    return shard


def _give(client: Client, node: ClusterNode, slot: int, target: Shard) -> None:
    """CLUSTER SETSLOT NODE: the slot has an owner from now on."""
    mine, keys = own_shard(node), client.engine.keyspace.databases[0].count_in_slot(slot)
    if node.topology.owner(slot) is mine and target is not mine and keys:
        raise CommandError(
            f"ERR Can't assign hashslot {slot} to a different node while I still hold keys for this hash slot."
        )
    if not keys:
        node.migrating.pop(slot, None)
    topology = node.topology.with_slots(target.name, [slot])
    if target is mine and node.importing.pop(slot, None) is not None:
        epoch = topology.epoch + 1  # so that the others believe it
        topology = topology.changed(mine.name, lambda shard: replace(shard, epoch=epoch), epoch)
    node.change(topology)


# -- epochs, and what the cluster bus would do -------------------------------------------------------------------------


def cluster_bumpepoch(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    mine, highest = own_shard(node), max(shard.epoch for shard in node.topology.shards)
    if mine.epoch and mine.epoch == highest:
        return f"STILL {mine.epoch}"
    epoch = node.topology.epoch + 1
    node.change(node.topology.changed(mine.name, lambda shard: replace(shard, epoch=epoch), epoch))
    return f"BUMPED {epoch}"


def cluster_set_config_epoch(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    epoch, mine = integer(args[2]), own_shard(node)
    if epoch < 0:
        raise CommandError(f"ERR Invalid config epoch specified: {epoch}")
    if sum(1 for _ in node.topology.members()) > 1:
        raise CommandError("ERR The user can assign a config epoch only when the node does not know any other node.")
    if mine.epoch:
        raise CommandError("ERR Node config epoch is already non-zero")
    topology = node.topology.changed(
        mine.name, lambda shard: replace(shard, epoch=epoch), max(node.topology.epoch, epoch)
    )
    node.change(topology)
    return "OK"


def cluster_reset(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    if len(args) > 3:
        raise CommandError("ERR unknown subcommand or wrong number of arguments for 'RESET'. Try CLUSTER HELP.")
    if len(args) == 3 and args[2].lower() not in (b"hard", b"soft"):
        raise SYNTAX
    if not node.is_replica and len(client.engine.keyspace.databases[0]):
        raise CommandError("ERR CLUSTER RESET can't be called with master nodes containing keys")
    node.reset(hard=len(args) == 3 and args[2].lower() == b"hard")
    return "OK"


def cluster_saveconfig(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    node.keep()
    return "OK"


def cluster_meet(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    if len(args) > 5:
        raise CommandError("ERR unknown subcommand or wrong number of arguments for 'MEET'. Try CLUSTER HELP.")
    port = integer(args[3], CommandError(b"ERR Invalid TCP base port specified: " + args[3]))
    bus = port + BUS_OFFSET
    if len(args) > 4:
        bus = integer(args[4], CommandError(b"ERR Invalid TCP bus port specified: " + args[4]))
    try:
        ipaddress.ip_address(args[2].decode())
        valid = 0 < port <= 65535 and 0 < bus <= 65535
    except ValueError:
        valid = False
    if not valid:
        raise CommandError(b"ERR Invalid node address specified: %b:%b" % (args[2], args[3]))
    raise CommandError(
        "ERR CLUSTER MEET needs the cluster bus, which Scrubjay does not speak: several nodes form a cluster under the operator"
    )


def cluster_forget(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    member, shard = known_member(node, args[2])
    if member.id == node.id:
        raise CommandError("ERR I tried hard but I can't forget myself...")
    if node.is_replica and shard is own_shard(node) and member is shard.primary:
        raise CommandError("ERR Can't forget my master!")
    raise CommandError("ERR CLUSTER FORGET needs the cluster bus, which Scrubjay does not speak")


def cluster_replicate(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    member, shard = known_member(node, args[2])
    if member.id == node.id:
        raise CommandError("ERR Can't replicate myself")
    if member is not shard.primary:
        raise CommandError("ERR I can only replicate a master, not a replica.")
    raise CommandError("ERR CLUSTER REPLICATE needs the cluster bus, which Scrubjay does not speak")


def cluster_failover(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    if len(args) > 3:
        raise CommandError("ERR unknown subcommand or wrong number of arguments for 'FAILOVER'. Try CLUSTER HELP.")
    if len(args) == 3 and args[2].lower() not in (b"force", b"takeover"):
        raise SYNTAX
    if not node.is_replica:
        raise CommandError("ERR You should send CLUSTER FAILOVER to a replica")
    raise CommandError("ERR CLUSTER FAILOVER needs the cluster bus, which Scrubjay does not speak")


def cluster_help(client: Client, node: ClusterNode, args: list[bytes]) -> object:
    return cluster_help_lines()


# -- the connection's part in it ---------------------------------------------------------------------------------------


def readonly(client: Client, args: list[bytes]) -> str:
    node_of(client)
    client.readonly = True
    return "OK"


def readwrite(client: Client, args: list[bytes]) -> str:
    node_of(client)
    client.readonly = False
    return "OK"


def asking(client: Client, args: list[bytes]) -> str:
    node_of(client)
    client.asking = True
    return "OK"


# -- putting it in place -----------------------------------------------------------------------------------------------

_HOSTNAME = re.compile(r"[A-Za-z0-9.-]*\Z")
ANNOUNCED = (
    "cluster-announce-ip", "cluster-announce-hostname", "cluster-announce-port", "cluster-announce-tls-port",
    "cluster-announce-bus-port", "cluster-port", "port", "tls-port",
)  # fmt: skip


def check_hostname(value: object) -> None:
    """`cluster-announce-hostname`. Raises ValueError in Redis' words."""
    text = str(value)
    if len(text) >= 256:
        raise ValueError("Hostnames must be less than 256 characters")
    if not _HOSTNAME.match(text):
        raise ValueError("Hostnames may only contain alphanumeric characters, hyphens or dots")


def member_of(server: Server) -> Callable[[str], Member]:
    """How this server is reached, as the configuration says it."""
    number, text = server.config.number, server.config.text

    def member(node_id: str) -> Member:
        port = number("cluster-announce-port") or number("port")
        bus = (
            number("cluster-announce-bus-port")
            or number("cluster-port")
            or (number("port") or number("tls-port")) + BUS_OFFSET
        )
        tls = number("cluster-announce-tls-port") or number("tls-port")
        return Member(node_id, text("cluster-announce-ip"), port, tls, bus, text("cluster-announce-hostname"))

    return member


def install(server: Server) -> None:
    """The parts `cluster` (ClusterNode, or None) and `cluster_gate`."""
    parts, config = server.engine.parts, server.config
    parts["cluster"] = None
    config.on_check("cluster-announce-hostname", check_hostname)
    if not server.engine.keyspace.cluster:
        return
    store = Store(Path(config.text("dir")) / config.text("cluster-config-file"))
    try:
        node = ClusterNode(store, member_of(server))
        node.keep()
    except TopologyError as error:
        raise ConfigError(f"Unrecoverable error: corrupted cluster config file: {error}") from error
    except OSError as error:
        raise ConfigError(f"the cluster config file cannot be written: {error}") from error
    parts["cluster"] = node
    parts["cluster_gate"] = gate.install(server, node)
    if not config.flag("managed"):
        node.announce()
        for name in ANNOUNCED:
            config.on_change(name, lambda _: node.announce(), now=False)


STALE, ADMIN, ADMIN_ALONE = "stale", "admin stale", "admin stale no_async_loading"
VARIES = ["nondeterministic_output"]
COMMANDS = family(
    "cluster",
    [
        command(
            "cluster", None, -2, "", since="3.0.0", summary="The cluster as this node knows it.", complexity="That of the subcommand",
            subcommands=[
                command("addslots", changing(cluster_addslots), -3, ADMIN_ALONE, since="3.0.0", summary="Give slots to this node.", complexity="O(N) slots"),
                command("addslotsrange", changing(cluster_addslotsrange), -4, ADMIN_ALONE, since="7.0.0", summary="Give ranges of slots to this node.", complexity="O(N) slots"),
                command("bumpepoch", changing(cluster_bumpepoch), 2, ADMIN_ALONE, tips=VARIES, since="3.0.0", summary="Raise this node's epoch.", complexity="O(1)"),
                command("count-failure-reports", reading(cluster_count_failure_reports), 3, ADMIN, tips=VARIES, since="3.0.0", summary="How many nodes say that a node has failed.", complexity="O(N) reports"),
                command("countkeysinslot", reading(cluster_countkeysinslot), 3, STALE, since="3.0.0", summary="How many keys a slot holds here.", complexity="O(1)"),
                command("delslots", changing(cluster_delslots), -3, ADMIN_ALONE, since="3.0.0", summary="Take slots away from this node.", complexity="O(N) slots"),
                command("delslotsrange", changing(cluster_delslotsrange), -4, ADMIN_ALONE, since="7.0.0", summary="Take ranges of slots away from this node.", complexity="O(N) slots"),
                command("failover", changing(cluster_failover), -2, ADMIN_ALONE, since="3.0.0", summary="Make this replica the primary.", complexity="O(1)"),
                command("flushslots", changing(cluster_flushslots), 2, ADMIN_ALONE, since="3.0.0", summary="Take all slots away from this node.", complexity="O(1)"),
                command("forget", changing(cluster_forget), 3, ADMIN_ALONE, since="3.0.0", summary="Strike a node off the list.", complexity="O(1)"),
                command("getkeysinslot", reading(cluster_getkeysinslot), 4, STALE, tips=VARIES, since="3.0.0", summary="Keys of a slot.", complexity="O(N) keys wanted"),
                command("help", reading(cluster_help), 2, "loading stale", since="5.0.0", summary="Help.", complexity="O(1)"),
                command("info", reading(cluster_info), 2, STALE, tips=VARIES, since="3.0.0", summary="State of the cluster.", complexity="O(1)"),
                command("keyslot", reading(cluster_keyslot), 3, STALE, since="3.0.0", summary="The slot of a key.", complexity="O(N) bytes of the key"),
                command("links", reading(cluster_links), 2, STALE, tips=VARIES, since="7.0.0", summary="Connections to other nodes.", complexity="O(N) nodes"),
                command("meet", changing(cluster_meet), -4, ADMIN_ALONE, since="3.0.0", summary="Join another node.", complexity="O(1)"),
                command("myid", reading(cluster_myid), 2, STALE, since="3.0.0", summary="This node's id.", complexity="O(1)"),
                command("nodes", reading(cluster_nodes), 2, STALE, tips=VARIES, since="3.0.0", summary="All nodes with their slots.", complexity="O(N) nodes"),
                command("replicas", reading(cluster_replicas), 3, ADMIN, tips=VARIES, since="5.0.0", summary="Replicas of a node.", complexity="O(1)"),
                command("replicate", changing(cluster_replicate), 3, ADMIN_ALONE, since="3.0.0", summary="Follow another node.", complexity="O(1)"),
                command("reset", changing(cluster_reset), -2, "admin stale noscript", since="3.0.0", summary="Forget slots and other nodes.", complexity="O(N) nodes"),
                command("saveconfig", reading(cluster_saveconfig), 2, ADMIN_ALONE, since="3.0.0", summary="Write the topology to disk.", complexity="O(1)"),
                command("set-config-epoch", changing(cluster_set_config_epoch), 3, ADMIN_ALONE, since="3.0.0", summary="Set a new node's epoch.", complexity="O(1)"),
                command("setslot", changing(cluster_setslot), -4, ADMIN_ALONE, since="3.0.0", summary="Move a slot by hand.", complexity="O(1)"),
                command("shards", reading(cluster_shards), 2, STALE, tips=VARIES, since="7.0.0", summary="Shards with their slots and nodes.", complexity="O(N) nodes"),
                command("slaves", reading(cluster_replicas), 3, ADMIN, tips=VARIES, since="3.0.0", summary="Replicas of a node.", complexity="O(1)"),
                command("slots", reading(cluster_slots), 2, STALE, tips=VARIES, since="3.0.0", summary="Ranges of slots with their nodes.", complexity="O(N) nodes"),
            ],
        ),
        command("asking", asking, 1, "fast", categories="connection", since="3.0.0", summary="Let the next command use a slot that is being imported.", complexity="O(1)"),
        command("readonly", readonly, 1, "loading stale fast", categories="connection", since="3.0.0", summary="Let a replica answer reads.", complexity="O(1)"),
        command("readwrite", readwrite, 1, "loading stale fast", categories="connection", since="3.0.0", summary="Send reads to the primary again.", complexity="O(1)"),
    ],
)  # fmt: skip
