"""The operator's table of parameters is the engine's option table: neither imports the other, so a test holds them together."""

import json
from pathlib import Path

from scrubjay_engine.option_table import exported
from scrubjay_engine.options import OPTIONS
from scrubjay_operator.api import generate, parameters
from scrubjay_operator.objects import config

REPO = Path(__file__).resolve().parents[2]


def test_committed_table_is_the_engines() -> None:
    committed = (REPO / generate.PARAMETERS).read_text()
    assert committed == parameters.exported(json.loads(exported())), (
        "parameters.json is out of date: run `make generate`"
    )


def test_what_the_operator_writes_by_itself_are_options_of_the_engine() -> None:
    assert set(config.fixed_options()) <= set(OPTIONS)
    assert not [
        name for name in config.fixed_options() if not parameters.is_managed(name) and not OPTIONS[name].managed
    ]
