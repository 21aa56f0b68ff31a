"""EVAL and its relatives, and SCRIPT. What runs scripts is in scripting/; this file is arguments, replies and the table."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrubjay_engine.commands.arguments import integer
from scrubjay_engine.core import gates
from scrubjay_engine.core.client import Raw
from scrubjay_engine.core.command import command, family, numkeys
from scrubjay_engine.core.errors import NOT_INTEGER, CommandError
from scrubjay_engine.scripting.busy import BusyTurn
from scrubjay_engine.scripting.redis_library import set_log
from scrubjay_engine.scripting.scripts import Scripting

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.server import Server

log = logging.getLogger(__name__)

NO_SCRIPT = CommandError("NOSCRIPT No matching script. Please use EVAL.")
TOO_MANY_KEYS = CommandError("ERR Number of keys can't be greater than number of args")
NEGATIVE_KEYS = CommandError("ERR Number of keys can't be negative")
NO_DEBUGGER = CommandError("ERR SCRIPT DEBUG is not supported: there is no Lua debugger here")
HELP = """\
SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
EXISTS <sha1> [<sha1> ...]
    Return information about the existence of the scripts in the script cache.
FLUSH [ASYNC|SYNC]
    Flush the Lua scripts cache. Very dangerous on replicas.
    When called without the optional mode argument, the behavior is determined by the
    lazyfree-lazy-user-flush configuration directive. Valid modes are:
    * ASYNC: Asynchronously flush the scripts cache.
    * SYNC: Synchronously flush the scripts cache.
KILL
    Kill the currently executing Lua script.
LOAD <script>
    Load a script into the scripts cache without executing it.
HELP
    Prints this help."""


def scripting_of(client: Client) -> Scripting:
    """The engine's part that runs scripts."""
    part: Scripting = client.engine.parts["scripting"]
    return part


def show_monitors(client: Client, args: list[bytes]) -> None:
    """MONITOR sees a script's call before the commands that it runs. Without a watcher no line is made: that would cost more than most scripts."""
    engine = client.engine
    if engine.gates & gates.MONITORS and engine.on_monitor is not None:
        engine.on_monitor(client, args)


def key_count(text: bytes, args: list[bytes], error: CommandError = NOT_INTEGER) -> int:
    """The number of keys that EVAL and FCALL announce, checked against the words that follow (from index 3)."""
    count = integer(text, error)
    if count > len(args) - 3:
        raise TOO_MANY_KEYS
    if count < 0:
        raise NEGATIVE_KEYS
    return count


def _eval(client: Client, args: list[bytes], read_only: bool) -> Raw:
    show_monitors(client, args)
    scripting = scripting_of(client)
    keys = key_count(args[2], args)
    return scripting.evaluate(client, args, scripting.scripts.load(args[1]), keys, read_only)


def _evalsha(client: Client, args: list[bytes], read_only: bool) -> Raw:
    show_monitors(client, args)
    scripting = scripting_of(client)
    script = scripting.scripts.find(args[1])
    if script is None and len(args[1]) != 40:
        raise NO_SCRIPT
    keys = key_count(args[2], args)
    if script is None:
        raise NO_SCRIPT
    return scripting.evaluate(client, args, script, keys, read_only)


def eval_script(client: Client, args: list[bytes]) -> Raw:
    return _eval(client, args, False)


def eval_ro(client: Client, args: list[bytes]) -> Raw:
    return _eval(client, args, True)


def evalsha(client: Client, args: list[bytes]) -> Raw:
    return _evalsha(client, args, False)


def evalsha_ro(client: Client, args: list[bytes]) -> Raw:
    return _evalsha(client, args, True)


def script_load(client: Client, args: list[bytes]) -> bytes:
    return scripting_of(client).scripts.load(args[2]).sha


def script_exists(client: Client, args: list[bytes]) -> list[int]:
    scripts = scripting_of(client).scripts
    return [int(scripts.find(sha) is not None) for sha in args[2:]]


def script_flush(client: Client, args: list[bytes]) -> str:
    if len(args) > 3 or (len(args) == 3 and args[2].lower() not in (b"sync", b"async")):
        raise CommandError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    scripting_of(client).scripts.flush()
    return "OK"


def script_kill(client: Client, args: list[bytes]) -> str:
    scripting_of(client).run.kill(False)
    return "OK"


def script_debug(client: Client, args: list[bytes]) -> str:
    mode = args[2].lower()
    if mode == b"no":
        return "OK"
    if mode in (b"yes", b"sync"):
        raise NO_DEBUGGER
    raise CommandError("ERR Use SCRIPT DEBUG YES/SYNC/NO")


def script_help(client: Client, args: list[bytes]) -> list[str]:
    return HELP.splitlines()


KEYS_WRITTEN = numkeys(2, "RW access update")
KEYS_READ = numkeys(2, "RO access")
CALL_FLAGS = "noscript stale skip_monitor may_replicate no_mandatory_keys"
READ_FLAGS = "noscript readonly stale skip_monitor no_mandatory_keys"
DEPENDS = "Depends on the script that is executed."
ALL_NODES = ["request_policy:all_nodes", "response_policy:all_succeeded"]
ALL_SHARDS = ["request_policy:all_shards", "response_policy:agg_logical_and"]
ONE_SHARD = ["request_policy:all_shards", "response_policy:one_succeeded"]
# Redis' levels 0 to 3: debug, verbose, notice, warning.
LOG_LEVELS = (logging.DEBUG, logging.INFO, logging.INFO, logging.WARNING)

COMMANDS = family(
    "scripting",
    [
        command("eval", eval_script, -3, CALL_FLAGS, keys=KEYS_WRITTEN, since="2.6.0", complexity=DEPENDS, summary="Execute a Lua script server side"),
        command("evalsha", evalsha, -3, CALL_FLAGS, keys=KEYS_WRITTEN, since="2.6.0", complexity=DEPENDS, summary="Execute a Lua script server side"),
        command("eval_ro", eval_ro, -3, READ_FLAGS, keys=KEYS_READ, since="7.0.0", complexity=DEPENDS, summary="Execute a read-only Lua script server side"),
        command("evalsha_ro", evalsha_ro, -3, READ_FLAGS, keys=KEYS_READ, since="7.0.0", complexity=DEPENDS, summary="Execute a read-only Lua script server side"),
        command(
            "script", None, -2, since="2.6.0", complexity="Depends on subcommand.", summary="A container for Lua scripts management commands",
            subcommands=[
                command("help", script_help, 2, "loading stale", since="5.0.0", complexity="O(1)", summary="Show helpful text about the different subcommands"),
                command("debug", script_debug, 3, "noscript", since="3.2.0", complexity="O(1)", summary="Set the debug mode for executed scripts."),
                command("flush", script_flush, -2, "noscript", since="2.6.0", tips=ALL_NODES, complexity="O(N) with N being the number of scripts in cache", history=[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")], summary="Remove all the scripts from the script cache."),
                command("load", script_load, 3, "noscript stale", since="2.6.0", tips=ALL_NODES, complexity="O(N) with N being the length in bytes of the script body.", summary="Load the specified Lua script into the script cache."),
                command("exists", script_exists, -3, "noscript", since="2.6.0", tips=ALL_SHARDS, complexity="O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).", summary="Check existence of scripts in the script cache."),
                command("kill", script_kill, 2, "noscript allow_busy", since="2.6.0", tips=ONE_SHARD, complexity="O(1)", summary="Kill the script currently in execution."),
            ],
        ),
    ],
)  # fmt: skip


def install(server: Server) -> None:
    """The part that runs scripts and functions (the module functions.py uses it too)."""
    scripting = Scripting(server.engine)
    server.engine.parts["scripting"] = scripting
    server.engine.parts["functions"] = scripting.libraries
    server.engine.parts["script_memory"] = scripting.memory_fields
    server.engine.parts.setdefault("debug", {})["SET-DISABLE-DENY-SCRIPTS"] = set_disable_deny_scripts
    scripting.run.turn = BusyTurn(server).serve
    set_log(write_log)
    server.config.on_change(
        "busy-reply-threshold", lambda value: setattr(scripting, "busy_reply_threshold_ms", int(value))
    )


def set_disable_deny_scripts(client: Client, args: list[bytes]) -> str:
    """DEBUG SET-DISABLE-DENY-SCRIPTS 1: scripts may run commands that are denied to them."""
    scripting_of(client).run.allow_noscript = len(args) > 2 and args[2] != b"0"
    return "OK"


def write_log(level: int, text: bytes) -> None:
    """What scripts write with `redis.log`."""
    log.log(LOG_LEVELS[level], "%s", text.decode(errors="replace"))
