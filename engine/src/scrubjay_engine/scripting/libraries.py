"""Libraries of functions (FUNCTION LOAD ...): which there are, and their functions by name.

All share one Lua state. Changes are all or nothing: a library that fails to load, or would take another's function names, leaves everything as it was.
Commands are in commands/functions; snapshots read `codes()` and give back each text to `restore`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.scripting.flags import LibraryHead, function_flags, is_name, library_head
from scrubjay_engine.scripting.vm import CompileError, LoadError, LuaVM

LOAD_TIMEOUT_MS = 500
BAD_NAME = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
FUNCTION_NOT_FOUND = CommandError("ERR Function not found")
LIBRARY_NOT_FOUND = CommandError("ERR Library not found")
# Bytes a library and a function take beside their texts and what Lua holds: an estimate for INFO.
OVERHEAD = 300


@dataclass(frozen=True, slots=True)
class Function:
    """One registered function; `reference` is its place in the Lua state."""

    name: bytes
    reference: int
    description: bytes | None
    flags: int


@dataclass(frozen=True, slots=True)
class Library:
    """One loaded library, with its functions by name."""

    name: bytes
    code: bytes
    functions: dict[bytes, Function] = field(default_factory=dict)


class Libraries:
    """The libraries of one engine."""

    engine_name = "LUA"

    def __init__(self) -> None:
        self.vm = LuaVM(functions=True)
        self.libraries: dict[bytes, Library] = {}
        self._functions: dict[bytes, Function] = {}

    def function(self, name: bytes) -> Function:
        """By name, in either case. Raises CommandError."""
        found = self._functions.get(name) or self._functions.get(name.lower())
        if found is None:
            raise FUNCTION_NOT_FOUND
        return found

    @property
    def function_count(self) -> int:
        return len(self._functions)

    @property
    def memory(self) -> int:
        """Bytes taken outside Lua (INFO used_memory_scripts)."""
        texts = sum(len(library.code) for library in self.libraries.values())
        return texts + OVERHEAD * (len(self.libraries) + len(self._functions))

    def codes(self) -> list[bytes]:
        """The texts of all libraries, for FUNCTION DUMP and snapshots."""
        return [library.code for library in self.libraries.values()]

    def replace(self, codes: list[bytes]) -> None:
        """Have exactly these libraries: a snapshot was loaded. Raises CommandError, and changes nothing then."""
        self.restore(codes, "flush")

    # Changes

    def load(self, code: bytes, replace: bool = False, timeout_ms: int = LOAD_TIMEOUT_MS) -> bytes:
        """Load one library and return its name. Raises CommandError, and changes nothing then."""
        library = self._build(code, replace, timeout_ms)
        try:
            self._refuse_taken_names([library], {library.name})
        except CommandError:
            self._forget(library)
            raise
        self._put(library)
        return library.name

    def restore(self, codes: list[bytes], policy: str = "append") -> None:
        """Load several libraries: `append` beside those that are there, `replace` those of the same name, `flush` all first. All or none."""
        built: dict[bytes, Library] = {}
        try:
            for code in codes:
                library = self._build(code, True, 0)
                if library.name in built:
                    self._forget(library)
                    raise CommandError(b"ERR Library '%s' already exists" % library.name)
                built[library.name] = library
            if policy == "append":
                for name in built:
                    if name in self.libraries:
                        raise CommandError(b"ERR Library %s already exists" % name)
            self._refuse_taken_names(list(built.values()), set(self.libraries if policy == "flush" else built))
        except CommandError:
            for library in built.values():
                self._forget(library)
            raise
        if policy == "flush":
            for name in list(self.libraries):
                self.delete(name)
        for library in built.values():
            self._put(library)

    def delete(self, name: bytes) -> None:
        """Raises CommandError when there is no such library."""
        library = self.libraries.pop(name, None)
        if library is None:
            raise LIBRARY_NOT_FOUND
        for function in library.functions:
            del self._functions[function.lower()]
        self._forget(library)

    def flush(self) -> None:
        """Forget everything: a new Lua state."""
        self.vm = LuaVM(functions=True)
        self.libraries.clear()
        self._functions.clear()

    # Steps

    def _build(self, code: bytes, replace: bool, timeout_ms: int) -> Library:
        """A library made by running its code, not yet among the others."""
        head = library_head(code)
        if not is_name(head.name):
            raise CommandError(f"ERR {BAD_NAME}")
        if head.engine.lower() != b"lua":
            raise CommandError(b"ERR Engine '%s' not found" % head.engine)
        if head.name in self.libraries and not replace:
            raise CommandError(b"ERR Library '%s' already exists" % head.name)
        library = Library(head.name, code)
        try:
            self._run_code(head, library, timeout_ms)
            if not library.functions:
                raise CommandError("ERR No functions registered")
        except CommandError:
            self._forget(library)
            raise
        return library

    def _run_code(self, head: LibraryHead, library: Library, timeout_ms: int) -> None:
        def register(name: bytes, reference: int, description: bytes | None, flags: list[bytes]) -> str | None:
            bits = function_flags(flags)
            if bits is None:
                return "unknown flag given"
            if not is_name(name):
                return BAD_NAME
            if name in library.functions:
                return "Function already exists in the library"
            library.functions[name] = Function(name, reference, description, bits)
            return None

        try:
            self.vm.load(head.code, b"@user_function", register, timeout_ms)
        except CompileError as error:
            raise CommandError(f"ERR Error compiling function: {error}") from None
        except LoadError as error:
            raise CommandError(f"ERR Error registering functions: {error}") from None

    def _refuse_taken_names(self, added: list[Library], replaced: set[bytes]) -> None:
        """No two libraries have a function of the same name (in any case)."""
        taken = {
            function.lower()
            for library in self.libraries.values()
            if library.name not in replaced
            for function in library.functions
        }
        for library in added:
            for function in library.functions:
                if function.lower() in taken:
                    raise CommandError(b"ERR Function %s already exists" % function)
                taken.add(function.lower())

    def _put(self, library: Library) -> None:
        if library.name in self.libraries:
            self.delete(library.name)
        self.libraries[library.name] = library
        for function in library.functions.values():
            self._functions[function.name.lower()] = function

    def _forget(self, library: Library) -> None:
        """Give the Lua state's references back."""
        for function in library.functions.values():
            self.vm.release(function.reference)
