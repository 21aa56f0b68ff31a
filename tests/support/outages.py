"""What writing clients saw in a run of the chaos tests, gathered to one table: printed at the end, and kept as JSON for docs/benchmarks.md."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

from writers import Report


@dataclass
class Outages:
    """Reports by fault, in the order in which the faults were first seen."""

    reports: dict[str, list[Report]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, fault: str, report: Report) -> None:
        self.reports[fault].append(report)
        print(f"{fault}: {report}")

    def note(self, about: str, text: str) -> None:
        """A figure that is not a client's outage."""
        self.notes[about].append(text)

    def table(self) -> str:
        """Markdown: a fault a line, outages in seconds."""
        lines = ["| fault | runs | outage, median | longest | acknowledged | lost |", "|---|---|---|---|---|---|"]
        for fault, reports in self.reports.items():
            times = [report.outage for report in reports]
            acknowledged, lost = sum(r.acknowledged for r in reports), sum(r.lost for r in reports)
            figures = f"{statistics.median(times):.2f} s | {max(times):.2f} s | {acknowledged} | {lost}"
            lines.append(f"| {fault} | {len(reports)} | {figures} |")
        lines += ["", *(f"{about}: {', '.join(texts)}" for about, texts in self.notes.items())]
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = {fault: [asdict(report) for report in reports] for fault, reports in self.reports.items()}
        path.write_text(json.dumps(found, indent=1))
