"""Consumer group commands: making groups, acknowledging, and moving pending entries between consumers.

What a claim did is propagated as one XCLAIM an entry with the resulting times and counts, so that replicas and files end
up with the same pending entries whatever their clock says. XREADGROUP is in `stream_reads`, XINFO in `stream_info`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from scrubjay_engine.commands.arguments import INT64_MAX, integer
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.commands.stream_ids import (
    parse_any_id,
    parse_id,
    parse_interval,
    parse_start,
    with_group,
)
from scrubjay_engine.core.client import NULL_ARRAY, Client
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.engine import NOTIFY_STREAM
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.values.stream_groups import UNKNOWN, Consumer, Group
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue, format_id

NO_STREAM = CommandError(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
    "option to create an empty stream automatically."
)
GROUP_EXISTS = CommandError("BUSYGROUP Consumer Group name already exists")
BAD_ENTRIES_READ = CommandError("ERR value for ENTRIESREAD must be positive or -1")
BAD_COUNT = CommandError("ERR COUNT must be > 0")
MOST_CLAIMED = INT64_MAX // 16


# -- XGROUP ------------------------------------------------------------------------------------------------------------


def bad_subcommand(container: str, args: list[bytes]) -> CommandError:
    text = b"ERR unknown subcommand or wrong number of arguments for '%s'. Try %s HELP."
    return CommandError(text % (args[1][:128], container.encode()))


def group_options(args: list[bytes], make_stream_allowed: bool) -> tuple[bool, int]:
    """(MKSTREAM, ENTRIESREAD) of XGROUP CREATE and SETID."""
    make_stream, entries_read, i = False, UNKNOWN, 5
    while i < len(args):
        option = args[i].upper()
        if option == b"MKSTREAM" and make_stream_allowed:
            make_stream = True
            i += 1
        elif option == b"ENTRIESREAD" and i + 1 < len(args):
            entries_read = integer(args[i + 1])
            if entries_read < 0 and entries_read != UNKNOWN:
                raise BAD_ENTRIES_READ
            i += 2
        else:
            raise bad_subcommand("XGROUP", args)
    return make_stream, entries_read


def existing_group(client: Client, args: list[bytes]) -> tuple[StreamValue, Group]:
    """The stream and the group that an XGROUP subcommand names."""
    stream = client.db.write(args[2], StreamValue)
    if stream is None:
        raise NO_STREAM
    group = stream.groups.get(args[3])
    if group is None:
        raise CommandError(b"NOGROUP No such consumer group '%s' for key name '%s'" % (args[3], args[2]))
    return stream, group


def xgroup_create(client: Client, args: list[bytes]) -> str:
    make_stream, entries_read = group_options(args, True)
    stream = client.db.write(args[2], StreamValue)
    if stream is None and not make_stream:
        raise NO_STREAM
    if len(args) > 8:
        raise bad_subcommand("XGROUP", args)
    top = 0 if stream is None else stream.last_id
    last = top if args[4] == b"$" else parse_id(args[4])
    if stream is None:
        stream = client.db.create(args[2], StreamValue)
        client.db.changed(args[2])
    if args[3] in stream.groups:
        raise GROUP_EXISTS
    stream.groups[args[3]] = Group(last, entries_read)
    client.engine.keyspace.dirty += 1
    client.notify(NOTIFY_STREAM, "xgroup-create", args[2])
    return "OK"


def xgroup_setid(client: Client, args: list[bytes]) -> str:
    entries_read = group_options(args, False)[1]
    stream, group = existing_group(client, args)
    if len(args) not in (5, 7):
        raise bad_subcommand("XGROUP", args)
    group.last_id = stream.last_id if args[4] == b"$" else parse_any_id(args[4])
    group.entries_read = entries_read
    client.engine.keyspace.dirty += 1
    client.notify(NOTIFY_STREAM, "xgroup-setid", args[2])
    return "OK"


def xgroup_destroy(client: Client, args: list[bytes]) -> int:
    stream = client.db.write(args[2], StreamValue)
    if stream is None:
        raise NO_STREAM
    if stream.groups.pop(args[3], None) is None:
        return 0
    client.engine.keyspace.dirty += 1
    client.notify(NOTIFY_STREAM, "xgroup-destroy", args[2])
    client.db.ready(args[2])  # whoever is blocked on the group is told that it is gone
    return 1


def create_consumer(client: Client, group: Group, name: bytes, key_name: bytes) -> Consumer:
    consumer = group.add_consumer(name, client.engine.keyspace.now_ms)
    client.engine.keyspace.dirty += 1
    client.notify(NOTIFY_STREAM, "xgroup-createconsumer", key_name)
    return consumer


def xgroup_createconsumer(client: Client, args: list[bytes]) -> int:
    group = existing_group(client, args)[1]
    if args[4] in group.consumers:
        return 0
    create_consumer(client, group, args[4], args[2])
    return 1


def xgroup_delconsumer(client: Client, args: list[bytes]) -> int:
    pending = existing_group(client, args)[1].remove_consumer(args[4])
    if pending is None:
        return 0
    client.engine.keyspace.dirty += 1
    client.notify(NOTIFY_STREAM, "xgroup-delconsumer", args[2])
    return pending


def xgroup_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "XGROUP",
        "CREATE <key> <groupname> <id|$> [option]",
        "    Make a consumer group. Options:",
        "    * MKSTREAM",
        "      Make an empty stream if there is none.",
        "    * ENTRIESREAD entries_read",
        "      Set the group's count of entries read (internal).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Make a consumer in a group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove a consumer.",
        "DESTROY <key> <groupname>",
        "    Remove a group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set a group's last ID and its count of entries read.",
    )


# -- propagation -------------------------------------------------------------------------------------------------------


def propagate_claim(client: Client, key_name: bytes, group_name: bytes, group: Group, number: bytes) -> None:
    """Tell replicas and files who holds a pending entry since when."""
    found = group.pending_entry(parse_id(number))
    client.engine.keyspace.dirty += 1
    if found is None or not client.engine.propagating:
        return
    consumer, delivered_at, deliveries = found
    client.also_propagate(
        [
            *(b"XCLAIM", key_name, group_name, consumer.name, b"0", number),
            *(b"TIME", b"%d" % delivered_at, b"RETRYCOUNT", b"%d" % deliveries),
            *(b"FORCE", b"JUSTID", b"LASTID", format_id(group.last_id)),
        ]
    )


def propagate_group_id(client: Client, key_name: bytes, group_name: bytes, group: Group) -> None:
    """Tell replicas and files how far the group has come where no claim says it."""
    last = format_id(group.last_id)
    entries_read = b"%d" % group.entries_read
    client.also_propagate([b"XGROUP", b"SETID", key_name, group_name, last, b"ENTRIESREAD", entries_read])


# -- XACK, XPENDING: `stream_delivery` has their rows in the table and serves the usual forms itself --------------------


def xack(client: Client, args: list[bytes]) -> int:
    stream = client.db.write(args[1], StreamValue)
    group = None if stream is None else stream.groups.get(args[2])
    if group is None:
        return 0
    numbers = [parse_id(word) for word in args[3:]]
    acknowledged = sum(map(group.acknowledge, numbers))
    client.engine.keyspace.dirty += acknowledged
    return acknowledged


def xpending(client: Client, args: list[bytes]) -> object:
    if len(args) == 3:
        return pending_summary(with_group(client.db.read(args[1], StreamValue), args[1], args[2])[1])
    if not 6 <= len(args) <= 9:
        raise SYNTAX
    at, idle = 3, 0
    if args[3].upper() == b"IDLE":
        idle = integer(args[4])
        if len(args) < 8:
            raise SYNTAX
        at = 5
    count = max(0, integer(args[at + 2]))
    start, end = parse_interval(args[at], args[at + 1])
    _, group = with_group(client.db.read(args[1], StreamValue), args[1], args[2])
    consumer = None
    if at + 3 < len(args):
        consumer = group.consumers.get(args[at + 3])
        if consumer is None:
            return []
    now = client.engine.keyspace.now_ms
    before = min(now - idle, INT64_MAX) if idle else INT64_MAX
    return group.describe_pending(start, end, count, consumer, before, now)


def pending_summary(group: Group) -> list[object]:
    bounds = group.bounds()
    if bounds is None:
        return [0, None, None, NULL_ARRAY]
    busy = [[name, b"%d" % len(consumer)] for name, consumer in sorted(group.consumers.items()) if len(consumer)]
    return [len(group), format_id(bounds[0]), format_id(bounds[1]), busy]


# -- XCLAIM ------------------------------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """What XCLAIM is asked to do."""

    numbers: list[int]
    delivered_at: int
    retry_count: int
    force: bool
    just_id: bool
    last_id: int


def parse_claim(args: list[bytes], now: int) -> Claim:
    numbers: list[int] = []
    i = 5
    while i < len(args):
        try:
            numbers.append(parse_id(args[i]))
        except CommandError:
            break
        i += 1
    times = {b"IDLE": -1, b"TIME": -1, b"RETRYCOUNT": -1}
    words = set()
    last_id = 0
    while i < len(args):
        option = args[i].upper()
        if option in (b"FORCE", b"JUSTID"):
            words.add(option)
        elif option in times and i + 1 < len(args):
            i += 1
            text = f"ERR Invalid {option.decode()} option argument for XCLAIM"
            value = integer(args[i], CommandError(text))
            if option == b"RETRYCOUNT":
                times[option] = value
            else:
                times[b"TIME"] = value if option == b"TIME" else now - value
        elif option == b"LASTID" and i + 1 < len(args):
            i += 1
            last_id = parse_id(args[i])
        else:
            raise CommandError(b"ERR Unrecognized XCLAIM option '%s'" % args[i])
        i += 1
    at = times[b"TIME"]
    at = at if 0 <= at <= now else now  # a time that cannot be is taken for now: clients' clocks differ
    return Claim(numbers, at, times[b"RETRYCOUNT"], b"FORCE" in words, b"JUSTID" in words, last_id)


def xclaim(client: Client, args: list[bytes]) -> list[object]:
    stream, group = with_group(client.db.write(args[1], StreamValue), args[1], args[2])
    idle = max(0, integer(args[4], CommandError("ERR Invalid min-idle-time argument for XCLAIM")))
    now = client.engine.keyspace.now_ms
    claim = parse_claim(args, now)
    client.rewritten = []
    moved_on = claim.last_id > group.last_id
    if moved_on:
        group.last_id = claim.last_id
    claimed: list[object] = []
    for number, word in zip(claim.numbers, args[5:], strict=False):
        found = group.pending_entry(number)
        if not stream.contains(number):
            if found is not None:
                propagate_claim(client, args[1], args[2], group, word)
                group.acknowledge(number)
            continue
        if found is None and not claim.force:
            continue
        if found is not None and idle and now - found[1] < idle:
            continue
        deliveries = found[2] if found is not None else 1
        if claim.retry_count >= 0:
            deliveries = claim.retry_count
        elif not claim.just_id:
            deliveries += 1
        group.assign(number, claiming_consumer(client, group, args), claim.delivered_at, deliveries)
        claimed.append(shown_entry(stream, number, claim.just_id))
        propagate_claim(client, args[1], args[2], group, word)
    if moved_on and not client.rewritten:
        propagate_group_id(client, args[1], args[2], group)
        client.engine.keyspace.dirty += 1
    return claimed


def claiming_consumer(client: Client, group: Group, args: list[bytes]) -> Consumer:
    """The consumer that claims, made if need be; it has been seen now."""
    consumer = group.consumers.get(args[3])
    if consumer is None:
        return create_consumer(client, group, args[3], args[1])
    consumer.seen_at = client.engine.keyspace.now_ms
    return consumer


def shown_entry(stream: StreamValue, number: int, just_id: bool) -> object:
    return format_id(number) if just_id else [format_id(number), stream.entry(number)]


# -- XAUTOCLAIM --------------------------------------------------------------------------------------------------------


def parse_autoclaim(args: list[bytes]) -> tuple[int, int, int, bool]:
    """(least idle time, start, count, JUSTID)."""
    idle = max(0, integer(args[4], CommandError("ERR Invalid min-idle-time argument for XAUTOCLAIM")))
    start = parse_start(args[5])
    count, just_id, i = 100, False, 6
    while i < len(args):
        option = args[i].upper()
        if option == b"COUNT" and i + 1 < len(args):
            i += 1
            count = integer(args[i], BAD_COUNT, 1, MOST_CLAIMED)
        elif option == b"JUSTID":
            just_id = True
        else:
            raise SYNTAX
        i += 1
    return idle, start, count, just_id


def pending_from(group: Group, start: int) -> Iterator[tuple[int, int, int]]:
    """(ID, delivered at, deliveries) from `start` on, read in batches; entries already given out may be changed meanwhile."""
    while start <= MAX_ID:
        batch = group.pending_range(start, MAX_ID, 64)
        for number, _, delivered_at, deliveries in batch:
            yield number, delivered_at, deliveries
        if len(batch) < 64:
            return
        start = batch[-1][0] + 1


def xautoclaim(client: Client, args: list[bytes]) -> list[object]:
    idle, start, count, just_id = parse_autoclaim(args)
    stream, group = with_group(client.db.write(args[1], StreamValue), args[1], args[2])
    client.rewritten = []
    now, attempts, following = client.engine.keyspace.now_ms, count * 10, 0
    claimed: list[object] = []
    deleted: list[bytes] = []
    for number, delivered_at, deliveries in pending_from(group, start):
        if attempts == 0 or count == 0:
            following = number
            break
        attempts -= 1
        word = format_id(number)
        if not stream.contains(number):
            propagate_claim(client, args[1], args[2], group, word)
            group.acknowledge(number)
            deleted.append(word)
            count -= 1
            continue
        if idle and now - delivered_at < idle:
            continue
        group.assign(number, claiming_consumer(client, group, args), now, deliveries + (not just_id))
        claimed.append(shown_entry(stream, number, just_id))
        count -= 1
        propagate_claim(client, args[1], args[2], group, word)
    return [format_id(following), claimed, deleted]


COMMANDS = family(
    "stream",
    [
        command(
            "xgroup",
            None,
            -2,
            "",
            since="5.0.0",
            summary="A container for consumer group commands.",
            complexity="Depends on subcommand.",
            subcommands=[
                command(
                    "create",
                    xgroup_create,
                    -5,
                    "write denyoom",
                    keys=key(2, "RW insert"),
                    since="5.0.0",
                    summary="Makes a consumer group.",
                    complexity="O(1)",
                ),
                command(
                    "setid",
                    xgroup_setid,
                    -5,
                    "write",
                    keys=key(2, "RW update"),
                    since="5.0.0",
                    summary="Sets the last ID that a group was given.",
                    complexity="O(1)",
                ),
                command(
                    "destroy",
                    xgroup_destroy,
                    4,
                    "write",
                    keys=key(2, "RW delete"),
                    since="5.0.0",
                    summary="Removes a consumer group.",
                    complexity="O(N) of its pending entries",
                ),
                command(
                    "createconsumer",
                    xgroup_createconsumer,
                    5,
                    "write denyoom",
                    keys=key(2, "RW insert"),
                    since="6.2.0",
                    summary="Makes a consumer in a group.",
                    complexity="O(1)",
                ),
                command(
                    "delconsumer",
                    xgroup_delconsumer,
                    5,
                    "write",
                    keys=key(2, "RW delete"),
                    since="5.0.0",
                    summary="Removes a consumer from a group.",
                    complexity="O(N) of its pending entries",
                ),
                command(
                    "help",
                    xgroup_help,
                    2,
                    "loading stale",
                    since="5.0.0",
                    summary="Explains the subcommands.",
                    complexity="O(1)",
                ),
            ],
        ),
        command(
            "xclaim",
            xclaim,
            -6,
            "write fast",
            keys=key(1, "RW update"),
            since="5.0.0",
            summary="Gives pending entries to another consumer.",
            complexity="O(log N) for each entry",
            tips=["nondeterministic_output"],
        ),
        command(
            "xautoclaim",
            xautoclaim,
            -6,
            "write fast",
            keys=key(1, "RW delete"),
            since="6.2.0",
            summary="Gives a consumer the pending entries that have been idle for long.",
            complexity="O(1) for a small count",
            tips=["nondeterministic_output"],
        ),
    ],
)
