"""XINFO: what a stream, its consumer groups and their consumers look like."""

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.commands.stream_groups import bad_subcommand
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family, key
from scrubjay_engine.core.errors import NO_KEY, CommandError
from scrubjay_engine.values.stream_groups import UNKNOWN, Consumer, Group
from scrubjay_engine.values.stream_value import MAX_ID, StreamValue, format_id

USUAL_COUNT = 10  # entries that XINFO STREAM FULL shows unless told


def existing_stream(client: Client, args: list[bytes]) -> StreamValue:
    stream = client.db.read(args[2], StreamValue)
    if stream is None:
        raise NO_KEY
    return stream


def known_reads(group: Group) -> int | None:
    return None if group.entries_read == UNKNOWN else group.entries_read


def lag_of(stream: StreamValue, group: Group) -> int | None:
    """Entries that the group has not been given yet; None where deleted entries make that unknowable."""
    if not stream.entries_added:
        return 0
    read = group.entries_read
    if read == UNKNOWN or stream.has_deleted_since(group.last_id):
        read = stream.entries_up_to(group.last_id)
    return None if read == UNKNOWN else stream.entries_added - read


def xinfo_stream(client: Client, args: list[bytes]) -> object:
    stream = existing_stream(client, args)
    count = full_count(args)
    about: dict[bytes, object] = {
        b"length": len(stream),
        b"radix-tree-keys": stream.node_count(),
        b"radix-tree-nodes": stream.node_count() + 1,
        b"last-generated-id": format_id(stream.last_id),
        b"max-deleted-entry-id": format_id(stream.max_deleted_id),
        b"entries-added": stream.entries_added,
        b"recorded-first-entry-id": format_id(stream.first_id),
    }
    if count is not None:
        about[b"entries"] = stream.range(0, MAX_ID, count or -1)
        about[b"groups"] = [full_group(stream, name, group, count) for name, group in sorted(stream.groups.items())]
        return about
    about[b"groups"] = len(stream.groups)
    about[b"first-entry"] = next(iter(stream.range(0, MAX_ID, 1)), None)
    about[b"last-entry"] = next(iter(stream.range(0, MAX_ID, 1, reverse=True)), None)
    return about


def full_count(args: list[bytes]) -> int | None:
    """The COUNT of FULL (0: no limit); None without FULL."""
    options = args[3:]
    if not options:
        return None
    if len(options) not in (1, 3) or options[0].upper() != b"FULL":
        raise bad_subcommand("XINFO", args)
    if len(options) == 1:
        return USUAL_COUNT
    if options[1].upper() != b"COUNT":
        raise bad_subcommand("XINFO", args)
    count = integer(options[2])
    return USUAL_COUNT if count < 0 else count


def full_group(stream: StreamValue, name: bytes, group: Group, count: int) -> dict[bytes, object]:
    pending = group.pending_range(0, MAX_ID, count or -1)
    return {
        b"name": name,
        b"last-delivered-id": format_id(group.last_id),
        b"entries-read": known_reads(group),
        b"lag": lag_of(stream, group),
        b"pel-count": len(group),
        b"pending": [[format_id(number), owner.name, at, times] for number, owner, at, times in pending],
        b"consumers": [full_consumer(group, consumer, count) for _, consumer in sorted(group.consumers.items())],
    }


def full_consumer(group: Group, consumer: Consumer, count: int) -> dict[bytes, object]:
    pending = group.pending_range(0, MAX_ID, count or -1, consumer)
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen_at,
        b"pel-count": len(consumer),
        b"pending": [[format_id(number), at, times] for number, _, at, times in pending],
    }


def xinfo_groups(client: Client, args: list[bytes]) -> object:
    stream = existing_stream(client, args)
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group),
            b"last-delivered-id": format_id(group.last_id),
            b"entries-read": known_reads(group),
            b"lag": lag_of(stream, group),
        }
        for name, group in sorted(stream.groups.items())
    ]


def xinfo_consumers(client: Client, args: list[bytes]) -> object:
    group = existing_stream(client, args).groups.get(args[3])
    if group is None:
        raise CommandError(b"NOGROUP No such consumer group '%s' for key name '%s'" % (args[3], args[2]))
    now = client.engine.keyspace.now_ms
    return [
        {b"name": name, b"pending": len(consumer), b"idle": max(0, now - consumer.seen_at)}
        for name, consumer in sorted(group.consumers.items())
    ]


def xinfo_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "XINFO",
        "CONSUMERS <key> <groupname>",
        "    The consumers of a group.",
        "GROUPS <key>",
        "    The groups of a stream.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    What a stream holds.",
    )


COMMANDS = family(
    "stream",
    [
        command(
            "xinfo",
            None,
            -2,
            "",
            since="5.0.0",
            summary="A container for commands that look into streams.",
            complexity="Depends on subcommand.",
            subcommands=[
                command(
                    "stream",
                    xinfo_stream,
                    -3,
                    "readonly",
                    keys=key(2),
                    since="5.0.0",
                    summary="Describes a stream.",
                    complexity="O(1)",
                ),
                command(
                    "groups",
                    xinfo_groups,
                    3,
                    "readonly",
                    keys=key(2),
                    since="5.0.0",
                    summary="Lists the consumer groups of a stream.",
                    complexity="O(N) groups",
                ),
                command(
                    "consumers",
                    xinfo_consumers,
                    4,
                    "readonly",
                    keys=key(2),
                    since="5.0.0",
                    summary="Lists the consumers of a group.",
                    complexity="O(N) consumers",
                    tips=["nondeterministic_output"],
                ),
                command(
                    "help",
                    xinfo_help,
                    2,
                    "loading stale",
                    since="5.0.0",
                    summary="Explains the subcommands.",
                    complexity="O(1)",
                ),
            ],
        ),
    ],
)
