"""Topologies: slots as ranges, invariants, the document, and what a node takes and refuses."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_engine.cluster.document import from_document, to_document
from scrubjay_engine.cluster.node import ClusterNode, StaleTopology
from scrubjay_engine.cluster.slots import SLOTS, count, in_ranges, show, to_ranges
from scrubjay_engine.cluster.store import Store
from scrubjay_engine.cluster.topology import Member, Shard, Topology, TopologyError, alone

SOME_SLOTS = st.sets(st.integers(0, 40) | st.integers(16370, SLOTS - 1))


def node_id(number: int) -> str:
    return f"{number:040x}"


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Up to four shards that share the slots, each with up to three members."""
    owners = draw(st.lists(st.integers(-1, 3), min_size=20, max_size=20))
    shards = []
    for index in range(draw(st.integers(1, 4))):
        members = tuple(
            Member(
                node_id(index * 10 + number),
                f"10.0.{index}.{number}",
                6379 + number,
                hostname=draw(st.sampled_from(["", "h"])),
            )
            for number in range(draw(st.integers(1, 3)))
        )
        slots = to_ranges(slot * 800 for slot, owner in enumerate(owners) if owner == index)
        shards.append(Shard(f"s{index}", slots, members, draw(st.integers(0, 9))))
    return Topology(draw(st.integers(0, 99)), tuple(shards))


@given(SOME_SLOTS)
def test_ranges_hold_exactly_the_slots(slots: set[int]) -> None:
    ranges = to_ranges(slots)
    assert set(in_ranges(ranges)) == slots and count(ranges) == len(slots)
    assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(ranges))


def test_ranges_are_shown_as_cluster_nodes_does() -> None:
    assert show(to_ranges([0, 1, 2, 5, 7, 8])) == "0-2 5 7-8"


@given(topologies(), SOME_SLOTS)
def test_slots_given_to_a_shard_are_nobody_elses(topology: Topology, slots: set[int]) -> None:
    name = topology.shards[-1].name
    after = topology.with_slots(name, slots)
    for slot in slots:
        owner = after.owner(slot)
        assert owner is not None and owner.name == name
    assert after.assigned == sum(owner >= 0 for owner in after.owners)
    assert all(after.owners[s] == topology.owners[s] for s in range(SLOTS) if s not in slots)
    assert all(after.without_slots(slots).owner(slot) is None for slot in slots)


@given(topologies())
def test_the_document_reads_back_as_it_was(topology: Topology) -> None:
    assert from_document(json.loads(json.dumps(to_document(topology)))) == topology


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.update(epoch=-1), "epoch is not a whole number"),
        (lambda d: d.update(colour="red"), "colour"),
        (lambda d: d["shards"][0].update(slots=[[0, SLOTS]]), f"slot {SLOTS}"),
        (lambda d: d["shards"][1].update(slots=[[0, 0]]), "slot 0 belongs to a and to b"),
        (lambda d: d["shards"][1].update(name="a"), "two shards"),
        (lambda d: d["shards"][1].update(members=[]), "shard b has no member"),
        (lambda d: d["shards"][1]["members"][0].update(id=node_id(1)), "twice"),
        (lambda d: d["shards"][1]["members"][0].update(id="x"), "40 hexadecimal"),
        (lambda d: d["shards"][1]["members"][0].update(port="6379"), "shards[1].members[0].port"),
    ],
)
def test_a_document_that_is_wrong_is_refused_with_its_place(change: object, says: str) -> None:
    shards = (Shard("a", ((0, 5),), (Member(node_id(1)),)), Shard("b", ((6, 9),), (Member(node_id(2)),)))
    document = to_document(Topology(3, shards))
    assert callable(change)
    change(document)
    with pytest.raises(TopologyError, match=says.replace("[", r"\[")):
        from_document(document)


def test_a_node_refuses_what_is_older_and_remembers_what_it_took(tmp_path: Path) -> None:
    store = Store(tmp_path / "nodes.conf")
    node = ClusterNode(store, lambda node_id: Member(node_id, port=7000))
    seen: list[tuple[int, int]] = []
    node.followers.append(lambda before, now: seen.append((before.epoch, now.epoch)))
    fifth = replace(alone(Member(node.id, "10.0.0.1"), "x"), epoch=5)
    assert node.adopt(fifth) and not node.adopt(fifth)
    with pytest.raises(StaleTopology, match="epoch 5"):
        node.adopt(fifth.with_slots("x", [1]))
    with pytest.raises(StaleTopology, match="epoch 4"):
        node.adopt(replace(fifth, epoch=4))
    again = ClusterNode(store, lambda node_id: Member(node_id))
    assert (again.id, again.topology, seen) == (node.id, fifth, [(0, 5)])


def test_what_cannot_be_kept_is_not_taken(tmp_path: Path) -> None:
    node = ClusterNode(Store(tmp_path / "gone" / "nodes.conf"), lambda node_id: Member(node_id))
    before = node.topology
    with pytest.raises(OSError):
        node.change(before.with_slots("0", [1]))
    assert node.topology is before


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "nodes.conf").write_text("{}")
    with pytest.raises(TopologyError, match=r"nodes\.conf is not a topology"):
        ClusterNode(Store(tmp_path / "nodes.conf"), lambda node_id: Member(node_id))
