"""FCALL, FCALL_RO and FUNCTION. What keeps and runs libraries is in scripting/; this file is arguments, replies and the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.commands.scripting import key_count, scripting_of, show_monitors
from scrubjay_engine.core.client import Raw, SetReply
from scrubjay_engine.core.command import command, family, numkeys
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.scripting.flags import flag_names
from scrubjay_engine.scripting.libraries import LOAD_TIMEOUT_MS, Function, Libraries, Library
from scrubjay_engine.scripting.payload import dump_payload, payload_codes
from scrubjay_engine.scripting.run import is_obeyed

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client

BAD_KEY_COUNT = CommandError("ERR Bad number of keys provided")
BAD_POLICY = CommandError("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
HELP = """\
FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
LOAD [REPLACE] <FUNCTION CODE>
    Create a new library with the given library name and code.
DELETE <LIBRARY NAME>
    Delete the given library.
LIST [LIBRARYNAME PATTERN] [WITHCODE]
    Return general information on all the libraries:
    * Library name
    * The engine used to run the Library
    * Library description
    * Functions list
    * Library code (if WITHCODE is given)
    It also possible to get only function that matches a pattern using LIBRARYNAME argument.
STATS
    Return information about the current function running:
    * Function name
    * Command used to run the function
    * Duration in MS that the function is running
    If no function is running, return nil
    In addition, returns a list of available engines.
KILL
    Kill the current running function.
FLUSH [ASYNC|SYNC]
    Delete all the libraries.
    When called without the optional mode argument, the behavior is determined by the
    lazyfree-lazy-user-flush configuration directive. Valid modes are:
    * ASYNC: Asynchronously flush the libraries.
    * SYNC: Synchronously flush the libraries.
DUMP
    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command
RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]
    Restore the libraries represented by the given payload, it is possible to give a restore policy to
    control how to handle existing libraries (default APPEND):
    * FLUSH: delete all existing libraries.
    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.
    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old
      libraries with the new libraries (notice that even on this option there is a chance of failure
      in case of functions name collision with another library).
HELP
    Prints this help."""


def libraries_of(client: Client) -> Libraries:
    """The engine's libraries."""
    return scripting_of(client).libraries


def wrong_arguments(subcommand: bytes) -> CommandError:
    """For a subcommand that checks its number of arguments itself."""
    name = subcommand[:128].decode(errors="replace")
    return CommandError(f"ERR unknown subcommand or wrong number of arguments for '{name}'. Try FUNCTION HELP.")


def _fcall(client: Client, args: list[bytes], read_only: bool) -> Raw:
    show_monitors(client, args)
    scripting = scripting_of(client)
    scripting.libraries.function(args[1])
    return scripting.call_function(client, args, key_count(args[2], args, BAD_KEY_COUNT), read_only)


def fcall(client: Client, args: list[bytes]) -> Raw:
    return _fcall(client, args, False)


def fcall_ro(client: Client, args: list[bytes]) -> Raw:
    return _fcall(client, args, True)


def _changed(client: Client) -> None:
    """Libraries are data: a change is propagated and counts towards the next snapshot."""
    client.engine.keyspace.dirty += 1


def function_load(client: Client, args: list[bytes]) -> bytes:
    replace = False
    for word in args[2:-1]:
        if word.lower() != b"replace":
            raise CommandError(b"ERR Unknown option given: " + word)
        replace = True
    timeout = 0 if is_obeyed(client) else LOAD_TIMEOUT_MS
    name = libraries_of(client).load(args[-1], replace, timeout)
    _changed(client)
    return name


def function_delete(client: Client, args: list[bytes]) -> str:
    libraries_of(client).delete(args[2])
    _changed(client)
    return "OK"


def function_flush(client: Client, args: list[bytes]) -> str:
    if len(args) > 3:
        raise wrong_arguments(args[1])
    if len(args) == 3 and args[2].lower() not in (b"sync", b"async"):
        raise CommandError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    libraries_of(client).flush()
    _changed(client)
    return "OK"


def function_dump(client: Client, args: list[bytes]) -> bytes:
    return dump_payload(libraries_of(client).codes())


def function_restore(client: Client, args: list[bytes]) -> str:
    if len(args) > 4:
        raise wrong_arguments(args[1])
    policy = args[3].lower() if len(args) == 4 else b"append"
    if policy not in (b"append", b"replace", b"flush"):
        raise BAD_POLICY
    libraries_of(client).restore(payload_codes(args[2]), policy.decode())
    _changed(client)
    return "OK"


def function_list(client: Client, args: list[bytes]) -> list[dict[bytes, Any]]:
    pattern: bytes | None = None
    with_code = False
    words = iter(args[2:])
    for word in words:
        if word.lower() == b"withcode" and not with_code:
            with_code = True
        elif word.lower() == b"libraryname" and pattern is None:
            pattern = next(words, None)
            if pattern is None:
                raise CommandError("ERR library name argument was not given")
        else:
            raise CommandError(b"ERR Unknown argument " + word)
    return [
        _describe(library, with_code)
        for library in libraries_of(client).libraries.values()
        if pattern is None or glob_matches(pattern, library.name, True)
    ]


def _describe(library: Library, with_code: bool) -> dict[bytes, Any]:
    about: dict[bytes, Any] = {
        b"library_name": library.name,
        b"engine": b"LUA",
        b"functions": [_describe_function(function) for function in library.functions.values()],
    }
    if with_code:
        about[b"library_code"] = library.code
    return about


def _describe_function(function: Function) -> dict[bytes, Any]:
    return {
        b"name": function.name,
        b"description": function.description,
        b"flags": SetReply(flag_names(function.flags)),
    }


def function_stats(client: Client, args: list[bytes]) -> dict[bytes, Any]:
    scripting = scripting_of(client)
    run = scripting.run
    running: dict[bytes, Any] | None = None
    if run.active:
        if not run.is_function:
            raise run.busy_error()
        running = {b"name": run.name, b"command": list(run.command), b"duration_ms": run.duration_ms()}
    counts = {
        b"libraries_count": len(scripting.libraries.libraries),
        b"functions_count": scripting.libraries.function_count,
    }
    return {b"running_script": running, b"engines": {b"LUA": counts}}


def function_kill(client: Client, args: list[bytes]) -> str:
    scripting_of(client).run.kill(True)
    return "OK"


def function_help(client: Client, args: list[bytes]) -> list[str]:
    return HELP.splitlines()


CALL_FLAGS = "noscript stale skip_monitor may_replicate no_mandatory_keys"
READ_FLAGS = "noscript readonly stale skip_monitor no_mandatory_keys"
DEPENDS = "Depends on the function that is executed."
ALL_SHARDS = ["request_policy:all_shards", "response_policy:all_succeeded"]
ONE_SHARD = ["request_policy:all_shards", "response_policy:one_succeeded"]
SPECIAL = ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]

COMMANDS = family(
    "scripting",
    [
        command("fcall", fcall, -3, CALL_FLAGS, keys=numkeys(2, "RW access update"), since="7.0.0", complexity=DEPENDS, summary="Invoke a function"),
        command("fcall_ro", fcall_ro, -3, READ_FLAGS, keys=numkeys(2, "RO access"), since="7.0.0", complexity=DEPENDS, summary="Invoke a read-only function"),
        command(
            "function", None, -2, since="7.0.0", complexity="Depends on subcommand.", summary="A container for function commands",
            subcommands=[
                command("help", function_help, 2, "loading stale", since="7.0.0", complexity="O(1)", summary="Show helpful text about the different subcommands"),
                command("load", function_load, -3, "write denyoom noscript", since="7.0.0", tips=ALL_SHARDS, complexity="O(1) (considering compilation time is redundant)", summary="Load a library"),
                command("delete", function_delete, 3, "write noscript", since="7.0.0", tips=ALL_SHARDS, complexity="O(1)", summary="Delete a library by name"),
                command("flush", function_flush, -2, "write noscript", since="7.0.0", tips=ALL_SHARDS, complexity="O(N) where N is the number of functions deleted", summary="Delete all libraries"),
                command("list", function_list, -2, "noscript", since="7.0.0", tips=["nondeterministic_output_order"], complexity="O(N) where N is the number of functions", summary="List the libraries and their functions"),
                command("dump", function_dump, 2, "noscript", since="7.0.0", complexity="O(N) where N is the number of functions", summary="Dump all libraries as one payload"),
                command("restore", function_restore, -3, "write denyoom noscript", since="7.0.0", tips=ALL_SHARDS, complexity="O(N) where N is the number of functions on the payload", summary="Restore the libraries of a payload"),
                command("stats", function_stats, 2, "noscript allow_busy", since="7.0.0", tips=SPECIAL, complexity="O(1)", summary="What function is running, and how many there are"),
                command("kill", function_kill, 2, "noscript allow_busy", since="7.0.0", tips=ONE_SHARD, complexity="O(1)", summary="Kill the function currently in execution."),
            ],
        ),
    ],
)  # fmt: skip
