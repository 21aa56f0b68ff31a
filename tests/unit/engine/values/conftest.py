"""Tests here compare `used_memory()` before and after: what other tests left for the garbage collector must be gone first."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True)
def nothing_left_by_others() -> None:
    gc.collect()
