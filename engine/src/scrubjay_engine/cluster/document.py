"""The topology as a JSON document: what the operator pushes, what nodes pass on to each other and what is kept on disk.

    {"epoch": 12, "shards": [{"name": "0", "epoch": 12, "slots": [[0, 8191]],
                              "members": [{"id": "<40 hex>", "host": "10.0.0.7", "port": 6379, "hostname": "c-0-0.c-nodes"}]}]}

Fields that a member lacks have topology.Member's defaults; fields that nobody knows are refused, so that a newer document is never half understood.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from scrubjay_engine.cluster.topology import Member, Shard, Topology, TopologyError

_MEMBER = {field.name: str(field.type) for field in fields(Member)}
_TYPES = {"str": str, "int": int}


def to_document(topology: Topology) -> dict[str, Any]:
    """The document of a topology, ready for `json.dumps`."""
    return {
        "epoch": topology.epoch,
        "shards": [
            {
                "name": shard.name,
                "epoch": shard.epoch,
                "slots": [list(piece) for piece in shard.slots],
                "members": [asdict(member) for member in shard.members],
            }
            for shard in topology.shards
        ],
    }


def from_document(document: object) -> Topology:
    """The topology that a document describes. Raises TopologyError naming the place that is wrong."""
    whole = _table(document, "the topology", {"epoch", "shards"})
    shards = _list(whole.get("shards", []), "shards")
    return Topology(
        _number(whole.get("epoch"), "epoch"), tuple(_shard(row, f"shards[{at}]") for at, row in enumerate(shards))
    )


def _shard(document: object, where: str) -> Shard:
    row = _table(document, where, {"name", "epoch", "slots", "members"})
    pieces = []
    for at, piece in enumerate(_list(row.get("slots", []), f"{where}.slots")):
        pair = _list(piece, f"{where}.slots[{at}]")
        if len(pair) != 2:
            raise TopologyError(f"{where}.slots[{at}] is not a pair of first and last slot")
        pieces.append((_number(pair[0], f"{where}.slots[{at}]"), _number(pair[1], f"{where}.slots[{at}]")))
    members = _list(row.get("members", []), f"{where}.members")
    return Shard(
        _text(row.get("name"), f"{where}.name"),
        tuple(pieces),
        tuple(_member(member, f"{where}.members[{at}]") for at, member in enumerate(members)),
        _number(row.get("epoch", 0), f"{where}.epoch"),
    )


def _member(document: object, where: str) -> Member:
    row = _table(document, where, set(_MEMBER))
    if "id" not in row:
        raise TopologyError(f"{where} has no id")
    for name, value in row.items():
        if not isinstance(value, _TYPES[_MEMBER[name]]) or isinstance(value, bool):
            raise TopologyError(f"{where}.{name} is not of type {_MEMBER[name]}: {value!r}")
    return Member(**row)


def _table(value: object, where: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TopologyError(f"{where} is not an object")
    unknown = sorted(set(value) - known)
    if unknown:
        raise TopologyError(f"{where} has fields that are not known here: {', '.join(map(str, unknown))}")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise TopologyError(f"{where} is not a list")
    return value


def _number(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TopologyError(f"{where} is not a whole number from 0: {value!r}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise TopologyError(f"{where} is not a text: {value!r}")
    return value
