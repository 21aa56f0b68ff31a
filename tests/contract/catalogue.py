"""What is known of the suite's units beforehand: `units.toml` (counts on the real server) and `skips.toml` (what we leave out)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

MOST_SKIPS = 40
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Unit:
    """A unit file of the suite: how many tests redis-server 7.0.15 passes, and in how many seconds."""

    name: str
    spawn: bool
    tests: int
    seconds: float
    quick: bool


@dataclass(frozen=True)
class Skip:
    """A test we leave out, by its exact name, with the reason."""

    unit: str
    test: str
    reason: str


def units() -> dict[tuple[str, bool], Unit]:
    """Every known unit by (name, spawn mode)."""
    found: dict[tuple[str, bool], Unit] = {}
    for mode, table in tomllib.loads((_HERE / "units.toml").read_text()).items():
        for name, row in table.items():
            spawn = mode == "spawn"
            found[name, spawn] = Unit(name, spawn, row["tests"], row["seconds"], row.get("quick", False))
    return found


def skips() -> list[Skip]:
    """The skip list; raises ValueError for an entry without a reason or a list that has grown too long."""
    entries = [Skip(**row) for row in tomllib.loads((_HERE / "skips.toml").read_text())["skip"]]
    for entry in entries:
        if not entry.reason.strip():
            raise ValueError(f"skips.toml: {entry.test!r} has no reason")
    if len(entries) > MOST_SKIPS:
        raise ValueError(f"skips.toml: {len(entries)} tests are left out, at most {MOST_SKIPS} may be")
    return entries
