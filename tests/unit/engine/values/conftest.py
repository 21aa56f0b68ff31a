"""Thresholds that a test moves are put back."""

from collections.abc import Iterator

import pytest

from scrubjay_engine.values.limits import NAMES, get_limit, set_limit


@pytest.fixture(autouse=True)
def put_limits_back() -> Iterator[None]:
    before = {name: get_limit(name) for name in NAMES}
    yield
    for name, value in before.items():
        set_limit(name, value)
