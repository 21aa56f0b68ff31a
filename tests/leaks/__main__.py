"""No family of commands may cost memory in the long run: `python tests/leaks` sends ten million commands of each.

python tests/leaks                                    # every family, about half an hour
python tests/leaks --family streams --commands 1000000
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

import servers
from leaks.rounds import FAMILIES, measure

ALLOWED = 2 << 20  # bytes of resident memory: what the allocator may be holding more by chance


def main() -> int:
    """0 when no family grew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="only this one; may be repeated")
    parser.add_argument("--commands", type=int, default=10_000_000, help="of each family (10 million)")
    options = parser.parse_args()
    grown = []
    for family in options.family or FAMILIES:
        with servers.scrubjay() as server:
            began = time.monotonic()
            growth = measure(server, family, options.commands)
        seconds = time.monotonic() - began
        per = growth.resident / growth.commands
        print(
            f"{family:22} {growth.commands:>11,} commands  resident {growth.resident / 1024:+9.0f} KiB ({per:+.3f} B each)"
            f"  used_memory {growth.used:+8,} B  {seconds:6.0f} s",
            flush=True,
        )
        if growth.resident > ALLOWED:
            grown.append(family)
    print(f"memory grew: {', '.join(grown)}" if grown else "no memory was lost")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
