"""Cluster mode at work on a server: dispatch's hook that redirects, and what happens to waiting and subscribed clients when the topology changes.

`install` is called by commands/cluster.py when `cluster-enabled` is on. Decisions are in routing.py; this file finds the keys of a request and
carries the answer out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrubjay_engine.cluster.node import ClusterNode
from scrubjay_engine.cluster.routing import CROSS_SLOT, DOWN, UNASSIGNED, Request, Rules, View, is_up, refusal
from scrubjay_engine.cluster.topology import Topology
from scrubjay_engine.core import gates
from scrubjay_engine.core.slots import slot_of

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.core.command import Command
    from scrubjay_engine.core.errors import Redirection
    from scrubjay_engine.server import Server

SHARD_PUBSUB = frozenset({"ssubscribe", "sunsubscribe", "spublish"})
FLAG_WRITE, FLAG_ASKING = 1 << 0, 1 << 11


@dataclass(frozen=True, slots=True)
class Asked:
    """The keys of a command, or of all commands of a transaction: one slot, and what is done there."""

    slot: int
    keys: list[bytes]
    asking: bool
    shard_pubsub: bool


class Gate:
    """Stands before every command of a server in cluster mode."""

    def __init__(self, server: Server, node: ClusterNode) -> None:
        self.server = server
        self.engine = server.engine
        self.node = node
        node.followers.append(self.topology_changed)
        for name in ("cluster-require-full-coverage", "cluster-allow-reads-when-down"):
            server.config.on_change(name, lambda _: self.end_lost_waits(), now=False)

    @property
    def rules(self) -> Rules:
        """The options as they are now."""
        config = self.server.config
        return Rules(
            config.flag("cluster-require-full-coverage"),
            config.flag("cluster-allow-reads-when-down"),
            config.flag("cluster-allow-pubsubshard-when-down"),
            config.text("cluster-preferred-endpoint-type"),
            config.flag("tls-cluster"),
        )

    @property
    def view(self) -> View:
        """What decisions are made from now."""
        node = self.node
        return View(node.topology, node.id, self.rules, node.migrating, node.importing)

    def check(self, client: Client, command: Command, args: list[bytes]) -> None:
        """Dispatch's hook (`Engine.check_cluster`). Raises a Redirection for what this node does not serve now."""
        asking = self._asking(client, command)
        if command.name == "exec":
            requests = client.multi.commands if client.multi is not None else []
            writes = client.multi is not None and client.multi.writes
        elif command.key_specs or command.getkeys is not None:
            requests, writes = [(command, args)], self._writes(command, args)
        else:
            return
        asked = _slot_of_all(requests, self.node.topology)
        if asked is None or (command.name == "migrate" and self._moves(asked.slot)):
            return
        answer = self._refusal(asked, writes, asking or asked.asking, client.readonly)
        if answer is not None:
            raise answer

    def _writes(self, command: Command, args: list[bytes]) -> bool:
        """A script with flags may write unless it says no-writes; one without is judged by the commands it runs."""
        if command.group == "scripting":
            return bool(self.engine.scripting.flags_of(command, args) & FLAG_WRITE)
        return bool(command.flags & FLAG_WRITE)

    def _refusal(self, asked: Asked, writes: bool, asking: bool, readonly: bool) -> Redirection | None:
        def present() -> tuple[int, int]:
            db = self.engine.keyspace.databases[0]
            here = sum(db.exists(key) for key in asked.keys)
            return here, len(asked.keys) - here

        several = len(set(asked.keys)) > 1
        request = Request(asked.slot, writes, asking, readonly, asked.shard_pubsub, several, present)
        return refusal(self.view, request)

    def _moves(self, slot: int) -> bool:
        return slot in self.node.migrating or slot in self.node.importing

    @staticmethod
    def _asking(client: Client, command: Command) -> bool:
        """Whether ASKING was the command before this one: it counts once."""
        if command.name == "asking":
            client.notes["asking"] = True
        elif client.asking and client.notes.pop("asking", None) is None and client.script is None:
            client.asking = False
        return client.asking

    # -- when the topology changes -------------------------------------------------------------------------------------

    def topology_changed(self, before: Topology, now: Topology) -> None:
        """Clients that wait for keys we no longer serve are told; so are subscribers of channels in slots we no longer have."""
        self.end_lost_waits()
        pubsub = self.engine.parts["pubsub"]
        for channel in list(pubsub.shard_channels):
            owner = now.owner(slot_of(channel))
            if owner is None or all(member.id != self.node.id for member in owner.members):
                pubsub.end_shard_channel(channel)

    def end_lost_waits(self) -> None:
        """Answers blocked clients whose keys this node does not serve any more."""
        blocking = self.engine.parts["blocking"]
        for client in blocking.waiting_clients():
            blocked = client.blocked
            keys = [key for _, key in blocked.places]
            if keys:
                answer = self._lost(client, keys)
                if answer is not None:
                    blocking.unblock(client, answer)

    def _lost(self, client: Client, keys: list[bytes]) -> Redirection | None:
        """What a waiting client is told when its keys are not served here any more; a cluster that is down comes first, as in Redis."""
        command = client.blocked.command
        writes = command is not None and bool(command.flags & FLAG_WRITE)
        if not is_up(self.node.topology, self.rules):
            return DOWN
        return self._refusal(Asked(slot_of(keys[0]), keys, False, False), writes, False, client.readonly)

    def take_slots_with_keys(self) -> None:
        """After loading: slots that hold keys and that nobody has are ours, as on a Redis whose nodes.conf was lost."""
        if self.server.config.flag("managed"):
            return
        database, topology, shard = self.engine.keyspace.databases[0], self.node.topology, self.node.shard
        found = [slot for slot, owner in enumerate(topology.owners) if owner < 0 and database.count_in_slot(slot)]
        if found and shard is not None:
            self.node.change(topology.with_slots(shard.name, found))


def _slot_of_all(requests: list[tuple[Command, list[bytes]]], topology: Topology) -> Asked | None:
    """The one slot of all keys; None when there is no key. Raises CROSS_SLOT."""
    slot, keys, asking, shard_pubsub = -1, [], False, False
    for command, args in requests:
        shard_pubsub = shard_pubsub or command.name in SHARD_PUBSUB
        asking = asking or bool(command.flags & FLAG_ASKING)
        for key in command.keys(args):
            its = slot_of(key)
            if slot not in (-1, its):
                raise CROSS_SLOT if topology.owner(slot) is not None else UNASSIGNED
            slot = its
            keys.append(key)
    return Asked(slot, keys, asking, shard_pubsub) if slot >= 0 else None


def install(server: Server, node: ClusterNode) -> Gate:
    """Turn redirection on."""
    gate = Gate(server, node)
    server.engine.check_cluster = gate.check
    server.engine.set_gate(gates.CLUSTER, True)

    async def take_slots() -> None:
        gate.take_slots_with_keys()

    server.engine.parts.setdefault("after_loading", []).append(take_slots)
    return gate
