"""Reading the arguments of commands, with Redis' words for what is wrong with them."""

from __future__ import annotations

from scrubjay_engine.commands.floats import parse_double
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.errors import NOT_FLOAT, NOT_INTEGER, CommandError

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


def integer(text: bytes, error: CommandError = NOT_INTEGER, lowest: int = INT64_MIN, highest: int = INT64_MAX) -> int:
    """A signed 64-bit integer without plus sign, blanks or leading zeros; raises `error` for anything else.

    `lowest` and `highest` narrow the range further.
    """
    if len(text) > 20:
        raise error
    try:
        number = int(text)
    except ValueError:
        raise error from None
    if not lowest <= number <= highest or b"%d" % number != text:
        raise error
    return number


def positive(text: bytes, name: str = "value", low: int = 0) -> int:
    """A count that may not be negative."""
    value = integer(text)
    if value < low:
        raise CommandError(f"ERR {name} is out of range, must be positive")
    return value


def timeout_ms(text: bytes) -> int:
    """The time-out of a blocking command, in seconds with a fraction; in milliseconds, 0 for none."""
    error = CommandError("ERR timeout is not a float or out of range")
    seconds = parse_double(text, error)
    if seconds < 0 or seconds * 1000 > INT64_MAX:  # Redis' conversion of the latter to an integer turns out negative
        raise CommandError("ERR timeout is negative")
    if seconds * 1000 > INT64_MAX - 2**62:
        raise CommandError("ERR timeout is out of range")
    milliseconds = seconds * 1000
    return int(milliseconds) + (milliseconds > int(milliseconds))


def invalid_expire(client: Client) -> CommandError:
    """The answer to a time that can't be."""
    name = client.command.name if client.command is not None else "expire"
    return CommandError(f"ERR invalid expire time in '{name}' command")


def expire_ms(client: Client, text: bytes, seconds: bool, absolute: bool) -> int:
    """An expiry argument in milliseconds since 1970; may lie in the past. Raises Redis' error for overflow."""
    value = integer(text)
    if seconds:
        if not INT64_MIN // 1000 < value < INT64_MAX // 1000:
            raise invalid_expire(client)
        value *= 1000
    if not absolute:
        value += client.engine.keyspace.now_ms
        if value > INT64_MAX:
            raise invalid_expire(client)
    return value


__all__ = ["NOT_FLOAT", "expire_ms", "integer", "invalid_expire", "positive", "timeout_ms"]
