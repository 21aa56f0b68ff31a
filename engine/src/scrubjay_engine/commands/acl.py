"""AUTH and ACL: logging in, and managing users. What users may do is decided in security/."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.config import ConfigError
from scrubjay_engine.core.client import Client, SetReply
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.dispatch import find_command
from scrubjay_engine.core.errors import SYNTAX, CommandError
from scrubjay_engine.security.acl import DEFAULT, Acl, AclFileError
from scrubjay_engine.security.rules import CATEGORIES, DENIED_COMMAND, Selector
from scrubjay_engine.security.users import RuleError, has_spaces

if TYPE_CHECKING:
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

MOST_BITS = 4096
NO_FILE = (
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and "
    "then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
)


def store(client: Client) -> Acl:
    found: Acl = client.engine.parts["acl"]
    return found


def auth(client: Client, args: list[bytes]) -> str:
    if len(args) > 3:
        raise SYNTAX
    acl = store(client)
    if len(args) == 2 and acl.default.no_password:
        raise CommandError(
            "ERR AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?"
        )
    acl.authenticate(client, args[1] if len(args) == 3 else DEFAULT, args[-1], args[0])
    return "OK"


def whoami(client: Client, args: list[bytes]) -> bytes | None:
    return None if client.user is None else bytes(client.user.name)


def list_users(client: Client, args: list[bytes]) -> list[bytes]:
    return store(client).lines()


def users(client: Client, args: list[bytes]) -> list[bytes]:
    return sorted(store(client).users)


def set_user(client: Client, args: list[bytes]) -> str:
    if has_spaces(args[2]):
        raise CommandError("ERR Usernames can't contain spaces or null characters")
    store(client).set_user(args[2], args[3:], client)
    return "OK"


def delete_user(client: Client, args: list[bytes]) -> int:
    if DEFAULT in args[2:]:
        raise CommandError("ERR The 'default' user cannot be removed")
    return sum(store(client).delete_user(name, client) for name in args[2:])


def _describe(selector: Selector) -> dict[bytes, object]:
    return {
        b"commands": selector.describe_commands(),
        b"keys": selector.describe_keys(),
        b"channels": selector.describe_channels(),
    }


def get_user(client: Client, args: list[bytes]) -> object:
    user = store(client).users.get(args[2])
    if user is None:
        return None
    return {
        b"flags": SetReply(user.flags()),
        b"passwords": list(user.passwords),
        **_describe(user.root),
        b"selectors": [_describe(selector) for selector in user.selectors[1:]],
    }


def categories(client: Client, args: list[bytes]) -> list[bytes]:
    if len(args) > 3:
        raise CommandError("ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP.")
    if len(args) == 2:
        return [name.encode() for name in CATEGORIES]
    members = store(client).bits.members.get(args[2].lower().decode(errors="replace"))
    if members is None:
        raise CommandError(b"ERR Unknown category '%s'" % args[2][:128])
    return [row.name.encode() for row in members]


def generate_password(client: Client, args: list[bytes]) -> bytes:
    bits = integer(args[2]) if len(args) > 2 else 256
    if not 0 < bits <= MOST_BITS:
        raise CommandError(
            f"ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to {MOST_BITS}"
        )
    digits = (bits + 3) // 4
    return secrets.token_hex((digits + 1) // 2)[:digits].encode()


def dry_run(client: Client, args: list[bytes]) -> object:
    user = store(client).users.get(args[2])
    if user is None:
        raise CommandError(b"ERR User '%s' not found" % args[2])
    words = args[3:]
    row = find_command(client.engine, words)
    if row is None:
        raise CommandError(b"ERR Command '%s' not found" % words[0])
    if (row.arity > 0 and len(words) != row.arity) or len(words) < -row.arity:
        raise CommandError(f"ERR wrong number of arguments for '{row.name}' command")
    denial = user.check(row, words)
    if denial is None:
        return "OK"
    if denial.reason == DENIED_COMMAND:
        return f"This user has no permissions to run the '{row.name}' command".encode()
    return b"This user has no permissions to access the '%s' %s" % (words[denial.position], denial.reason.encode())


def acl_log(client: Client, args: list[bytes]) -> object:
    acl, count = store(client), 10
    if len(args) > 2:
        if args[2].upper() == b"RESET":
            acl.log.clear()
            return "OK"
        count = max(integer(args[2]), 0)
    now = client.engine.keyspace.now_ms
    return [
        {
            b"count": entry.count,
            b"reason": entry.reason.encode(),
            b"context": entry.context.encode(),
            b"object": entry.object,
            b"username": entry.username,
            b"age-seconds": (now - entry.at_ms) / 1000,
            b"client-info": entry.client_info,
        }
        for entry in list(acl.log)[:count]
    ]


def load(client: Client, args: list[bytes]) -> str:
    acl = store(client)
    if acl.path is None:
        raise CommandError(NO_FILE)
    try:
        acl.load(acl.path, client)
    except AclFileError as error:
        raise CommandError(f"ERR {error}") from None
    return "OK"


def save(client: Client, args: list[bytes]) -> str:
    acl = store(client)
    if acl.path is None:
        raise CommandError(NO_FILE)
    try:
        acl.save(acl.path)
    except OSError as error:
        log.warning("ACL SAVE to %s failed: %s", acl.path, error)
        raise CommandError(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more information"
        ) from None
    return "OK"


def acl_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "ACL",
        "CAT [<category>]",
        "    The categories, or the commands of one.",
        "DELUSER <username> [<username> ...]",
        "    Remove users and end their sessions.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Whether a user may run a command, without running it.",
        "GETUSER <username>",
        "    What a user may do.",
        "GENPASS [<bits>]",
        "    A random password.",
        "LIST",
        "    All users as the ACL file writes them.",
        "LOAD",
        "    Read the ACL file.",
        "LOG [<count> | RESET]",
        "    The latest refusals.",
        "SAVE",
        "    Write the ACL file.",
        "SETUSER <username> <attribute> [<attribute> ...]",
        "    Create or change a user.",
        "USERS",
        "    The names of all users.",
        "WHOAMI",
        "    The user of this connection.",
    )


def install(server: Server) -> None:
    """The hooks at once, the users once the command table is complete."""

    async def open_acl() -> None:
        set_up(server)

    server.before_listening.insert(0, open_acl)


def set_up(server: Server) -> None:
    """Makes the users of the configuration, before anybody can connect. Raises ConfigError."""
    engine, config = server.engine, server.config
    acl = Acl(server)
    engine.parts["acl"] = acl
    engine.parts["welcome"] = acl.welcome
    engine.parts["authenticate"] = acl.authenticate
    engine.parts.setdefault("on_reset", []).append(acl.welcome)
    engine.check_acl = acl.check
    config.on_change("requirepass", lambda value: acl.set_password(str(value).encode(errors="surrogateescape")))
    config.on_change("acllog-max-len", lambda _: acl.trim_log(), now=False)

    def follow_channels(value: object) -> None:
        for user in acl.users.values():
            user.channels_by_default = value == "allchannels"

    config.on_change("acl-pubsub-default", follow_channels, now=False)
    directives = [words[1:] for words in config.directives if words[0] == "user"]
    if directives and acl.path is not None:
        raise ConfigError("users are defined in the configuration and an aclfile is named: use one of them")
    try:
        acl.load_directives(directives)
        if acl.path is not None:
            acl.load(acl.path)
    except (RuleError, AclFileError) as error:
        raise ConfigError(f"the ACL can't be used: {error}") from None


ADMIN = "admin noscript loading stale no_role"
USER = "noscript loading stale no_role"
COMMANDS = family(
    "server",
    [
        command("auth", auth, -2, "noscript loading stale fast no_auth allow_busy no_role", group="connection", summary="Log in.", complexity="O(N) passwords of the user"),
        command(
            "acl", None, -2, "", since="6.0.0", summary="Users and what they may do.",
            subcommands=[
                command("cat", categories, -2, USER, since="6.0.0", summary="Categories of commands.", complexity="O(1)"),
                command("deluser", delete_user, -3, ADMIN, since="6.0.0", summary="Remove users.", complexity="O(1)"),
                command("dryrun", dry_run, -4, ADMIN, since="7.0.0", summary="Whether a user may run a command.", complexity="O(1)"),
                command("genpass", generate_password, -2, USER, since="6.0.0", summary="A random password.", complexity="O(1)"),
                command("getuser", get_user, 3, ADMIN, since="6.0.0", summary="What a user may do.", complexity="O(N) rules"),
                command("help", acl_help, 2, "loading stale no_role", since="6.0.0", summary="Help.", complexity="O(1)"),
                command("list", list_users, 2, ADMIN, since="6.0.0", summary="All users in the file's format.", complexity="O(N) users"),
                command("load", load, 2, ADMIN, since="6.0.0", summary="Read the ACL file.", complexity="O(N) users"),
                command("log", acl_log, -2, ADMIN, since="6.0.0", summary="The latest refusals.", complexity="O(N) entries"),
                command("save", save, 2, ADMIN, since="6.0.0", summary="Write the ACL file.", complexity="O(N) users"),
                command("setuser", set_user, -3, ADMIN, since="6.0.0", summary="Create or change a user.", complexity="O(N) rules"),
                command("users", users, 2, ADMIN, since="6.0.0", summary="The names of all users.", complexity="O(N) users"),
                command("whoami", whoami, 2, USER, since="6.0.0", summary="The user of this connection.", complexity="O(1)"),
            ],
        ),
    ],
)  # fmt: skip
