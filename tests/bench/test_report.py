"""The report keeps what it was given: medians, spreads, ratios, and the words around the measured part of the page."""

from pathlib import Path

import pytest

from bench import report

REPORT = {
    "machine": {"processor": "one"},
    "versions": {"scrubjay": "scrubjay 1", "redis": "redis 7"},
    "command": "python tests/bench/run.py",
    "example": "redis-benchmark GET",
    "sections": {
        "core": [
            {
                "name": "GET",
                "family": "string",
                "requests": 10,
                "errors": {},
                "samples": [
                    {"server": "scrubjay", "cpu": cpu, "rate": 1000.0, "p50": 0.1, "p99": 0.2}
                    for cpu in (1.0, 2.0, 9.0)
                ]
                + [{"server": "redis", "cpu": 4.0, "rate": 500.0, "p50": 0.1, "p99": 0.2}],
            },
            {"name": "SPOP", "family": "set", "requests": 0, "errors": {"scrubjay": "ERR unknown"}, "samples": []},
        ]
    },
}


def test_medians_spreads_and_ratios() -> None:
    cpu = report.tables(REPORT)[0]
    assert cpu.rows[0] == ["GET", "2.00 (1.00-9.00)", "4.00", "0.50"]


def test_what_a_server_refused_is_said() -> None:
    cpu = report.tables(REPORT)[0]
    assert cpu.rows[1] == ["SPOP", "-", "-", "-"]
    assert "SPOP on scrubjay: ERR unknown" in cpu.note


@pytest.mark.filterwarnings("ignore")
def test_only_the_measured_part_of_the_page_changes(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"words before\n{report.BEGIN}\nold\n{report.END}\nwords after\n")
    report.write(REPORT, page)
    text = page.read_text()
    assert text.startswith("words before\n") and text.endswith("words after\n")
    assert "old" not in text and "| GET | 2.00 (1.00-9.00) | 4.00 | 0.50 |" in text
    assert (tmp_path / "benchmarks.png").stat().st_size > 1000


def test_runs_in_parts_make_one_report() -> None:
    later = {**REPORT, "machine": {"processor": "two"}, "command": "later", "sections": {"idle": []}}
    whole = report.joined([REPORT, later])
    assert list(whole["sections"]) == ["core", "idle"]
    assert whole["machine"] == {"processor": "one; two"}
    assert whole["command"] == "python tests/bench/run.py, then later"
    assert whole["versions"] == REPORT["versions"]
