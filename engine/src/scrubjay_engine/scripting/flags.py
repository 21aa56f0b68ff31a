"""Script and function flags, and the `#!` line that scripts and libraries carry (https://redis.io/docs/latest/develop/interact/programmability/lua-api/#script-flags).

Pure: text in, values or CommandError out. Used by `scripts` (EVAL) and `libraries` (FUNCTION LOAD).
"""

from dataclasses import dataclass

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.core.inline import split_inline

NO_WRITES = 1
ALLOW_OOM = 2
ALLOW_STALE = 4
NO_CLUSTER = 8
ALLOW_CROSS_SLOT_KEYS = 16
# A script without a `#!` line: what it may do is found out command by command.
COMPATIBLE = 32

FLAGS = {
    b"no-writes": NO_WRITES,
    b"allow-oom": ALLOW_OOM,
    b"allow-stale": ALLOW_STALE,
    b"no-cluster": NO_CLUSTER,
    b"allow-cross-slot-keys": ALLOW_CROSS_SLOT_KEYS,
}


CMD_WRITE, CMD_DENYOOM, CMD_STALE, CMD_MAY_REPLICATE = 1 << 0, 1 << 2, 1 << 8, 1 << 14


def command_flags(flags: int, declared: int) -> int:
    """EVAL's or FCALL's command flags for a script with these declared ones: it says itself whether it writes."""
    if declared & COMPATIBLE:
        return flags
    flags &= ~(CMD_STALE | CMD_DENYOOM | CMD_WRITE | CMD_MAY_REPLICATE)
    if not declared & NO_WRITES:
        flags |= CMD_WRITE
        if not declared & ALLOW_OOM:
            flags |= CMD_DENYOOM
    if declared & ALLOW_STALE:
        flags |= CMD_STALE
    return flags


def script_flags(code: bytes) -> tuple[int, bytes]:
    """The flags of a script and its text for Lua (the `#!` line emptied, so that line numbers stay)."""
    if not code.startswith(b"#!"):
        return COMPATIBLE, code
    line, newline, _ = code.partition(b"\n")
    if not newline:
        raise CommandError("ERR Invalid script shebang")
    words = split_inline(line)
    if not words:
        raise CommandError("ERR Invalid engine in script shebang")
    if words[0] != b"#!lua":
        raise CommandError(b"ERR Unexpected engine in script shebang: " + words[0])
    flags = 0
    for word in words[1:]:
        if not word.startswith(b"flags="):
            raise CommandError(b"ERR Unknown lua shebang option: " + word)
        for name in word[6:].split(b",") if len(word) > 6 else []:
            if name not in FLAGS:
                raise CommandError(b"ERR Unexpected flag in script shebang: " + name)
            flags |= FLAGS[name]
    return flags, code[len(line) :]


@dataclass(frozen=True, slots=True)
class LibraryHead:
    """What the first line of a library says, and the text for Lua behind it."""

    engine: bytes
    name: bytes
    code: bytes


def library_head(code: bytes) -> LibraryHead:
    """Parses `#!ENGINE name=NAME`."""
    if not code.startswith(b"#!"):
        raise CommandError("ERR Missing library metadata")
    line, newline, _ = code.partition(b"\n")
    words = split_inline(line) if newline else None
    if not words:
        raise CommandError("ERR Invalid library metadata")
    name: bytes | None = None
    for word in words[1:]:
        if word[:5].lower() != b"name=":
            raise CommandError(b"ERR Invalid metadata value given: " + word)
        if name is not None:
            raise CommandError("ERR Invalid metadata value, name argument was given multiple times")
        name = word[5:]
    if name is None:
        raise CommandError("ERR Library name was not given")
    return LibraryHead(words[0][2:], name, code[len(line) :])


def is_name(name: bytes) -> bool:
    """Whether a library or function may be called so: letters, digits and underscores of ASCII."""
    return bool(name) and all(48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122 or c == 95 for c in name)


def function_flags(names: list[bytes]) -> int | None:
    """The flags of a function, in any case; None when one is unknown."""
    flags = 0
    for name in names:
        if name.lower() not in FLAGS:
            return None
        flags |= FLAGS[name.lower()]
    return flags


def flag_names(flags: int) -> list[str]:
    """As FUNCTION LIST shows them."""
    return [name.decode() for name, bit in FLAGS.items() if flags & bit]
