"""Redis 7.0.15's own test suite against our engine: the quick units, one pytest test a unit.

`make contract` runs every unit. A failing unit names the suite's tests and their messages; to work on one:
`python tests/contract/run.py --unit UNIT --only "TEST"`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contract import catalogue

RUNNER = Path(__file__).with_name("run.py")
QUICK = [(unit.name, unit.spawn) for unit in catalogue.units().values() if unit.quick]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("unit", "spawn"), QUICK)
def test_unit(unit: str, spawn: bool, tmp_path: Path) -> None:
    report = tmp_path / "outcome.json"
    command = [sys.executable, str(RUNNER), "--unit", unit, "--json", str(report), *(["--spawn"] if spawn else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.exists(), f"the runner failed:\n{done.stdout}{done.stderr}"
    (outcome,) = json.loads(report.read_text())
    failed = [f"{failure['test']}\n    {failure['message']}" for failure in outcome["failures"]]
    assert not failed and not outcome["broken"], "\n".join([outcome["broken"], *failed])
