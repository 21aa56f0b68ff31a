"""Kubernetes quantities ("512Mi", "2", "1.5Gi", "500m") as exact numbers.

The grammar is that of k8s.io/apimachinery/pkg/api/resource: a decimal number and a binary, decimal or exponent
suffix. Negative quantities are refused: nothing that we ask for can be negative.
"""

import re
from fractions import Fraction
from math import ceil
from typing import Final

BINARY: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

_QUANTITY: Final = re.compile(r"\+?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,2}|)", re.ASCII)


def parse(text: str) -> Fraction:
    """The exact value. Raises ValueError, in words, where Kubernetes would not take the text either."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a quantity: write it like 500m, 2, 512Mi or 1.5Gi')
    number, suffix = Fraction(match[1]), match[2]
    if suffix in BINARY:
        return number * BINARY[suffix]
    if suffix in DECIMAL:
        return number * Fraction(10) ** DECIMAL[suffix]
    return number * Fraction(10) ** int(suffix[1:])


def to_bytes(text: str) -> int:
    """A memory or storage quantity in bytes, rounded up as Kubernetes does."""
    return ceil(parse(text))
