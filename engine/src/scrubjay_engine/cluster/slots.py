"""Sets of hash slots as ranges: how topology documents, CLUSTER SLOTS and CLUSTER NODES write them. Which slot a key has is core/slots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

SLOTS: Final = 16384
SlotRange: TypeAlias = tuple[int, int]  # first and last, both in


def to_ranges(slots: Iterable[int]) -> tuple[SlotRange, ...]:
    """The fewest ranges that hold these slots, in order."""
    ranges: list[SlotRange] = []
    for slot in sorted(set(slots)):
        if ranges and ranges[-1][1] == slot - 1:
            ranges[-1] = (ranges[-1][0], slot)
        else:
            ranges.append((slot, slot))
    return tuple(ranges)


def in_ranges(ranges: Iterable[SlotRange]) -> Iterable[int]:
    """Every slot of the ranges."""
    for first, last in ranges:
        yield from range(first, last + 1)


def count(ranges: Iterable[SlotRange]) -> int:
    """How many slots there are in the ranges."""
    return sum(last - first + 1 for first, last in ranges)


def show(ranges: Iterable[SlotRange]) -> str:
    """As CLUSTER NODES writes them: `0-5460 9 11-12`."""
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
