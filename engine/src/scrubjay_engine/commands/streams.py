"""Stream commands: adding, reading, deleting and trimming entries. Consumer groups are in `stream_groups`, XREAD in `stream_reads`."""

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.stream_ids import (
    MAX_WORD,
    Trim,
    parse_add_or_trim,
    parse_end,
    parse_id,
    parse_start,
    parse_word,
)
from scrubjay_engine.core.client import NULL_ARRAY, Client
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.engine import NOTIFY_STREAM
from scrubjay_engine.core.errors import NO_KEY, SYNTAX, CommandError
from scrubjay_engine.core.keyspace import register
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue, format_id, set_node_limits

TYPE_CODE = 6
LARGEST_ENTRY = 1 << 30
WRONG_ARITY = CommandError("ERR wrong number of arguments for 'xadd' command")
ZERO_ID = CommandError("ERR The ID specified in XADD must be greater than 0-0")
EXHAUSTED = CommandError("ERR The stream has exhausted the last possible ID, unable to add more items")
NOT_ABOVE = CommandError("ERR The ID specified in XADD is equal or smaller than the target stream top item")
TOO_LARGE = CommandError("ERR Elements are too large to be stored")
NEGATIVE_ADDED = CommandError("ERR entries_added must be positive")
BELOW_DELETED = CommandError("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
BELOW_TOP = CommandError("ERR The ID specified in XSETID is smaller than the target stream top item")
BELOW_LENGTH = CommandError("ERR The entries_added specified in XSETID is smaller than the target stream length")

register(StreamValue, "stream", TYPE_CODE)


def xadd(client: Client, args: list[bytes]) -> bytes | None:
    """All of XADD; `stream_add` has its row in the table and serves the usual forms itself."""
    trim, create, id_at = parse_add_or_trim(client, args, adding=True)
    given = args[id_at] if id_at < len(args) else b"*"
    partial = given.endswith(b"-*") and given != b"-*"
    wanted = parse_word(given[:-2]) << 64 if partial else 0 if given == b"*" else parse_id(given)
    first = id_at + 1
    if len(args) - first < 2 or (len(args) - first) % 2:
        raise WRONG_ARITY
    if wanted == 0 and not partial and given != b"*":
        raise ZERO_ID
    stream = client.db.write(args[1], StreamValue)
    if stream is None and not create:
        return None
    number = choose_id(client, StreamValue() if stream is None else stream, given, wanted, partial)
    if sum(map(len, args[first:])) > LARGEST_ENTRY:
        raise TOO_LARGE
    if stream is None:
        stream = client.db.create(args[1], StreamValue)
    stream.append(number, args, first)
    client.db.changed(args[1])
    client.notify(NOTIFY_STREAM, "xadd", args[1])
    if trim.strategy and trim.apply(stream):
        client.notify(NOTIFY_STREAM, "xtrim", args[1])
    shown = format_id(number)
    if client.engine.propagating and (given == b"*" or partial or trim.approximate):
        effect = with_exact_trim(args, trim, stream)
        effect[id_at] = shown
        client.rewrite(effect)
    client.db.ready(args[1])
    return shown


def choose_id(client: Client, stream: StreamValue, given: bytes, wanted: int, partial: bool) -> int:
    """The ID of a new entry."""
    last = stream.last_id
    if last == MAX_ID:
        raise EXHAUSTED
    if given == b"*":
        number = stream.next_id(client.engine.keyspace.now_ms)
        if number is None:
            raise EXHAUSTED
        return number
    if partial and last >> 64 == wanted >> 64:
        if last & MAX_WORD == MAX_WORD:
            raise NOT_ABOVE
        return last + 1
    if wanted <= last:
        raise NOT_ABOVE
    return wanted


def with_exact_trim(args: list[bytes], trim: Trim, stream: StreamValue) -> list[bytes]:
    """The command as replicas and files get it: what `~` and LIMIT left is left there too."""
    effect = list(args)
    if trim.approximate:
        effect[trim.at - 1] = b"="
        lowest = (stream.first_id if len(stream) else MAX_ID) if trim.strategy == b"MINID" else None
        effect[trim.at] = b"%d" % len(stream) if lowest is None else format_id(lowest)
    return effect


def xtrim(client: Client, args: list[bytes]) -> int:
    trim = parse_add_or_trim(client, args, adding=False).trim
    stream = client.db.write(args[1], StreamValue)
    if stream is None:
        return 0
    dropped = trim.apply(stream)
    if dropped:
        client.db.changed(args[1])
        client.notify(NOTIFY_STREAM, "xtrim", args[1])
        if trim.approximate and client.engine.propagating:
            client.rewrite(with_exact_trim(args, trim, stream))
    return dropped


def xlen(client: Client, args: list[bytes]) -> int:
    stream = client.db.read(args[1], StreamValue)
    return 0 if stream is None else len(stream)


def read_range(client: Client, args: list[bytes], start: bytes, end: bytes, reverse: bool) -> object:
    lowest, highest, count, i = parse_start(start), parse_end(end), -1, 4
    while i < len(args):
        if args[i].upper() != b"COUNT" or i + 1 == len(args):
            raise SYNTAX
        count = max(0, integer(args[i + 1]))
        i += 2
    stream = client.db.read(args[1], StreamValue)
    if stream is None:
        return []
    if count == 0:
        return NULL_ARRAY
    return stream.range(lowest, highest, count, reverse=reverse)


def xrange(client: Client, args: list[bytes]) -> object:
    return read_range(client, args, args[2], args[3], False)


def xrevrange(client: Client, args: list[bytes]) -> object:
    return read_range(client, args, args[3], args[2], True)


def xdel(client: Client, args: list[bytes]) -> int:
    stream = client.db.write(args[1], StreamValue)
    if stream is None:
        return 0
    numbers = [parse_id(word) for word in args[2:]]
    deleted = sum(map(stream.delete, numbers))
    if deleted:
        client.db.changed(args[1])
        client.notify(NOTIFY_STREAM, "xdel", args[1])
    return deleted


def xsetid(client: Client, args: list[bytes]) -> str:
    number, added, deleted, i = parse_id(args[2]), -1, 0, 3
    while i < len(args):
        option = args[i].upper()
        if i + 1 == len(args) or option not in (b"ENTRIESADDED", b"MAXDELETEDID"):
            raise SYNTAX
        if option == b"ENTRIESADDED":
            added = integer(args[i + 1])
            if added < 0:
                raise NEGATIVE_ADDED
        else:
            deleted = parse_id(args[i + 1])
            if number < deleted:
                raise BELOW_DELETED
        i += 2
    stream = client.db.write(args[1], StreamValue)
    if stream is None:
        raise NO_KEY
    if len(stream):
        if number < stream.last_live_id():
            raise BELOW_TOP
        if added != -1 and len(stream) > added:
            raise BELOW_LENGTH
    stream.last_id = number
    if added != -1:
        stream.entries_added = added
    if deleted:
        stream.max_deleted_id = deleted
    client.engine.keyspace.dirty += 1
    client.notify(NOTIFY_STREAM, "xsetid", args[1])
    return "OK"


COMMANDS = family(
    "stream",
    [
        command(
            "xtrim",
            xtrim,
            -4,
            "write",
            keys=key(1, "RW delete"),
            since="5.0.0",
            summary="Drops the oldest entries of a stream.",
            complexity="O(N) of the entries dropped",
            tips=["nondeterministic_output"],
        ),
        command(
            "xlen",
            xlen,
            2,
            "readonly fast",
            keys=key(1, "RO"),
            since="5.0.0",
            summary="Counts the entries of a stream.",
            complexity="O(1)",
        ),
        command(
            "xrange",
            xrange,
            -4,
            "readonly",
            keys=key(1),
            since="5.0.0",
            summary="Reads entries within a range of IDs.",
            complexity="O(N) of the entries read",
        ),
        command(
            "xrevrange",
            xrevrange,
            -4,
            "readonly",
            keys=key(1),
            since="5.0.0",
            summary="Reads entries within a range of IDs, newest first.",
            complexity="O(N) of the entries read",
        ),
        command(
            "xdel",
            xdel,
            -3,
            "write fast",
            keys=key(1, "RW delete"),
            since="5.0.0",
            summary="Deletes entries of a stream by their IDs.",
            complexity="O(1) for each entry",
        ),
        command(
            "xsetid",
            xsetid,
            -3,
            "write denyoom fast",
            keys=key(1, "RW update"),
            since="5.0.0",
            summary="Sets a stream's last ID and counters (used by replication).",
            complexity="O(1)",
        ),
    ],
)


def install(server: object) -> None:
    """Follow the options that say when a node is full."""
    config = server.config  # type: ignore[attr-defined]

    def follow(_: object) -> None:
        set_node_limits(config.number("stream-node-max-bytes"), config.number("stream-node-max-entries"))

    config.on_change("stream-node-max-bytes", follow)
    config.on_change("stream-node-max-entries", follow)
