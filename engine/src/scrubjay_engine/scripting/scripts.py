"""The scripts of EVAL: compiled once, kept by SHA1 until SCRIPT FLUSH. `Scripting` joins them with the libraries of functions and the one run there can be.

`Scripting` is the engine's part "scripting"; the commands are in commands/scripting and commands/functions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrubjay_engine.core.client import Raw
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.scripting.flags import command_flags, script_flags
from scrubjay_engine.scripting.libraries import Libraries
from scrubjay_engine.scripting.run import ScriptRun
from scrubjay_engine.scripting.vm import CompileError, LuaVM

if TYPE_CHECKING:
    from scrubjay_engine.core.client import Client
    from scrubjay_engine.core.command import Command
    from scrubjay_engine.core.engine import Engine

# Bytes that a script takes beside its text and what Lua holds: an estimate for INFO.
SCRIPT_OVERHEAD = 300


@dataclass(frozen=True, slots=True)
class Script:
    """A compiled script."""

    sha: bytes
    code: bytes
    flags: int
    reference: int


class ScriptCache:
    """Compiled scripts by SHA1 (and by text, so that EVAL of a known script computes no digest)."""

    def __init__(self) -> None:
        self.vm = LuaVM()
        self._by_sha: dict[bytes, Script] = {}
        self._by_code: dict[bytes, Script] = {}
        self.code_bytes = 0

    def __len__(self) -> int:
        return len(self._by_sha)

    def find(self, sha: bytes) -> Script | None:
        """By SHA1 in hexadecimal, in either case."""
        return self._by_sha.get(sha) or self._by_sha.get(sha.lower())

    def load(self, code: bytes) -> Script:
        """The script with this text, compiled now if it is new. Raises CommandError when it does not compile."""
        known = self._by_code.get(code)
        if known is not None:
            return known
        flags, text = script_flags(code)
        try:
            reference = self.vm.compile(text, b"@user_script")
        except CompileError as error:
            raise CommandError(f"ERR Error compiling script (new function): {error}") from None
        script = Script(hashlib.sha1(code).hexdigest().encode(), code, flags, reference)
        self._by_sha[script.sha] = script
        self._by_code[code] = script
        self.code_bytes += len(code)
        return script

    def flush(self) -> None:
        """Forget everything: a new Lua state."""
        self.vm = LuaVM()
        self._by_sha.clear()
        self._by_code.clear()
        self.code_bytes = 0

    @property
    def memory(self) -> int:
        """Bytes the cache takes outside Lua (INFO used_memory_scripts_eval)."""
        return self.code_bytes + SCRIPT_OVERHEAD * len(self)


def human(count: float) -> str:
    """Bytes for people: 1.50K."""
    for unit in ("B", "K", "M"):
        if count < 1024:
            return f"{count:.0f}B" if unit == "B" else f"{count:.2f}{unit}"
        count /= 1024
    return f"{count:.2f}G"


class Scripting:
    """Everything about scripts and functions in one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.scripts = ScriptCache()
        self.libraries = Libraries()
        self.run = ScriptRun(engine)
        self.busy_reply_threshold_ms = 5000
        engine.check_busy = self.check_busy

    @property
    def busy_reply_threshold_ms(self) -> int:
        """How long a script may run before other clients are served beside it; 0: for ever."""
        return self.run.busy_after_ms

    @busy_reply_threshold_ms.setter
    def busy_reply_threshold_ms(self, milliseconds: int) -> None:
        self.run.busy_after_ms = milliseconds

    def check_busy(self, client: Client, command: object, args: list[bytes]) -> None:
        """The engine's hook while a script is late: everybody but the script itself is told so."""
        if client.script is None:
            raise self.run.busy_error()

    def flags_of(self, row: Command, args: list[bytes]) -> int:
        """A command's flags; those of EVAL, FCALL and their relatives follow what the script declares (as Redis' getCommandFlags)."""
        try:
            if row.name.startswith("evalsha"):
                script = self.scripts.find(args[1])
                return row.flags if script is None else command_flags(row.flags, script.flags)
            if row.name.startswith("eval"):
                return command_flags(row.flags, self.scripts.load(args[1]).flags)
            if row.name.startswith("fcall"):
                return command_flags(row.flags, self.libraries.function(args[1]).flags)
        except CommandError:
            pass  # told when it is run
        return row.flags

    def evaluate(self, client: Client, args: list[bytes], script: Script, keys: int, read_only: bool) -> Raw:
        """Run a script for EVAL and its relatives: `args[3:3 + keys]` are its keys, the rest its arguments."""
        run = self.run
        vm = self.scripts.vm
        run.begin(client, args, script.sha, script.flags, read_only, False)
        try:
            reply = vm.run(script.reference, args, 3, 3 + keys, run, script.sha)
        finally:
            run.end()
        return self._finish(client, reply, vm.outcome)

    def call_function(self, client: Client, args: list[bytes], keys: int, read_only: bool) -> Raw:
        """Run the function that `args[1]` names."""
        function = self.libraries.function(args[1])
        run = self.run
        vm = self.libraries.vm
        run.begin(client, args, function.name, function.flags, read_only, True)
        try:
            reply = vm.run(function.reference, args, 3, 3 + keys, run, function.name)
        finally:
            run.end()
        return self._finish(client, reply, vm.outcome)

    def memory_fields(self) -> list[tuple[str, int | str]]:
        """What INFO memory says about scripts and functions."""
        scripts, libraries = self.scripts, self.libraries
        eval_vm, function_vm = scripts.vm.memory(), libraries.vm.memory()
        texts = scripts.memory + libraries.memory
        return [
            ("used_memory_lua", eval_vm),
            ("used_memory_vm_eval", eval_vm),
            ("used_memory_lua_human", human(eval_vm)),
            ("used_memory_scripts_eval", scripts.memory),
            ("number_of_cached_scripts", len(scripts)),
            ("number_of_functions", libraries.function_count),
            ("number_of_libraries", len(libraries.libraries)),
            ("used_memory_vm_functions", function_vm),
            ("used_memory_vm_total", eval_vm + function_vm),
            ("used_memory_vm_total_human", human(eval_vm + function_vm)),
            ("used_memory_functions", libraries.memory),
            ("used_memory_scripts", texts),
            ("used_memory_scripts_human", human(texts)),
        ]

    def _finish(self, client: Client, reply: bytes, outcome: int) -> Raw:
        if outcome == 1:
            # Counted by whoever catches it, like any other command's error.
            raise CommandError(reply[1:-2])
        if outcome == 2 and client.command is not None:
            # The error of a command within the script was counted when it ran; only this command's failure is left to count.
            client.command.failed += 1
        return Raw(reply)
