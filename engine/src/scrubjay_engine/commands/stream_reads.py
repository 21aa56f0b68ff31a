"""XREAD and XREADGROUP: reading several streams at once, as a bystander or for a consumer group, and waiting for entries.

A reader that waits is served when a stream gets an entry above the ID it waits for; all readers of a stream are served by
the same entry, except that a group's entries go to one of its consumers only. What a group was given is propagated as
XCLAIM (see `stream_groups`), never as the read itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.stream_groups import create_consumer, propagate_claim, propagate_group_id
from scrubjay_engine.commands.stream_ids import parse_id, with_group
from scrubjay_engine.core.client import NOT_READY, NULL_ARRAY, Client, Pairs
from scrubjay_engine.core.command import command, family, keyword
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.values.stream_groups import Consumer, Group
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue, format_id

BLOCKED_COUNT = 1000  # a reader that waited without COUNT gets at most so many: its ID may have been far back
NEW = -1  # stands for `>` among the IDs of XREADGROUP
BAD_TIMEOUT = CommandError("ERR timeout is not an integer or out of range")
NEGATIVE_TIMEOUT = CommandError("ERR timeout is negative")
UNBALANCED = CommandError("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.")
GROUP_IN_XREAD = CommandError("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
NOACK_IN_XREAD = CommandError("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
NO_GROUP_GIVEN = CommandError("ERR Missing GROUP option for XREADGROUP")
DOLLAR_IN_GROUP = CommandError(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by "
    "specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
)
NEW_WITHOUT_GROUP = CommandError(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)
STREAM_GONE = CommandError("UNBLOCKED the stream key no longer exists")
GROUP_GONE = CommandError("NOGROUP the consumer group this client was blocked on no longer exists")


@dataclass
class Read:
    """What XREAD or XREADGROUP is asked for."""

    grouped: bool
    timeout_ms: int = -1  # -1: do not wait
    count: int = 0
    group: bytes = b""
    consumer: bytes = b""
    noack: bool = False
    keys: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)


def parse_read(client: Client, args: list[bytes], grouped: bool) -> Read:
    read, i, has_group = Read(grouped), 1, False
    while i < len(args):
        option, more = args[i].upper(), len(args) - i - 1
        if option == b"STREAMS" and more:
            if more % 2:
                raise UNBALANCED
            read.keys, read.ids = args[i + 1 : i + 1 + more // 2], args[i + 1 + more // 2 :]
            break
        if option == b"BLOCK" and more:
            read.timeout_ms = parse_timeout(client, args, i + 1)
            i += 1
        elif option == b"COUNT" and more:
            read.count = max(0, integer(args[i + 1]))
            i += 1
        elif option == b"GROUP" and more >= 2:
            if not grouped:
                raise GROUP_IN_XREAD
            read.group, read.consumer, has_group = args[i + 1], args[i + 2], True
            i += 2
        elif option == b"NOACK":
            if not grouped:
                raise NOACK_IN_XREAD
            read.noack = True
        else:
            raise SYNTAX
        i += 1
    if not read.keys:
        raise SYNTAX
    if grouped and not has_group:
        raise NO_GROUP_GIVEN
    return read


def parse_timeout(client: Client, args: list[bytes], at: int) -> int:
    if client.script is not None:
        raise CommandError(b"ERR %s command is not allowed with BLOCK option from scripts" % args[0])
    timeout = integer(args[at], BAD_TIMEOUT)
    if timeout < 0:
        raise NEGATIVE_TIMEOUT
    return timeout


def reply_of(client: Client, found: Sequence[tuple[bytes, Sequence[object]]]) -> object:
    return Pairs(found) if client.protocol == 3 else [list(pair) for pair in found]


# -- XREAD -------------------------------------------------------------------------------------------------------------


def xread(client: Client, args: list[bytes]) -> object:
    read = parse_read(client, args, False)
    after: list[int] = []
    for name, word in zip(read.keys, read.ids, strict=True):
        stream = client.db.read(name, StreamValue)
        if word == b"$":
            after.append(0 if stream is None else stream.last_id)
        elif word == b">":
            raise NEW_WITHOUT_GROUP
        else:
            after.append(parse_id(word))
    found = []
    for name, last in zip(read.keys, after, strict=True):
        stream = client.db.read(name, StreamValue)
        if stream is not None and stream.last_live_id() > last:
            found.append((name, stream.range(last + 1, MAX_ID, read.count or -1)))
    if found:
        return reply_of(client, found)
    if read.timeout_ms < 0 or not client.may_block:
        return NULL_ARRAY
    awaited: dict[bytes, int] = {}
    for name, last in zip(read.keys, after, strict=True):
        awaited.setdefault(name, last)

    def retry(name: bytes) -> object:
        stream = client.db.value(name)
        if not isinstance(stream, StreamValue) or stream.last_id <= awaited[name]:
            return NOT_READY
        return reply_of(client, [(name, stream.range(awaited[name] + 1, MAX_ID, read.count or BLOCKED_COUNT))])

    return client.block(read.keys, retry, read.timeout_ms, lambda: NULL_ARRAY)


# -- XREADGROUP --------------------------------------------------------------------------------------------------------


def xreadgroup(client: Client, args: list[bytes]) -> object:
    """All of XREADGROUP; `stream_delivery` has its row in the table and serves the usual forms itself."""
    read = parse_read(client, args, True)
    after: list[int] = []
    where = b" in XREADGROUP with GROUP option"
    for name, word in zip(read.keys, read.ids, strict=True):
        with_group(client.db.write(name, StreamValue), name, read.group, where)
        if word == b"$":
            raise DOLLAR_IN_GROUP
        after.append(NEW if word == b">" else parse_id(word))
    client.rewritten = []  # the effects are propagated, not the read
    found = []
    for name, last in zip(read.keys, after, strict=True):
        stream, group = with_group(client.db.write(name, StreamValue), name, read.group, where)
        if last != NEW:
            found.append((name, read_history(client, read, stream, group, name, last)))
        elif stream.last_live_id() > group.last_id:
            found.append((name, read_new(client, read, stream, group, name, read.count)))
    if found:
        return reply_of(client, found)
    if read.timeout_ms < 0 or not client.may_block:
        return NULL_ARRAY

    def retry(name: bytes) -> object:
        stream = client.db.write_value(name)
        if not isinstance(stream, StreamValue):
            raise STREAM_GONE
        group = stream.groups.get(read.group)
        if group is None:
            raise GROUP_GONE
        if stream.last_id <= group.last_id:
            return NOT_READY
        return reply_of(client, [(name, read_new(client, read, stream, group, name, read.count or BLOCKED_COUNT))])

    return client.block(read.keys, retry, read.timeout_ms, lambda: NULL_ARRAY)


def reading_consumer(client: Client, read: Read, group: Group, name: bytes) -> Consumer:
    """The consumer that reads, made if need be; it has been seen now."""
    client.engine.keyspace.dirty += 1
    consumer = group.consumers.get(read.consumer)
    if consumer is None:
        consumer = create_consumer(client, group, read.consumer, name)
        if read.noack:
            client.also_propagate([b"XGROUP", b"CREATECONSUMER", name, read.group, read.consumer])
    consumer.seen_at = client.engine.keyspace.now_ms
    return consumer


def read_new(client: Client, read: Read, stream: StreamValue, group: Group, name: bytes, count: int) -> list[object]:
    """Entries that the group was not given before; they become pending with the consumer unless it said NOACK."""
    consumer = reading_consumer(client, read, group, name)
    now = client.engine.keyspace.now_ms
    given: list[object] = []
    for number, entry in stream.range_with_ids(group.last_id + 1, MAX_ID, count or -1):
        group.advance(stream, number)
        given.append(entry)
        if not read.noack:
            group.assign(number, consumer, now, 1)
            propagate_claim(client, name, read.group, group, format_id(number))
    if read.noack and given:
        propagate_group_id(client, name, read.group, group)
    return given


def read_history(client: Client, read: Read, stream: StreamValue, group: Group, name: bytes, last: int) -> list[object]:
    """Entries above `last` that are pending with the consumer: they count as delivered once more."""
    consumer = reading_consumer(client, read, group, name)
    if last == MAX_ID:
        return []
    rows: list[object] = []
    for row in group.redeliver(stream, consumer, last + 1, read.count or -1, client.engine.keyspace.now_ms):
        rows.append([row[0], NULL_ARRAY] if row[1] is None else row)
    return rows


COMMANDS = family(
    "stream",
    [
        command(
            "xread",
            xread,
            -4,
            "readonly blocking",
            keys=keyword("STREAMS", 1, "RO access", -1, 1, 2),
            since="5.0.0",
            summary="Reads entries of several streams above given IDs, waiting for them if asked to.",
            complexity="O(N) of the entries read",
        ),
    ],
)
