"""MODULE, as far as a server without a module API answers: there are no modules, and none can be loaded (engine/DIFFERENCES.md)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NoReturn

from scrubjay_engine.commands.keys import help_lines
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import command, family
from scrubjay_engine.core.errors import CommandError

log = logging.getLogger(__name__)


def module_list(client: Client, args: list[bytes]) -> list[object]:
    return []


def check_allowed(client: Client) -> None:
    """`enable-module-command`. Raises CommandError."""
    allowed = client.engine.config.text("enable-module-command")
    if allowed == "no" or (allowed == "local" and not client.address.startswith(("127.0.0.1:", "[::1]:", "/"))):
        raise CommandError(
            'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local connection, '
            "otherwise you need to set this option in the configuration file, and then restart the server."
        )


def module_load(client: Client, args: list[bytes]) -> NoReturn:
    check_allowed(client)
    log.warning("MODULE LOAD %s refused: this engine has no module API", Path(args[2].decode(errors="replace")).name)
    raise CommandError("ERR Error loading the extension. Please check the server logs.")


def module_unload(client: Client, args: list[bytes]) -> NoReturn:
    check_allowed(client)
    raise CommandError("ERR Error unloading module: no such module with that name")


def module_help(client: Client, args: list[bytes]) -> list[str]:
    return help_lines(
        "MODULE",
        "LIST",
        "    The modules that are loaded: none.",
        "LOAD <path> [<arg> ...]",
        "    Load a module (refused: there is no module API here).",
        "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
        "    The same with configuration.",
        "UNLOAD <name>",
        "    Take a module out.",
    )


FLAGS = "admin noscript no_async_loading protected"
COMMANDS = family(
    "server",
    [
        command(
            "module", None, -2, "", since="4.0.0", summary="Modules.", complexity="That of the subcommand",
            subcommands=[
                command("help", module_help, 2, "loading stale", since="5.0.0", summary="Help.", complexity="O(1)"),
                command("list", module_list, 2, "admin noscript", tips=["nondeterministic_output_order"], since="4.0.0", summary="The modules that are loaded.", complexity="O(N) modules"),
                command("load", module_load, -3, FLAGS, since="4.0.0", summary="Load a module.", complexity="O(1)"),
                command("loadex", module_load, -3, FLAGS, since="7.0.0", summary="Load a module with configuration.", complexity="O(1)"),
                command("unload", module_unload, 3, FLAGS, since="4.0.0", summary="Take a module out.", complexity="O(1)"),
            ],
        ),
    ],
)  # fmt: skip
