"""SORT and SORT_RO: the elements of a list, set or sorted set in order, by their own value or that of other keys (BY), shown as they are or through GET."""

from __future__ import annotations

import math
from functools import partial

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import Command, KeySpec, command, family, key, unknown_keys
from scrubjay_engine.core.errors import SYNTAX, WRONGTYPE, CommandError
from scrubjay_engine.core.keyspace import Database
from scrubjay_engine.values.hash_value import HashValue
from scrubjay_engine.values.list_value import ListValue
from scrubjay_engine.values.set_value import SetValue
from scrubjay_engine.values.sorted_set_value import SortedSetValue

NOTIFY_GENERIC, NOTIFY_LIST = 1 << 2, 1 << 4
NOT_A_NUMBER = CommandError("ERR One or more scores can't be converted into double")


class Wish:
    """What the options say."""

    __slots__ = ("alpha", "by", "count", "descending", "get", "start", "store")

    def __init__(self) -> None:
        self.alpha = self.descending = False
        self.by: bytes | None = None
        self.get: list[bytes] = []
        self.start, self.count = 0, -1
        self.store: bytes | None = None


def parse(client: Client, args: list[bytes], may_store: bool) -> Wish:
    """The options behind the key. Raises CommandError for those that are wrong or not permitted."""
    wish, at = Wish(), 2
    while at < len(args):
        word, left = args[at].upper(), len(args) - at - 1
        if word in (b"ASC", b"DESC"):
            wish.descending = word == b"DESC"
        elif word == b"ALPHA":
            wish.alpha = True
        elif word == b"LIMIT" and left >= 2:
            wish.start, wish.count = integer(args[at + 1]), integer(args[at + 2])
            at += 2
        elif word == b"STORE" and left and may_store:
            at += 1
            wish.store = args[at]
        elif word == b"BY" and left:
            at += 1
            wish.by = args[at]
            if b"*" in args[at]:
                _may_read_others(client, args, "BY")
        elif word == b"GET" and left:
            at += 1
            _may_read_others(client, args, "GET")
            wish.get.append(args[at])
        else:
            raise SYNTAX
        at += 1
    return wish


def _may_read_others(client: Client, args: list[bytes], option: str) -> None:
    """BY and GET read keys that nobody can know beforehand."""
    if client.engine.keyspace.cluster:
        raise CommandError(f"ERR {option} option of SORT denied in Cluster mode.")
    row: Command | None = client.engine.commands.lookup(args[0])
    if client.user is not None and row is not None and not client.user.reads_every_key(row, args):
        raise CommandError(f"ERR {option} option of SORT denied due to insufficient ACL permissions.")


def lookup(db: Database, pattern: bytes, element: bytes) -> bytes | None:
    """The value that a pattern means for an element: `weight_*`, `object_*->field`, `#` for itself."""
    if pattern == b"#":
        return element
    star = pattern.find(b"*")
    if star < 0:
        return None
    arrow = pattern.find(b"->", star + 1)
    name, field = pattern, b""
    if arrow >= 0 and len(pattern) > arrow + 2:
        name, field = pattern[:arrow], pattern[arrow + 2 :]
    value = db.value(name[:star] + element + name[star + 1 :])
    if field:
        return value.get(field) if isinstance(value, HashValue) else None
    return value if isinstance(value, bytes) else None


def number(text: bytes | None) -> float:
    """As strtod reads it: nothing at all is 0. Raises CommandError."""
    if not text:
        return 0.0
    try:
        if b"_" in text or text[-1:].isspace():
            raise ValueError(text)
        found = float.fromhex(text.decode()) if b"x" in text.lower() else float(text)
    except (ValueError, OverflowError):
        raise NOT_A_NUMBER from None
    if math.isnan(found):
        raise NOT_A_NUMBER
    return found


def elements_of(value: object, wish: Wish) -> list[bytes]:
    """The elements in their own order."""
    if value is None:
        return []
    if isinstance(value, ListValue):
        return list(value)
    if isinstance(value, SetValue):
        return value.members()
    if isinstance(value, SortedSetValue):
        return [member for member, _ in value.items()]
    raise WRONGTYPE


def in_order(client: Client, value: object, wish: Wish) -> list[bytes]:
    """All elements, sorted as the options say."""
    elements = elements_of(value, wish)
    by, alpha = wish.by, wish.alpha
    if by is not None and b"*" not in by:
        if not (isinstance(value, SetValue) and (wish.store is not None or client.script is not None)):
            # Not sorted at all: the order the value has, backwards for DESC.
            if wish.descending and not isinstance(value, SetValue):
                elements.reverse()
            return elements
        # A set has no order of its own: what is stored or replicated from scripts must be the same everywhere.
        by, alpha = None, True
    if alpha:
        found = {element: lookup(client.db, by, element) for element in elements} if by is not None else None
        order = (lambda e: (found[e] is not None, found[e] or b"")) if found is not None else (lambda e: (True, e))
        return sorted(elements, key=order, reverse=wish.descending)
    weights = {e: number(lookup(client.db, by, e) if by is not None else e) for e in set(elements)}
    return sorted(elements, key=lambda e: (weights[e], e), reverse=wish.descending)


def chosen(elements: list[bytes], wish: Wish) -> list[bytes]:
    """LIMIT."""
    start = max(wish.start, 0)
    return elements[start:] if wish.count < 0 else elements[start : start + wish.count]


def sort(may_store: bool, client: Client, args: list[bytes]) -> object:
    wish = parse(client, args, may_store)
    value = client.db.value(args[1])
    elements = chosen(in_order(client, value, wish), wish)
    if wish.get:
        shown = [lookup(client.db, pattern, element) for element in elements for pattern in wish.get]
    else:
        shown = list(elements)
    return shown if wish.store is None else store(client, wish.store, shown)


def store(client: Client, name: bytes, elements: list[bytes | None]) -> int:
    """STORE: the result as a list; nothing removes the key."""
    if not elements:
        if client.db.delete(name):
            client.db.changed(name)
            client.notify(NOTIFY_GENERIC, "del", name)
        return 0
    made = ListValue()
    for element in elements:
        made.push(element or b"")
    client.db.put(name, made)
    client.db.changed(name)
    client.notify(NOTIFY_LIST, "sortstore", name)
    client.db.ready(name)
    return len(elements)


def sort_keys(args: list[bytes]) -> list[int]:
    """The key, and STORE's (the last one counts)."""
    found, at = [1], 2
    skip = {b"LIMIT": 2, b"GET": 1, b"BY": 1, b"STORE": 1}
    target = 0
    while at < len(args):
        word = args[at].upper()
        if word == b"STORE" and at + 1 < len(args):
            target = at + 1
        at += 1 + skip.get(word, 0)
    return found + ([target] if target else [])


BY_GET = "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort"
STORE = "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array"
SORT_SPECS: list[KeySpec] = [
    *key(1, "RO access"),
    *unknown_keys("RO access", BY_GET),
    *unknown_keys("OW update", STORE),
]
COMMANDS = family(
    "generic",
    [
        command(
            "sort", partial(sort, True), -2, "write denyoom", keys=SORT_SPECS, getkeys=sort_keys, categories="set sortedset list dangerous -keyspace",
            since="1.0.0", summary="Elements in order.", complexity="O(N+M*log(M)): N elements, M shown",
        ),
        command(
            "sort_ro", partial(sort, False), -2, "readonly", keys=[*key(1, "RO access"), *unknown_keys("RO access", BY_GET)], getkeys=lambda args: [1],
            categories="set sortedset list dangerous -keyspace", since="7.0.0", summary="Elements in order, without STORE.", complexity="O(N+M*log(M)): N elements, M shown",
        ),
    ],
)  # fmt: skip
