"""Floating-point arguments and replies, read and shown as Redis does.

Scores and the like are C doubles, Python's `float`. What INCRBYFLOAT counts in is `commands.long_double`.
"""

from __future__ import annotations

import math
import re

from scrubjay_engine.core.errors import NOT_FLOAT, CommandError

PLAIN = re.compile(rb"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?)\Z", re.IGNORECASE)


def parse_double(text: bytes, error: CommandError = NOT_FLOAT) -> float:
    """A score or another double: C's strtod without blanks and NaN."""
    if PLAIN.match(text):
        return float(text)
    lowered = text.lower()
    if lowered.lstrip(b"+-").startswith(b"0x"):
        try:
            return float.fromhex(text.decode())
        except (ValueError, OverflowError):
            raise error from None
    raise error


def show_double(number: float) -> bytes:
    """As Redis prints a double in text: `%.17g`, integers without a point."""
    if math.isinf(number):
        return b"inf" if number > 0 else b"-inf"
    if number == int(number) and abs(number) < 4503599627370496.0:
        return b"-0" if number == 0 and math.copysign(1, number) < 0 else b"%d" % int(number)
    return b"%.17g" % number
