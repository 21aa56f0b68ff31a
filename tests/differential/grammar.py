"""Building blocks of the families: pools of keys and values, and `command`, which makes a strategy of Steps.

Pools are small on purpose: commands meet the same keys again, meet keys of another type, and cross the (lowered) limits
at which values change their encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hypothesis import strategies as st

from differential.compare import Way, exact
from differential.pair import Step

Part: TypeAlias = str | st.SearchStrategy[object]
Steps: TypeAlias = st.SearchStrategy[Step]

OPTIONS = (
    *("--hash-max-listpack-entries", "4", "--hash-max-listpack-value", "16", "--set-max-intset-entries", "4"),
    *("--zset-max-listpack-entries", "4", "--zset-max-listpack-value", "16", "--list-max-listpack-size", "3"),
    *("--stream-node-max-entries", "3", "--hll-sparse-max-bytes", "300", "--proto-max-bulk-len", "1mb"),
)  # both servers are started with these

LATER = 4_000_000_000  # seconds since 1970: a moment that no test reaches


def pool(*items: object) -> st.SearchStrategy[object]:
    """One of these; the first ones are what a failing example shrinks to."""
    return st.sampled_from(items)


def command(name: str, *parts: Part, way: Way = exact) -> Steps:
    """A strategy of commands: `name` may hold several words; parts are words or strategies of words or tuples of words."""
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    words = tuple(word.encode() for word in name.split())
    return st.tuples(*strategies).map(lambda drawn: Step((*words, *flat(drawn)), way))


def flat(drawn: object) -> tuple[bytes, ...]:
    """Nested tuples and lists of words as one row of arguments; None and empty tuples vanish."""
    if drawn is None:
        return ()
    if isinstance(drawn, tuple | list):
        return tuple(word for item in drawn for word in flat(item))
    return (drawn if isinstance(drawn, bytes) else str(drawn).encode(),)


def maybe(*parts: Part) -> st.SearchStrategy[object]:
    """These words together, or none of them."""
    words = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.one_of(st.just(()), st.tuples(*words))


def either(*choices: Part) -> st.SearchStrategy[object]:
    """One of the choices; a text of several words counts as several words."""
    return st.one_of(*[st.just(tuple(c.split())) if isinstance(c, str) else c for c in choices])


def some(item: st.SearchStrategy[object], least: int = 1, most: int = 4) -> st.SearchStrategy[object]:
    """Between `least` and `most` of them."""
    return st.lists(item, min_size=least, max_size=most)


def counted(item: st.SearchStrategy[object], most: int = 3) -> st.SearchStrategy[object]:
    """A count followed by that many: `numkeys key [key ...]`; now and then the count is wrong."""
    honest = st.lists(item, min_size=1, max_size=most).map(lambda items: (len(items), *items))
    return st.one_of(honest, honest, honest, st.tuples(pool(0, -1, 2, "x"), item))


INTEGER = pool(0, 1, -1, 2, 3, 5, 10, -10, 100, 2**63 - 1, -(2**63), 2**63, 2**31, "07", "+1", " 1", "1.0", "x", "")
SMALL = pool(0, 1, -1, 2, 3, -2, -3, 5, 10, -100, 100)
NUMBER = pool(
    *(
        0,
        1,
        -1,
        1.5,
        -2.25,
        3.0,
        0.1,
        1e17,
        5e-324,
        1.7976931348623157e308,
        "inf",
        "-inf",
        "nan",
        "+1.5",
        "1e3",
        "0x10",
    ),
    *(123456789.123456789, "3.0000000000000000001", " 1", "1 ", "x", ""),
)
TEXT = st.one_of(
    pool("a", "b", "hello", "", "10", "-1", "3.5", "x" * 17, "y" * 70, "Hello World", b"\x00\xff\x80", "\r\n"),
    st.binary(max_size=24),
)
FIELD = pool("a", "b", "c", "d", "e", "f", "1", "2", "30", "-4", "z" * 20, "", b"\xff")
PATTERN = pool("*", "a*", "?", "[a-c]", "[^a]", "\\*", "[", "*b*", "", "h[ae]llo", "k*")
SECONDS = pool(1000, 100_000, 0, -1, "x", 2**62, 2**63 - 1, 10**16)


def one_of(*steps: Steps, rare: Sequence[Steps] = ()) -> Steps:
    """Any of the commands; the rare ones a tenth as often."""
    usual = st.sampled_from(range(len(steps))).flatmap(lambda index: steps[index])
    if not rare:
        return usual
    unusual = st.sampled_from(range(len(rare))).flatmap(lambda index: rare[index])
    return st.integers(0, 9).flatmap(lambda dice: unusual if dice == 9 else usual)


@dataclass(frozen=True)
class Family:
    """A group of commands under test: `steps` draws one, `keys` are the key names it uses (for DUMP and RESTORE)."""

    name: str
    steps: Steps
    keys: tuple[str, ...] = ()
    transactions: bool = True  # False when the family makes its own MULTI
    # False when a command with a wrong or missing word may have another, open answer (CLIENT ID, SORT of a set BY nothing).
    damage: bool = True
    # False when it sorts sorted sets: SORT turns Redis' packed ones into skip lists, ours stay as they are.
    zset_encodings: bool = True
