"""The grammar of ACL rules: what one selector allows (commands, keys, channels), and how it is written down again.

Pure: knows the command table, but no users, clients or files (acl.py next door). Error texts are Redis 7.0.15's (acl.c). A selector's commands are a
bit for each `Command.number`; `+@all` sets every bit there will ever be, so that commands of a later version are allowed too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.core.command import Command, Table
from scrubjay_engine.core.inline import split_inline

CATEGORIES = (
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream", "pubsub",
    "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
)  # fmt: skip
READ, WRITE = 1, 2
EVERYTHING = -1  # all bits of a bitmap
FUTURE = 1 << 4096  # a bit no command has: set by +@all only
FLAG_NO_AUTH = 1 << 13
SUBSCRIBING = {"subscribe": False, "ssubscribe": False, "psubscribe": True}  # name -> whether patterns
PUBLISHING = ("publish", "spublish")
DENIED_COMMAND, DENIED_KEY, DENIED_CHANNEL = "command", "key", "channel"
_WEIGHT = {DENIED_COMMAND: 1, DENIED_KEY: 2, DENIED_CHANNEL: 4}

UNKNOWN_COMMAND = "Unknown command or category name in ACL"
SYNTAX = "Syntax error"
NO_MORE_KEYS = (
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
    "Try 'resetkeys' to start with an empty list of patterns"
)
NO_MORE_CHANNELS = (
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. "
    "Try 'resetchannels' to start with an empty list of channels"
)


class RuleError(ValueError):
    """A rule that can't be applied; the text says why in Redis' words."""


@dataclass(slots=True)
class Denial:
    """Why a user may not: `reason` is command, key or channel; `position` the argument it is about."""

    reason: str
    position: int

    def worse_than(self, other: Denial) -> bool:
        """Which of two selectors' refusals is told: the one that came furthest."""
        mine, theirs = _WEIGHT[self.reason], _WEIGHT[other.reason]
        return mine > theirs or (mine == theirs and self.position > other.position)


class CommandBits:
    """The table's commands by category as bitmaps. Made once the table is complete."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.masks: dict[str, int] = {}
        self.members: dict[str, list[Command]] = {}
        self.order = [row for top in table.by_name.values() for row in (top, *(top.subcommands or {}).values())]
        for category in CATEGORIES:
            self.members[category] = [row for row in self.order if category in row.categories]
            self.masks[category] = sum({bit for row in self.members[category] for bit in self._bits(row)})

    @staticmethod
    def _bits(row: Command) -> list[int]:
        return [1 << row.number, *(1 << sub.number for sub in (row.subcommands or {}).values())]

    def find(self, name: bytes) -> Command | None:
        return self.table.lookup(name)

    def mask(self, row: Command) -> int:
        """The command's bit and those of its subcommands."""
        return sum(self._bits(row))


@dataclass(slots=True)
class Selector:
    """One set of permissions: a command passes if a single selector of the user allows all of it."""

    bits: CommandBits
    allowed: int = 0
    all_commands: bool = False
    first_arguments: dict[int, list[bytes]] = field(default_factory=dict)
    all_keys: bool = False
    patterns: dict[bytes, int] = field(default_factory=dict)
    all_channels: bool = False
    channels: dict[bytes, None] = field(default_factory=dict)

    def copy(self) -> Selector:
        return Selector(
            self.bits,
            self.allowed,
            self.all_commands,
            {number: list(words) for number, words in self.first_arguments.items()},
            self.all_keys,
            dict(self.patterns),
            self.all_channels,
            dict(self.channels),
        )

    @property
    def unlimited(self) -> bool:
        return self.all_commands and self.all_keys and self.all_channels

    # -- rules ---------------------------------------------------------------------------------------------------------

    def apply(self, rule: bytes) -> None:
        """Applies one rule. Raises RuleError and changes nothing."""
        word = rule.lower()
        if word in (b"allkeys", b"~*", b"resetkeys"):
            self.all_keys = word != b"resetkeys"
            self.patterns.clear()
        elif word in (b"allchannels", b"&*", b"resetchannels"):
            self.all_channels = word != b"resetchannels"
            self.channels.clear()
        elif word in (b"allcommands", b"+@all", b"nocommands", b"-@all"):
            self.all_commands = word in (b"allcommands", b"+@all")
            self.allowed = EVERYTHING if self.all_commands else 0
            self.first_arguments.clear()
        elif rule[:1] in (b"~", b"%"):
            self._add_pattern(rule)
        elif rule[:1] == b"&":
            self._add_channel(rule[1:])
        elif rule[:2] in (b"+@", b"-@"):
            self._set_category(word[2:].decode(errors="replace"), rule[:1] == b"+")
        elif rule[:1] == b"+":
            self._allow(rule[1:])
        elif rule[:1] == b"-":
            self._set_command(self._find(rule[1:]), False)
        else:
            raise RuleError(SYNTAX)

    def _find(self, name: bytes) -> Command:
        found = self.bits.find(name)
        if found is None:
            raise RuleError(UNKNOWN_COMMAND)
        return found

    def _set_command(self, row: Command, allow: bool) -> None:
        self._set_bits(self.bits.mask(row), allow)
        self.first_arguments.pop(row.number, None)

    def _set_bits(self, mask: int, allow: bool) -> None:
        if allow:
            self.allowed |= mask
        else:
            self.allowed &= ~mask
            self.all_commands = False

    def _set_category(self, name: str, allow: bool) -> None:
        if name not in self.bits.masks:
            raise RuleError(UNKNOWN_COMMAND)
        self._set_bits(self.bits.masks[name], allow)
        if self.first_arguments:
            for row in self.bits.members[name]:
                self.first_arguments.pop(row.number, None)

    def _allow(self, name: bytes) -> None:
        """`+get`, `+config|get`, and `+select|0`: a first argument of a command that is not allowed as a whole."""
        container, bar, sub = name.rpartition(b"|")
        if not bar:
            self._set_command(self._find(name), True)
            return
        row = self._find(container)
        if row.parent is not None:
            raise RuleError("Allowing first-arg of a subcommand is not supported")
        if not sub:
            raise RuleError(SYNTAX)
        if row.subcommands:
            self._set_command(self._find(name), True)
            return
        words = self.first_arguments.setdefault(row.number, [])
        if sub.lower() not in words:
            words.append(sub.lower())

    def _add_pattern(self, rule: bytes) -> None:
        if self.all_keys:
            raise RuleError(NO_MORE_KEYS)
        kinds, tilde, pattern = rule.partition(b"~")
        access = READ | WRITE
        if kinds:
            letters = kinds[1:].upper()
            if not letters or len(set(letters)) != len(letters) or letters.strip(b"RW"):
                raise RuleError(SYNTAX)
            access = (READ if b"R" in letters else 0) | (WRITE if b"W" in letters else 0)
        if not tilde or has_spaces(pattern):
            raise RuleError(SYNTAX)
        self.patterns[pattern] = self.patterns.get(pattern, 0) | access

    def _add_channel(self, pattern: bytes) -> None:
        if self.all_channels:
            raise RuleError(NO_MORE_CHANNELS)
        if has_spaces(pattern):
            raise RuleError(SYNTAX)
        self.channels[pattern] = None

    # -- questions -----------------------------------------------------------------------------------------------------

    def check(self, row: Command, args: list[bytes]) -> Denial | None:
        """Why the command with these words may not be run; None when it may."""
        if not self.all_commands and not row.flags & FLAG_NO_AUTH and not self._may_run(row, args):
            return Denial(DENIED_COMMAND, 0)
        if not self.all_keys and (row.key_specs or row.getkeys is not None):
            for position, flags in keys_with_positions(row, args):
                if not self.may_access(args[position], access_of(flags)):
                    return Denial(DENIED_KEY, position)
        if not self.all_channels and row.group == "pubsub":
            for position, is_pattern in channels_of(row, args):
                if not channel_allowed(self.channels, args[position], is_pattern):
                    return Denial(DENIED_CHANNEL, position)
        return None

    def _may_run(self, row: Command, args: list[bytes]) -> bool:
        if self.allowed >> row.number & 1:
            return True
        words = self.first_arguments.get(row.number)
        at = 2 if row.parent is not None else 1
        return words is not None and len(args) > at and args[at].lower() in words

    def may_access(self, key: bytes, access: int) -> bool:
        """Whether a pattern covers the key with all of the access (READ, WRITE; 0 for a mere mention)."""
        if self.all_keys:
            return True
        return any(
            granted & access == access and glob_matches(pattern, key) for pattern, granted in self.patterns.items()
        )

    def reads_every_key(self) -> bool:
        return self.all_keys or bool(self.patterns.get(b"*", 0) & READ)

    # -- description ---------------------------------------------------------------------------------------------------

    def describe(self) -> bytes:
        """As ACL LIST and the ACL file write it."""
        keys, channels = self.describe_keys(), self.describe_channels()
        if not self.all_channels:
            channels = b" ".join(part for part in (b"resetchannels", channels) if part)
        return b" ".join(part for part in (keys, channels, self.describe_commands()) if part)

    def describe_keys(self) -> bytes:
        if self.all_keys:
            return b"~*"
        marks = {READ | WRITE: b"~", READ: b"%R~", WRITE: b"%W~"}
        return b" ".join(marks[access] + pattern for pattern, access in self.patterns.items())

    def describe_channels(self) -> bytes:
        return b"&*" if self.all_channels else b" ".join(b"&" + pattern for pattern in self.channels)

    def describe_commands(self) -> bytes:
        """The shortest rules found: `+@all` or `-@all`, then categories that fit best, then single commands."""
        adding = not self.allowed & FUTURE
        sign, undo = (b"+", b"-") if adding else (b"-", b"+")
        rules = [b"-@all" if adding else b"+@all"]
        written = Selector(self.bits)
        written.apply(rules[0])
        rest = Selector(self.bits, self.allowed)
        unused = list(CATEGORIES)
        while (best := self._best_category(rest, unused, adding)) is not None:
            unused.remove(best)
            written.apply(sign + b"@" + best.encode())
            rest.apply(undo + b"@" + best.encode())
            rules.append(sign + b"@" + best.encode())
        self._describe_single(written, rules)
        return b" ".join(rules)

    def _best_category(self, rest: Selector, unused: list[str], adding: bool) -> str | None:
        best, fewest, most = None, 1 << 31, 0
        for category in unused:
            members = self.bits.members[category]
            on = sum(rest.allowed >> row.number & 1 for row in members)
            off = len(members) - on
            different, same = (off, on) if adding else (on, off)
            if same > different and (different < fewest or (different == fewest and same > most)):
                best, fewest, most = category, different, same
        return best

    def _describe_single(self, written: Selector, rules: list[bytes]) -> None:
        for row in self.bits.order:
            mine = self.allowed >> row.number & 1
            if mine != written.allowed >> row.number & 1:
                rules.append((b"+" if mine else b"-") + row.name.encode())
                written._set_command(row, bool(mine))
            if not mine:
                words = self.first_arguments.get(row.number, ())
                rules.extend(b"+%s|%s" % (row.name.encode(), word) for word in words)


def parse_selector(rule: bytes, bits: CommandBits, all_channels: bool) -> Selector:
    """`(+get ~a*)`: a further selector of a user. Raises RuleError."""
    made = Selector(bits, all_channels=all_channels)
    for word in split_inline(rule[1:-1]) or []:
        made.apply(word)
    return made


def has_spaces(text: bytes) -> bool:
    """Blanks and NUL bytes would make the ACL file unreadable."""
    return any(char in b" \t\n\v\f\r\0" for char in text)


def access_of(flags: tuple[str, ...]) -> int:
    """What a key specification's flags need: reading the value, changing it, both, or neither."""
    read = READ if "access" in flags else 0
    write = WRITE if any(flag in flags for flag in ("insert", "delete", "update")) else 0
    return read | write


def keys_with_positions(row: Command, args: list[bytes]) -> list[tuple[int, tuple[str, ...]]]:
    """(index into args, flags of its specification) of every key; sharded channels are no keys."""
    if row.name in VARIABLE:
        return [(1, VARIABLE[row.name](args))]
    if row.getkeys is not None:
        # The first is what is read; what follows is where SORT stores, or more of the same (MIGRATE ... KEYS).
        first = row.key_specs[0].flags
        rest = tuple(flag for flag in row.key_specs[-1].flags if flag != "incomplete")
        return [(position, first if at == 0 else rest) for at, position in enumerate(row.getkeys(args))]
    return [
        (position, spec.flags)
        for spec in row.key_specs
        if "not_key" not in spec.flags
        for position in spec.positions(args)
        # MIGRATE's single key is empty when it names several behind KEYS.
        if args[position] or "incomplete" not in spec.flags
    ]


def _set_access(args: list[bytes]) -> tuple[str, ...]:
    """SET reads the old value only with GET."""
    return ("RW", "access", "update") if b"GET" in (word.upper() for word in args[3:]) else ("OW", "update")


def _bitfield_access(args: list[bytes]) -> tuple[str, ...]:
    """BITFIELD with nothing but GET does not write."""
    at, reads = 2, True
    while at < len(args):
        word = args[at].upper()
        reads = reads and word == b"GET"
        at += {b"GET": 3, b"OVERFLOW": 2}.get(word, 4)
    return ("RO", "access") if reads else ("RW", "access", "update")


VARIABLE: dict[str, Callable[[list[bytes]], tuple[str, ...]]] = {"set": _set_access, "bitfield": _bitfield_access}


def channels_of(row: Command, args: list[bytes]) -> list[tuple[int, bool]]:
    """(index into args, whether it is a pattern) of every channel that is published to or subscribed to."""
    if row.name in SUBSCRIBING:
        return [(position, SUBSCRIBING[row.name]) for position in range(1, len(args))]
    return [(1, False)] if row.name in PUBLISHING else []


def channel_allowed(patterns: dict[bytes, None], channel: bytes, is_pattern: bool) -> bool:
    """Whether one pattern covers the channel; a subscription to a pattern must be granted literally."""
    return channel in patterns if is_pattern else any(glob_matches(pattern, channel) for pattern in patterns)
