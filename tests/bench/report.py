"""Turn measurements into tables on the terminal, into docs/benchmarks.md and into its chart.

A report is plain data (what run.py gathers): `{"machine": {...}, "versions": {...}, "command": "...", "sections": {...}}`.
Medians are shown with the spread of the repeats (lowest to highest); ratios compare our median with another's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_COLOURS = {"scrubjay": "#2166ac", "redis": "#b2182b", "valkey": "#999999"}


@dataclass
class Table:
    """A titled table of texts, with a sentence under it that says how to read it."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""

    def markdown(self) -> str:
        """The table for docs/benchmarks.md."""
        lines = [f"### {self.title}", ""]
        lines.append("| " + " | ".join(self.head) + " |")
        lines.append("|" + "|".join(["---"] + ["---:"] * (len(self.head) - 1)) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", *([self.note, ""] if self.note else [])])


def joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One report of runs that measured different sections (a later one's count); facts that differ stand side by side."""
    if not parts:
        raise ValueError("no report to join")

    def facts(key: str) -> dict[str, str]:
        names = dict.fromkeys(name for part in parts for name in part[key])
        return {
            name: "; ".join(dict.fromkeys(part[key][name] for part in parts if name in part[key])) for name in names
        }

    return {
        "machine": facts("machine"),
        "versions": facts("versions"),
        "command": ", then ".join(dict.fromkeys(part["command"] for part in parts)),
        "example": parts[0]["example"],
        "sections": {key: rows for part in parts for key, rows in part["sections"].items()},
    }


def tables(report: dict[str, Any]) -> list[Table]:
    """Every table the report has data for."""
    sections, names = report["sections"], list(report["versions"])
    made = []
    for key, title in (("core", "Common commands"), ("families", "Every family")):
        if key in sections:
            made += [_cpu(sections[key], names, title), _speed(sections[key], names, title)]
    if "latency" in sections:
        made.append(_latency(sections["latency"], names))
    if "memory" in sections:
        made.append(_memory(sections["memory"], names))
    if "idle" in sections:
        made.append(_idle(sections["idle"]))
    if "memcached" in sections:
        made += _memcached(sections["memcached"])
    if "stalls" in sections:
        made.append(_stalls(sections["stalls"], names))
    return made


def _memcached(section: dict[str, Any]) -> list[Table]:
    names = ("scrubjay", "memcached")
    head = ["", *(f"{name}, us" for name in names), "ratio", *(f"{name}, op/s" for name in names)]
    rows = [
        [
            row["name"],
            *(_spread(_values(row, name, "cpu"), 2) for name in names),
            *_ratios(row, names, "cpu"),
            *(_spread(_values(row, name, "rate"), 0) for name in names),
        ]
        for row in section["rows"]
    ]
    note = "Server CPU and operations a second, 50 clients, one request each at a time; memcached 1.6.18 with -t 1."
    sizes = [[str(cost["server"]), f"{cost['of']:,}", f"{cost['resident']:.1f}"] for cost in section["memory"]]
    return [
        Table("Memcached protocols", head, rows, note),
        Table(
            "Memcached: memory an item",
            ["", "items", "bytes"],
            sizes,
            "Key of 16 bytes, value of 64: 80 of them are payload.",
        ),
    ]


def median(samples: Sequence[float]) -> float:
    """The median; NaN of nothing."""
    return statistics.median(samples) if samples else float("nan")


def _values(row: dict[str, Any], server: str, field: str) -> list[float]:
    return [sample[field] for sample in row["samples"] if sample["server"] == server]


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "-"
    middle = f"{median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def _ratios(row: dict[str, Any], names: Sequence[str], field: str) -> list[str]:
    ours = median(_values(row, names[0], field))
    return [_ratio(ours, median(_values(row, other, field))) for other in names[1:]]


def _ratio(ours: float, theirs: float) -> str:
    return "-" if math.isnan(ours) or math.isnan(theirs) or not theirs else f"{ours / theirs:.2f}"


def _cpu(rows: list[dict[str, Any]], names: list[str], title: str) -> Table:
    head = ["command", *names, *(f"{names[0]} / {other}" for other in names[1:])]
    body = [
        [row["name"], *(_spread(_values(row, name, "cpu"), 2) for name in names), *_ratios(row, names, "cpu")]
        for row in rows
    ]
    refused = [f"{row['name']} on {name}: {text}" for row in rows for name, text in row["errors"].items()]
    note = "Server CPU a request, microseconds: median (lowest-highest). Less is better."
    return Table(f"{title}: server CPU", head, body, note + "".join(f" Not measured: {item}." for item in refused))


def _speed(rows: list[dict[str, Any]], names: list[str], title: str) -> Table:
    head = ["command", *(f"{name}, thousand/s" for name in names), *(f"{name}, p50 / p99 ms" for name in names)]
    body = []
    for row in rows:
        rates = [_spread([rate / 1000 for rate in _values(row, name, "rate")], 0) for name in names]
        waits = [f"{median(_values(row, n, 'p50')):.2f} / {median(_values(row, n, 'p99')):.2f}" for n in names]
        body.append([row["name"], *rates, *waits])
    note = "Closed loop: latency is that of a whole pipeline when P > 1; requests a second are those of one core."
    return Table(f"{title}: throughput and latency", head, body, note)


def _latency(rows: list[dict[str, Any]], names: list[str]) -> Table:
    body = []
    for command in dict.fromkeys(row["name"] for row in rows):
        for name in names:
            mine = [row for row in rows if row["name"] == command and row["server"] == name]
            columns = [_spread([row[field] for row in mine], 0) for field in ("rate", "p50", "p99", "p999", "worst")]
            body.append([f"{command}, {name}", *columns])
    head = ["", "requests/s", "p50 us", "p99 us", "p99.9 us", "worst us"]
    note = (
        "Open loop: requests are sent when they are due, latency counts from that time; half of each server's own peak."
    )
    return Table("Latency at half of the peak", head, body, note)


def _memory(rows: list[dict[str, Any]], names: list[str]) -> Table:
    body = []
    for case in dict.fromkeys(row["name"] for row in rows):
        mine = {row["server"]: row for row in rows if row["name"] == case}
        cells = [f"{mine[n]['resident']:.0f} / {mine[n]['counted']:.0f}" if n in mine else "-" for n in names]
        ours = mine[names[0]]["resident"] if names[0] in mine else float("nan")
        others = [_ratio(ours, mine[other]["resident"]) if other in mine else "-" for other in names[1:]]
        keys = next(iter(mine.values()))["of"]
        body.append([f"{case} ({keys:,} keys)", *cells, *others])
    head = ["bytes a key", *names, *(f"{names[0]} / {other}" for other in names[1:])]
    return Table("Memory", head, body, "Growth of the resident set / of used_memory, divided by the keys.")


def _idle(rows: list[dict[str, Any]]) -> Table:
    body = [
        [row["server"], f"{row['start_ms']:.0f}", f"{row['resident_mib']:.1f}", f"{row['cpu_percent']:.2f}"]
        for row in rows
    ]
    return Table("Start and idle", ["", "start to first PING, ms", "resident, MiB", "idle CPU, % of a core"], body)


def _stalls(rows: list[dict[str, Any]], names: list[str]) -> Table:
    body = []
    for case in dict.fromkeys(row["name"] for row in rows):
        mine = {row["server"]: row for row in rows if row["name"] == case}
        body.append(
            [case, *(f"{mine[n]['worst_ms']:.1f} / {mine[n]['p999_ms']:.2f}" if n in mine else "-" for n in names)]
        )
    note = (
        "The longest wait of a PING, and the 99.9th percentile, in ms; the first row is what the machine itself adds."
    )
    return Table("Stalls", ["", *names], body, note)


def write(report: dict[str, Any], page: Path) -> None:
    """Replace the measured part of docs/benchmarks.md and draw its chart beside it; the words around it stay."""
    facts = [f"- {key}: {value}" for key, value in report["machine"].items()]
    facts += [f"- {name}: {text}" for name, text in report["versions"].items()]
    facts += [f"- command: `{report['command']}`", f"- one request: `{report['example']}`"]
    chart = page.with_suffix(".png")
    picture = [f"![Server CPU a request]({chart.name})", ""] if _chart(report, chart) else []
    made = "\n".join([*facts, "", *picture, *(table.markdown() for table in tables(report))])
    text = page.read_text()
    before, after = text.split(BEGIN, 1)[0], text.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")


def _chart(report: dict[str, Any], path: Path) -> bool:
    rows = [row for key in ("core", "families") for row in report["sections"].get(key, []) if row["samples"]]
    if not rows:
        return False
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(report["versions"])
    figure, axes = pyplot.subplots(figsize=(9, 0.6 + 0.34 * len(rows)), layout="constrained")
    height = 0.8 / len(names)
    for index, name in enumerate(names):
        values = [_values(row, name, "cpu") for row in rows]
        middles = [median(items) if items else 0.0 for items in values]
        low = [middle - min(items) if items else 0.0 for middle, items in zip(middles, values, strict=True)]
        high = [max(items) - middle if items else 0.0 for middle, items in zip(middles, values, strict=True)]
        places = [place + index * height for place in range(len(rows))]
        axes.barh(places, middles, height, xerr=[low, high], label=report["versions"][name], color=_COLOURS.get(name))
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(rows))], [row["name"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("server CPU a request, microseconds (less is better); bars: median, lines: lowest to highest")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True
