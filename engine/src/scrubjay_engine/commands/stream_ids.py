"""Stream IDs as clients write them, and options shared by the stream commands.

An ID is `ms-seq`, both unsigned 64-bit; `ms` alone leaves the sequence to the command. Inside, IDs are integers
(milliseconds << 64 | sequence).
"""

import re
from typing import NamedTuple

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.values.stream_groups import Group
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue, get_node_limits

MAX_WORD = (1 << 64) - 1
CLIENT_DETACHED = 1 << 5
CLIENT_PRIMARY = 1 << 6
BAD_ID = CommandError("ERR Invalid stream ID specified as stream command argument")
BAD_START = CommandError("ERR invalid start ID for the interval")
BAD_END = CommandError("ERR invalid end ID for the interval")
LIMIT_ALONE = CommandError("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
TWO_STRATEGIES = CommandError("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
NO_STRATEGY = CommandError("ERR syntax error, XTRIM must be called with a trimming strategy")
LIMIT_EXACT = CommandError("ERR syntax error, LIMIT cannot be used without the special ~ option")
NEGATIVE_LENGTH = CommandError("ERR The MAXLEN argument must be >= 0.")
NEGATIVE_LIMIT = CommandError("ERR The LIMIT argument must be >= 0.")

NUMBER = re.compile(rb"\s*\+?[0-9]+\Z")
LONGEST_ID = 127


def parse_word(text: bytes) -> int:
    """One half of an ID: what C's strtoull takes, and nothing behind it."""
    if NUMBER.match(text):
        number = int(text)
        if number <= MAX_WORD:
            return number
    raise BAD_ID


def parse_id(text: bytes, missing: int = 0) -> int:
    """A complete or incomplete ID; `missing` is the sequence of one that has none. `-` and `+` are refused."""
    if len(text) > LONGEST_ID:
        raise BAD_ID
    ms, dash, seq = text.partition(b"-")
    return parse_word(ms) << 64 | (parse_word(seq) if dash else missing)


def parse_any_id(text: bytes, missing: int = 0) -> int:
    """As `parse_id`, and `-` and `+` stand for the lowest and the highest ID."""
    if text == b"-":
        return 0
    if text == b"+":
        return MAX_ID
    return parse_id(text, missing)


def parse_start(text: bytes) -> int:
    """The lower end of an interval; `(` excludes it."""
    if len(text) > 1 and text.startswith(b"("):
        start = parse_id(text[1:])
        if start == MAX_ID:
            raise BAD_START
        return start + 1
    return parse_any_id(text)


def parse_end(text: bytes) -> int:
    """The upper end of an interval; `(` excludes it."""
    if len(text) > 1 and text.startswith(b"("):
        end = parse_id(text[1:], MAX_WORD)
        if end == 0:
            raise BAD_END
        return end - 1
    return parse_any_id(text, MAX_WORD)


def parse_interval(start: bytes, end: bytes) -> tuple[int, int]:
    return parse_start(start), parse_end(end)


def with_group(stream: StreamValue | None, key: bytes, name: bytes, where: bytes = b"") -> tuple[StreamValue, Group]:
    """The stream and its group, or Redis' NOGROUP error."""
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        raise CommandError(b"NOGROUP No such key '%s' or consumer group '%s'%s" % (key, name, where))
    return stream, group


class Trim(NamedTuple):
    """What MAXLEN or MINID asks for. `at` is where its argument stands, for rewriting the command."""

    strategy: bytes = b""
    bound: int = 0
    approximate: bool = False
    limit: int = 0
    at: int = 0

    def apply(self, stream: StreamValue) -> int:
        """How many entries went."""
        if self.strategy == b"MAXLEN":
            return stream.trim_to_length(self.bound, whole_nodes=self.approximate, limit=self.limit)
        return stream.trim_below(self.bound, whole_nodes=self.approximate, limit=self.limit)


class AddOptions(NamedTuple):
    trim: Trim
    create: bool
    id_at: int


def parse_add_or_trim(client: Client, args: list[bytes], adding: bool) -> AddOptions:
    """The options of XADD (up to the ID) or XTRIM."""
    trim, limit, create, i = Trim(), None, True, 2
    while i < len(args):
        word, more = args[i].upper(), i + 1 < len(args)
        if adding and word == b"*":
            break
        if word in (b"MAXLEN", b"MINID") and more:
            trim = parse_strategy(args, i, trim)
            i = trim.at
        elif word == b"LIMIT" and more:
            i += 1
            limit = integer(args[i])
            if limit < 0:
                raise NEGATIVE_LIMIT
        elif adding and word == b"NOMKSTREAM":
            create = False
        elif adding:
            break
        else:
            raise SYNTAX
        i += 1
    return AddOptions(with_limit(client, trim, limit, adding), create, i)


def parse_strategy(args: list[bytes], at: int, before: Trim) -> Trim:
    if before.strategy:
        raise TWO_STRATEGIES
    strategy, approximate = args[at].upper(), False
    if at + 2 < len(args) and args[at + 1] in (b"~", b"="):
        approximate = args[at + 1] == b"~"
        at += 1
    at += 1
    if strategy == b"MINID":
        return Trim(strategy, parse_id(args[at]), approximate, 0, at)
    bound = integer(args[at])
    if bound < 0:
        raise NEGATIVE_LENGTH
    return Trim(strategy, bound, approximate, 0, at)


def obeyed(client: Client) -> bool:
    """Whether a command comes from the primary or a file: it was accepted before, and its trims were made exact."""
    return bool(client.gates & CLIENT_PRIMARY) or (bool(client.gates & CLIENT_DETACHED) and client.script is None)


def with_limit(client: Client, trim: Trim, limit: int | None, adding: bool) -> Trim:
    """Settle how many entries one call may drop: unless told, an approximate one stops after about a hundred nodes."""
    if not trim.strategy:
        if limit:
            raise LIMIT_ALONE
        if not adding:
            raise NO_STRATEGY
        return trim
    if obeyed(client):
        return trim
    if limit is not None:
        if not trim.approximate:
            raise LIMIT_EXACT
        return trim._replace(limit=limit)
    if not trim.approximate:
        return trim
    usual = 100 * get_node_limits()[1]
    return trim._replace(limit=min(usual, 1_000_000) if usual > 0 else 10_000)
