"""The layout keeps its promises: what must not be there is not."""

from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


def test_no_init_file_makes_a_top_folder_a_package() -> None:
    # operator/__init__.py would shadow the standard library's operator; in tests/ two files of one name would clash
    found = [REPO / top / "__init__.py" for top in ("operator", "engine", "operator/src", "engine/src")]
    found += [path for path in (REPO / "tests").rglob("__init__.py")]
    assert [path for path in found if path.exists()] == []


@pytest.mark.parametrize("name", ["utils.py", "helpers.py", "misc.py", "common.py"])
def test_no_file_is_named_for_nothing_in_particular(name: str) -> None:
    folders = [REPO / top for top in ("operator/src", "engine/src", "tests")]
    assert [path for folder in folders for path in folder.rglob(name)] == []
