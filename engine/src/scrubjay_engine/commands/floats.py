"""Floating-point arguments and replies, read and shown as Redis does.

INCRBYFLOAT and HINCRBYFLOAT count in C's `long double` (64-bit mantissa on x86) and print with `%.17Lf`, zeros stripped. Here they
are `decimal.Decimal` rounded to that mantissa's 19-20 digits: sums such as 0.1 + 0.2 then print as 0.3, as they do in Redis.
"""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal, InvalidOperation

from scrubjay_engine.core.errors import NOT_FLOAT, CommandError

# A long double keeps 64 bits: about 19.3 decimal digits.
LONG_DOUBLE = Context(prec=19, Emax=4932, Emin=-4932)
PLAIN = re.compile(rb"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?)\Z", re.IGNORECASE)


def parse_long_double(text: bytes) -> Decimal:
    """An argument of INCRBYFLOAT. Raises Redis' "value is not a valid float"."""
    if not PLAIN.match(text) or len(text) > 255:
        raise NOT_FLOAT
    try:
        return LONG_DOUBLE.create_decimal(text.decode())
    except InvalidOperation:
        raise NOT_FLOAT from None


def show_long_double(number: Decimal) -> bytes:
    """Seventeen decimals at most, without trailing zeros and exponent. Raises Redis' error for infinity and NaN."""
    if not number.is_finite():
        raise CommandError("ERR increment would produce NaN or Infinity")
    number = LONG_DOUBLE.plus(number)
    text = f"{number:.17f}"
    text = text.rstrip("0").rstrip(".")
    return b"0" if text in ("-0", "0", "") else text.encode()


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
