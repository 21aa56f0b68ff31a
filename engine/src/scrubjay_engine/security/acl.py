"""All ACL users of a server: who a session is, what it may run, the log of refusals, and the files that users come from.

`Acl` is `engine.parts["acl"]`. Dispatch asks `check` only for sessions whose gate CLIENT_LIMITED is set, that is, whose user may not do everything; what a
user may do is decided in users.py and rules.py. Users come from `user` lines of the configuration file, or from `aclfile`, and from ACL SETUSER.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import Command
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.security.rules import (
    DENIED_CHANNEL,
    DENIED_COMMAND,
    DENIED_KEY,
    UNKNOWN_COMMAND,
    CommandBits,
    channel_allowed,
)
from scrubjay_engine.security.users import RuleError, User, has_spaces, merge_selectors

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

CLIENT_UNAUTHENTICATED, CLIENT_LIMITED = 1 << 0, 1 << 1
CLIENT_MULTI, CLIENT_IN_EXEC = 1 << 2, 1 << 7
CLIENT_DETACHED, CLIENT_PRIMARY = 1 << 5, 1 << 6
DEFAULT = b"default"
DENIED_AUTH = "auth"
SAME_MS = 60_000  # refusals of the same kind within this time are one entry
MERGE_DEPTH = 10  # how many of the latest entries are looked at for that
WRONGPASS = "WRONGPASS invalid username-password pair or user is disabled."
REFUSALS = {
    DENIED_KEY: "NOPERM this user has no permissions to access one of the keys used as arguments",
    DENIED_CHANNEL: "NOPERM this user has no permissions to access one of the channels used as arguments",
}
NOTHING_CHANGED = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"


class AclFileError(Exception):
    """What is wrong with an ACL file, all of it in one line."""


@dataclass(slots=True)
class Refusal:
    """An entry of ACL LOG."""

    reason: str
    context: str
    object: bytes
    username: bytes
    at_ms: int
    client_info: bytes
    count: int = 1

    def same_as(self, other: Refusal) -> bool:
        return (
            (self.reason, self.context, self.object, self.username)
            == (other.reason, other.context, other.object, other.username)
        ) and abs(self.at_ms - other.at_ms) <= SAME_MS


class Acl:
    """The users, sessions' permissions and the log."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.engine = server.engine
        self.bits = CommandBits(self.engine.commands)
        self.users: dict[bytes, User] = {}
        self.log: deque[Refusal] = deque()
        self.default = self.new_user(DEFAULT)
        self.users[DEFAULT] = self.default
        self._make_default()

    # -- sessions ------------------------------------------------------------------------------------------------------

    @property
    def default_needs_password(self) -> bool:
        """Whether nobody becomes the default user without a password (protected mode)."""
        return not self.default.no_password

    def welcome(self, client: Client) -> None:
        """A new session, or RESET: the default user, logged in if that needs no password."""
        client.user = self.default
        client.notes.pop("authenticated", None)
        if self.default.open:
            client.notes["authenticated"] = True
        self.settle(client)

    def settle(self, client: Client) -> None:
        """Sets the session's gates after its user, or what the user may do, changed."""
        if client.gates & (CLIENT_PRIMARY | CLIENT_DETACHED):
            return
        gates = client.gates & ~(CLIENT_UNAUTHENTICATED | CLIENT_LIMITED)
        if not self.default.open and "authenticated" not in client.notes:
            gates |= CLIENT_UNAUTHENTICATED
        if client.user is not None and not client.user.unlimited:
            gates |= CLIENT_LIMITED
        client.gates = gates

    def settle_all(self) -> None:
        for client in self.engine.clients.values():
            self.settle(client)

    def authenticate(self, client: Client, username: bytes, password: bytes, by: bytes = b"HELLO") -> None:
        """Logs a session in. Raises CommandError when the user, the password or both are wrong."""
        user = self.users.get(username)
        if user is None or not user.accepts(password):
            self.note(client, DENIED_AUTH, by, username)
            raise CommandError(WRONGPASS)
        client.user = user
        client.notes["authenticated"] = True
        self.settle(client)

    # -- checks --------------------------------------------------------------------------------------------------------

    def check(self, client: Client, row: Command, args: list[bytes]) -> None:
        """Dispatch's hook. Raises CommandError and notes the refusal."""
        user: User | None = client.user
        denial = None if user is None else user.check(row, args)
        if denial is None:
            return
        about = row.name.encode() if denial.reason == DENIED_COMMAND else args[denial.position]
        self.note(client, denial.reason, about, client.user.name)
        raise CommandError(
            REFUSALS.get(denial.reason, f"NOPERM this user has no permissions to run the '{row.name}' command")
        )

    @staticmethod
    def allows(user: User | None, row: Command, args: list[bytes]) -> bool:
        """As `check`, without a trace (redis.acl_check_cmd)."""
        return user is None or user.check(row, args) is None

    def note(self, client: Client, reason: str, about: bytes, username: bytes) -> None:
        """Adds to ACL LOG; a repeated refusal counts up the entry it repeats."""
        counts = self.engine.parts["stats"]
        name = f"acl_denied_{ {'command': 'cmd'}.get(reason, reason) }"
        counts[name] = counts.get(name, 0) + 1
        info: Callable[[Client], bytes] | None = self.engine.parts.get("client_info")
        session = getattr(client.script, "caller", client) if client.script is not None else client
        context = (
            "lua"
            if client.script is not None
            else "multi"
            if client.gates & (CLIENT_MULTI | CLIENT_IN_EXEC)
            else "toplevel"
        )
        entry = Refusal(reason, context, about, username, self.engine.keyspace.now_ms, info(session) if info else b"")
        for known in list(self.log)[:MERGE_DEPTH]:
            if known.same_as(entry):
                entry.count = known.count + 1
                self.log.remove(known)
                break
        self.log.appendleft(entry)
        self.trim_log()

    def trim_log(self) -> None:
        while len(self.log) > self.server.config.number("acllog-max-len"):
            self.log.pop()

    # -- users ---------------------------------------------------------------------------------------------------------

    def new_user(self, name: bytes) -> User:
        return User(name, self.bits, self.server.config.text("acl-pubsub-default") == "allchannels")

    def _make_default(self) -> None:
        for rule in (b"+@all", b"~*", b"&*", b"on", b"nopass"):
            self.default.apply(rule)

    def set_password(self, password: bytes) -> None:
        """`requirepass`: the default user's only password; empty for none."""
        self.default.apply(b"resetpass")
        self.default.apply(b">" + password if password else b"nopass")
        self.settle_all()

    def set_user(self, name: bytes, rules: list[bytes], current: Client | None = None) -> None:
        """ACL SETUSER: all rules or none. Raises CommandError."""
        user = self.users.get(name)
        changed = user.copy() if user is not None else self.new_user(name)
        try:
            merged = merge_selectors(rules)
        except RuleError as error:
            raise CommandError(f"ERR {error}") from None
        for rule in merged:
            try:
                changed.apply(rule)
            except RuleError as error:
                raise CommandError(
                    b"ERR Error in ACL SETUSER modifier '%s': %s" % (rule, str(error).encode())
                ) from None
        if user is None:
            self.users[name] = changed
        else:
            self.close_subscribers(user, changed, current)
            user.take(changed)
        self.settle_all()

    def delete_user(self, name: bytes, current: Client | None = None) -> bool:
        """Removes a user and ends its sessions."""
        user = self.users.pop(name, None)
        if user is None:
            return False
        self.close_sessions(user, current)
        return True

    def close_sessions(self, user: User, current: Client | None) -> None:
        for client in list(self.engine.clients.values()):
            if client.user is user:
                client.notes.pop("authenticated", None)
                client.user = self.default
                self.settle(client)
                end(client, current)

    def close_subscribers(self, before: User, after: User, current: Client | None) -> None:
        """Ends sessions that are subscribed to channels which the user may not listen to any more."""
        if any(selector.all_channels for selector in after.selectors):
            return
        granted = {pattern: None for selector in after.selectors for pattern in selector.channels}
        for client in list(self.engine.clients.values()):
            held = client.subscriptions
            if client.user is not before or not held:
                continue
            names = [(name, False) for name in (*held.channels, *held.shard_channels)]
            names += [(name, True) for name in held.patterns]
            if not all(channel_allowed(granted, name, is_pattern) for name, is_pattern in names):
                end(client, current)

    # -- files ---------------------------------------------------------------------------------------------------------

    def lines(self) -> list[bytes]:
        """`user NAME ...` for every user, by name."""
        return [b"user " + name + b" " + self.users[name].describe() for name in sorted(self.users)]

    @property
    def path(self) -> Path | None:
        """The ACL file, if there is one."""
        name = self.server.config.text("aclfile")
        return Path(self.server.config.text("dir")) / name if name else None

    def save(self, path: Path) -> None:
        """Writes the ACL file in one step. Raises OSError."""
        scratch = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        try:
            with open(scratch, "wb") as file:
                file.write(b"".join(line + b"\n" for line in self.lines()))
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                scratch.unlink()

    def load(self, path: Path, current: Client | None = None) -> None:
        """Replaces all users by those of a file. Raises AclFileError and changes nothing when a line is wrong."""
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise AclFileError(f"Error loading ACLs, opening file '{path}': {error.strerror}") from None
        users: dict[bytes, User] = {}
        problems = []
        for number, line in enumerate(lines, 1):
            if line.strip(b" \t\r\n"):
                problems.extend(self._load_line(line.strip(b" \t\r\n"), f"{path.name}:{number}", number, users))
        if problems:
            raise AclFileError("".join(problems) + NOTHING_CHANGED)
        self._replace(users, current)

    def _load_line(self, line: bytes, where: str, number: int, users: dict[bytes, User]) -> list[str]:
        words = line.split(b" ")
        if words[0] != b"user" or len(words) < 2:
            return [f"{where} should start with user keyword followed by the username. "]
        name = words[1]
        shown = name.decode(errors="replace")
        if has_spaces(name):
            return [f"'{where}: username '{shown}' contains invalid characters. "]
        if name in users:
            return [f"WARNING: Duplicate user '{shown}' found on line {number}. "]
        user = users[name] = self.new_user(name)
        problems = []
        try:
            merged = merge_selectors(words[2:])
        except RuleError:
            return [f"{where}: Unmatched parenthesis in selector definition."]
        broken = False
        for word in merged:
            rule = word.strip(b"\t\r\n")
            try:
                user.apply(rule)
            except RuleError as error:
                if str(error) == UNKNOWN_COMMAND:
                    # It can't hold a secret, so it is shown.
                    problems.append(
                        f"{where}: Error in applying operation '{rule.decode(errors='replace')}': {error}. "
                    )
                elif not broken:
                    broken = True
                    problems.append(f"{where}: {error}. ")
        return problems

    def _replace(self, users: dict[bytes, User], current: Client | None) -> None:
        old = self.users
        default = users.pop(DEFAULT, None)
        if default is None:
            default = self.new_user(DEFAULT)
            for rule in (b"+@all", b"~*", b"&*", b"on", b"nopass"):
                default.apply(rule)
        self.default.take(default)
        self.users = {DEFAULT: self.default, **users}
        for name, user in old.items():
            if name != DEFAULT:
                self.close_sessions(user, current)
        self.settle_all()

    def load_directives(self, directives: list[list[str]]) -> None:
        """`user` lines of the configuration. Raises RuleError naming the user."""
        seen: set[bytes] = set()
        for words in directives:
            name, *rules = [word.encode(errors="surrogateescape") for word in words]
            shown = name.decode(errors="replace")
            if has_spaces(name):
                raise RuleError("Spaces not allowed in ACL usernames")
            if name in seen:
                raise RuleError(
                    f"user '{shown}': Duplicate user found. A user can only be defined once in config files"
                )
            seen.add(name)
            user = self.users.setdefault(name, self.new_user(name))
            if name == DEFAULT:
                user.apply(b"reset")
            for rule in merge_selectors(rules):
                try:
                    user.apply(rule)
                except RuleError as error:
                    raise RuleError(f"user '{shown}': {error}") from None
            if not user.enabled:
                log.info("the user '%s' is disabled: there is no 'on' in its description", shown)
        self.settle_all()


def end(client: Client, current: Client | None) -> None:
    """Closes a session at once, or after its reply if it is the one being served."""
    if client is current:
        client.closing = True
    else:
        client.close()
