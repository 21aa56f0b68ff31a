"""Schedules written by hand, for what random faults rarely bring about: each does one thing at the moment at which one rule matters. Everything else stays well."""

from typing import Any

from promotion.simulation import World
from scrubjay_operator.api.status import Shard

AT = 15.0


def cut_leader_and_primary_off(world: World) -> None:
    """The leading operator and the primary on one side, the API server, the other operator and the replicas on the other."""
    world.cut = {world.leader: 1, world.primary.uid: 1}
    world.away = {world.leader}


def cut_operators_from_primary(world: World) -> None:
    """Replicas are reached by both."""
    world.broken = {frozenset((world.primary.uid, name)) for name in world.operators}


def isolate_primary(world: World) -> None:
    """It reaches nobody."""
    world.cut = {world.primary.uid: 1}


def isolate_at_first_members(world: World) -> None:
    """The primary is alone from the moment the record names somebody else who may be promoted."""

    def committed(record: Shard) -> None:
        if record.members and not world.cut:
            isolate_primary(world)

    world.on_commit = committed


def isolate_before_members(world: World) -> None:
    """The primary is alone from its beginning."""

    def ordered(op: str, fields: dict[str, Any]) -> float:
        if op == "promote" and fields["epoch"] == 1 and not world.cut:
            world.primary._obey(op, fields)
            isolate_primary(world)
        return 0.0

    world.on_order = ordered


def restart_primary_alone(world: World) -> None:
    """Its process restarts with its data, and reaches nobody."""
    isolate_primary(world)
    world.primary.restart(True)


def freeze_replica_and_isolate_at_its_removal(world: World) -> None:
    """A replica is silent until it is being removed; at the first order about that the primary is cut off, and the replica wakes."""
    for node in world.replicas:
        node.frozen_until = world.now + 60

    def ordered(op: str, fields: dict[str, Any]) -> float:
        if op == "sets" and "confirm" in fields and not world.broken:
            world.primary._obey(op, fields)
            cut_operators_from_primary(world)
            for node in world.replicas:
                node.frozen_until = 0.0
                world.broken |= {frozenset((world.primary.uid, node.uid))}
        return 0.0

    world.on_order = ordered


def late_removal(world: World) -> None:
    """A replica is silent for a while; the order to forget it is late, and comes when it is a member again; then the primary is cut off."""
    for node in world.replicas:
        node.frozen_until = world.now + 6

    def ordered(op: str, fields: dict[str, Any]) -> float:
        return 12.0 if op == "sets" and fields.get("confirm") == [] else 0.0

    world.on_order = ordered


def first_replica_lags(world: World) -> None:
    """It hears nothing of the primary any more, which others do."""
    world.broken = {frozenset((world.primary.uid, world.replicas[0].uid))}


def primary_dies(world: World) -> None:
    """Its machine, too."""
    world.primary.alive = world.primary.machine = False


def primary_dies_and_others_freeze(world: World) -> None:
    """Only the first replica, which lags, is left for a while."""
    for node in world.replicas[1:]:
        node.frozen_until = world.now + 20
    primary_dies(world)


def restart_empty(world: World) -> None:
    """The primary's machine dies, and at that moment the replicas restart without their data."""
    primary = world.primary
    for node in world.replicas:
        node.restart(False)
    primary.alive = primary.machine = False


def _break(world: World, *others: str) -> None:
    world.broken |= {frozenset((world.primary.uid, other)) for other in others}


def lag_while_joining(world: World) -> None:
    """The order to take replicas in is late, and meanwhile they hear nothing of the primary, which goes on writing."""

    def ordered(op: str, fields: dict[str, Any]) -> float:
        if op == "sets" and fields.get("confirm") and not world.broken:
            _break(world, *(node.uid for node in world.replicas))
            return 1.0
        return 0.0

    world.on_order = ordered


def others_freeze(world: World) -> None:
    """All replicas but the first."""
    for node in world.replicas[1:]:
        node.frozen_until = world.now + 40


def last_replica_joins_late(world: World) -> None:
    """It sleeps at first. When the primary has taken it in, before the record has, the primary loses all but it."""
    world.nodes["n2"].frozen_until = 15.0

    def ordered(op: str, fields: dict[str, Any]) -> float:
        peers = {peer["uid"] for peer in fields.get("confirm", [])}
        if op == "sets" and len(peers) == 2 and not world.broken:
            world.primary._obey(op, fields)
            _break(world, *world.operators, *(peers - {"n2"}))
        return 0.0

    world.on_order = ordered


def lose_everybody_at_first_members(world: World) -> None:
    """From the moment the record names members, the primary reaches nobody; its ack set is still empty."""
    isolate_at_first_members(world)


def lag_in_the_next_epoch_too(world: World) -> None:
    """Who lags behind the present primary hears nothing of the next one either."""
    first_replica_lags(world)
    behind = world.replicas[0].uid

    def committed(record: Shard) -> None:
        if record.epoch > 1 and record.pending is None:
            _break(world, behind)

    world.on_commit = committed
