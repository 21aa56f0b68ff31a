"""Arguments of commands: integers in Redis' one canonical form, and option words in any case.

For Python handlers; hot ones use `core.numbers`. Doubles are in `commands.floats`.
"""

from scrubjay_engine.core.errors import NOT_INTEGER, CommandError

INT64_MAX = (1 << 63) - 1
INT64_MIN = -(1 << 63)


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
