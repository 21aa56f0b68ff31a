"""The runner reads the suite's output rightly, and its lists are in order."""

from pathlib import Path

import pytest

from contract import catalogue, sources, tcl

OUTPUT = """\
[ready]: 1234
[testing]: unit/demo
[ok]: SET and GET (1 ms)
[err]: LPOS basic usage in tests/unit/type/list.tcl
Expected '1' to be equal to '2' (context: type eval line 4)
and a second line
[ok]: name with (brackets) (12 ms)
[skip]: a test we leave out
[ignore]: needs:repl
[1/1 done]: unit/demo (0 seconds)

                   The End

[err]: LPOS basic usage in tests/unit/type/list.tcl
"""


def test_counts_each_test_once_and_keeps_the_message() -> None:
    outcome = tcl.parse("unit/demo", OUTPUT)
    assert outcome.ok == ["SET and GET", "name with (brackets)"]
    message = "Expected '1' to be equal to '2' (context: type eval line 4)\nand a second line"
    assert outcome.failures == [tcl.Failure("LPOS basic usage", message)]
    assert outcome.skipped == ["a test we leave out"]
    assert outcome.ignored == 1
    assert not outcome.broken


def test_a_unit_that_stops_half_way_is_broken() -> None:
    assert tcl.parse("unit/demo", "[ok]: one (1 ms)\n[exception]: Executing test client: boom\n").broken
    assert tcl.parse("unit/demo", "[ok]: one (1 ms)\n").broken == "ended early: [ok]: one (1 ms)"


def test_skip_list_is_short_and_names_known_units() -> None:
    known = {name for name, _ in catalogue.units()}
    assert {entry.unit for entry in catalogue.skips()} <= known


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("sources.list", "deb http://a/debian stable main\n", "deb-src http://a/debian stable main"),
        (
            "sources.list.d/x.sources",
            "Types: deb\nURIs: http://a/debian\nSuites: stable\nComponents: main\nSigned-By: /k.gpg\n",
            "deb-src [signed-by=/k.gpg] http://a/debian stable main",
        ),
    ],
)
def test_source_lines_follow_the_machines_own_mirror(tmp_path: Path, file: str, text: str, line: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / file).write_text(text)
    assert sources.source_lines(tmp_path) == [line]
