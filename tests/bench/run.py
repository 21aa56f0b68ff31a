"""Measure our engine beside redis-server and Valkey on this machine, and write docs/benchmarks.md.

    python tests/bench/run.py --quick                      # a few minutes, printed only
    python tests/bench/run.py                              # everything, five repeats, written to docs/benchmarks.md
    python tests/bench/run.py --section core --command GET --repeats 3
    python tests/bench/run.py --server redis --server valkey

Needs Debian's redis-server and redis-tools, and `uv sync --group bench` for Valkey, the tables and the chart.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

import rich
import rich.console
import rich.table
import typer

from bench import contenders, latency, memcached, memory, report, stalls, throughput, workloads

PAGE = _TESTS.parent / "docs" / "benchmarks.md"
SECTIONS = ("core", "families", "latency", "memory", "idle", "memcached", "stalls")
_console = rich.console.Console()


def main(
    server: Annotated[list[str] | None, typer.Option(help="scrubjay, redis, valkey; may be repeated (all)")] = None,
    section: Annotated[list[str] | None, typer.Option(help=f"{', '.join(SECTIONS)}; may be repeated (all)")] = None,
    command: Annotated[list[str] | None, typer.Option(help="only workloads whose name starts so, such as ZADD")] = None,
    repeats: Annotated[int, typer.Option(help="runs of each workload on each server")] = 5,
    seconds: Annotated[float, typer.Option(help="length of one run")] = 2.0,
    quick: Annotated[bool, typer.Option(help="short runs, few keys, no stalls; printed, never written")] = False,
    data: Annotated[Path | None, typer.Option(help="also write the raw measurements to this JSON file")] = None,
) -> None:
    """Measure, print the tables and, for a whole run, write docs/benchmarks.md and its chart."""
    names = tuple(server or contenders.ORDER)
    wanted = tuple(section or (SECTIONS[:-1] if quick else SECTIONS))
    if quick:
        repeats, seconds = min(repeats, 3), min(seconds, 0.5)
    with _console.status("starting") as status:
        measured = gather(names, wanted, command or [], (repeats, seconds, 0.1 if quick else 1.0), status.update)
    for table in report.tables(measured):
        show(table)
    if data:
        data.write_text(json.dumps(measured, indent=1))
    if not quick and set(wanted) == set(SECTIONS) and not command and set(names) == set(contenders.ORDER):
        report.write(measured, PAGE)
        _console.print(f"written to {PAGE.relative_to(_TESTS.parent)}")


def gather(
    names: tuple[str, ...], wanted: tuple[str, ...], only: list[str], effort: tuple[int, float, float], progress: Any
) -> dict[str, Any]:
    """Measure the wanted sections; `effort` is (repeats, seconds a run, share of the full number of keys)."""
    repeats, seconds, share = effort
    sections: dict[str, Any] = {}
    machine = contenders.machine()
    with contenders.start(names) as running:
        versions = {name: contenders.version(server) for name, server in running.items()}
        for key, chosen in (("core", workloads.CORE), ("families", workloads.FAMILIES)):
            some = [item for item in chosen if not only or item.name.upper().startswith(tuple(map(str.upper, only)))]
            if key in wanted and some:
                sections[key] = throughput.measure(running, some, repeats=repeats, seconds=seconds, progress=progress)
        if "latency" in wanted:
            progress("compiling the load generator")
            latency.build()
            sections["latency"] = latency.measure(running, repeats=repeats, seconds=seconds * 2, progress=progress)
    if "memory" in wanted:
        sections["memory"] = memory.measure(names, share=share, progress=progress)
    if "idle" in wanted:
        sections["idle"] = memory.idle(names, progress=progress)
    if "memcached" in wanted:
        sections["memcached"] = memcached.measure(repeats=repeats, seconds=seconds, share=share, progress=progress)
    if "stalls" in wanted:
        sections["stalls"] = stalls.measure(names, share=share, progress=progress)
    example = shlex.join(throughput.command_line("PORT", workloads.CORE[2], "REQUESTS"))
    line = shlex.join(["python", "tests/bench/run.py", *sys.argv[1:]])
    return {"machine": machine, "versions": versions, "command": line, "example": example, "sections": sections}


def show(table: report.Table) -> None:
    """Print one table."""
    drawn = rich.table.Table(title=table.title, caption=table.note, title_justify="left", caption_justify="left")
    for index, name in enumerate(table.head):
        drawn.add_column(name, justify="right" if index else "left")
    for row in table.rows:
        drawn.add_row(*row)
    _console.print(drawn)


if __name__ == "__main__":
    typer.run(main)
