"""Quantities: the numbers that Kubernetes would read, and its refusals."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.api import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("512Mi", 512 * 2**20),
        ("1.5Gi", 3 * 2**29),
        ("1G", 10**9),
        ("2e3", 2000),
        ("1E", 10**18),
        ("1E2", 100),
        (".5Ki", 512),
        ("5.", 5),
        ("+3k", 3000),
        ("1Ei", 2**60),
    ],
)
def test_bytes(text: str, value: int) -> None:
    assert quantity.to_bytes(text) == value


def test_fractions_are_exact_and_bytes_round_up() -> None:
    assert quantity.parse("100m") == Fraction(1, 10)
    assert quantity.to_bytes("100m") == 1
    assert quantity.to_bytes("1.0001Ki") == 1025


@pytest.mark.parametrize("text", ["", "lots", "-1", "1 Gi", "1gi", "1GiB", "0x10", "1.2.3", "Mi", "١", "1e", "1e999"])
def test_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a quantity: write it like 500m, 2, 512Mi or 1\.5Gi"):
        quantity.parse(text)


@given(st.integers(0, 10**15), st.sampled_from(sorted(quantity.BINARY)))
def test_binary_suffixes_multiply(number: int, suffix: str) -> None:
    assert quantity.to_bytes(f"{number}{suffix}") == number * quantity.BINARY[suffix]
