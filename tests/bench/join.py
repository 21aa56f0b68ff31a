"""Write docs/benchmarks.md and its chart from runs in parts, each kept by `run.py --data FILE`.

    python tests/bench/join.py core.json families.json

A section that several files hold is taken from the last.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

from bench import report

PAGE = _TESTS.parent / "docs" / "benchmarks.md"


def main(files: list[str]) -> int:
    """0 when the page was written, 2 without a file."""
    if not files:
        print("usage: python tests/bench/join.py FILE.json ...: files that run.py --data wrote", file=sys.stderr)
        return 2
    report.write(report.joined([json.loads(Path(file).read_text()) for file in files]), PAGE)
    print(f"written to {PAGE.relative_to(_TESTS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
