"""The manifest of a multi-part append-only file: one base, increments in order, and history that waits for removal. Pure, but for reading and writing it.

Format (Redis 7.0): a line a file, `file NAME seq N type b|i|h`. Invariants: at most one base; the sequence numbers of increments rise.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from scrubjay_engine.core.inline import split_inline
from scrubjay_engine.persistence.files import sync_directory

LONGEST_LINE = 1024


class BadManifest(ValueError):
    """The manifest cannot be used; the message is Redis', followed by the line."""


ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b"}


def quoted(name: str) -> str:
    """A file name as one word of a line: in quotes, with what does not print escaped, where it needs them."""
    if name.isprintable() and not set(name) & set(" \\\"'"):
        return name
    return '"' + "".join(ESCAPES.get(char) or _shown(char) for char in name) + '"'


def _shown(char: str) -> str:
    return char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


@dataclass(frozen=True)
class Part:
    """One file of the set."""

    name: str
    seq: int
    kind: str

    def line(self) -> str:
        """As it stands in the manifest."""
        return f"file {quoted(self.name)} seq {self.seq} type {self.kind}\n"


@dataclass(frozen=True)
class Manifest:
    """The whole set. `prefix` is the option appendfilename."""

    prefix: str
    base: Part | None = None
    increments: tuple[Part, ...] = ()
    history: tuple[Part, ...] = field(default=())

    @property
    def path_name(self) -> str:
        """The manifest's own file name."""
        return self.prefix + ".manifest"

    def text(self) -> str:
        """The file's content."""
        parts = ([self.base] if self.base else []) + list(self.history) + list(self.increments)
        return "".join(part.line() for part in parts)

    def next_base(self, suffix: str) -> Part:
        """A name for a new base (`rdb` or `aof`)."""
        used = [part.seq for part in (self.base, *self.history) if part is not None and part.kind in "bh"]
        seq = (self.base.seq if self.base else max(used, default=0)) + 1
        return Part(f"{self.prefix}.{seq}.base.{suffix}", seq, "b")

    def next_increment(self) -> Part:
        """A name for a new increment."""
        seq = (self.increments[-1].seq if self.increments else 0) + 1
        return Part(f"{self.prefix}.{seq}.incr.aof", seq, "i")

    def with_increment(self, part: Part) -> Manifest:
        """One more increment at the end."""
        return replace(self, increments=(*self.increments, part))

    def rewritten(self, base: Part, kept: tuple[Part, ...]) -> Manifest:
        """A new base that stands for everything but the increments kept; the rest becomes history."""
        old = [part for part in self.increments if part not in kept] + ([self.base] if self.base else [])
        history = (*(replace(part, kind="h") for part in old), *self.history)
        return replace(self, base=base, increments=kept, history=history)

    def forgotten(self) -> Manifest:
        """Without history."""
        return replace(self, history=())

    def save(self, directory: Path) -> None:
        """Write it so that a crash leaves the old one or the new one."""
        scratch = directory / f"temp-{self.path_name}"
        with scratch.open("w", errors="surrogateescape") as file:
            file.write(self.text())
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(directory / self.path_name)
        sync_directory(directory)


def read_manifest(directory: Path, prefix: str) -> Manifest | None:
    """The manifest in that directory, None when there is none. Raises BadManifest."""
    try:
        lines = (directory / f"{prefix}.manifest").read_text(errors="surrogateescape").splitlines(keepends=True)
    except FileNotFoundError:
        return None
    return parse_manifest(prefix, lines)


def parse_manifest(prefix: str, lines: list[str]) -> Manifest:
    """Raises BadManifest in Redis' words."""
    if not lines:
        raise BadManifest("Found an empty AOF manifest")
    base: Part | None = None
    increments: list[Part] = []
    history: list[Part] = []
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        try:
            part = _parse_line(line)
            if part.kind == "b":
                if base is not None:
                    raise BadManifest("Found duplicate base file information")
                base = part
            elif part.kind == "i":
                if increments and part.seq <= increments[-1].seq:
                    raise BadManifest("Found a non-monotonic sequence number")
                increments.append(part)
            else:
                history.append(part)
        except BadManifest as error:
            raise BadManifest(f"Reading the manifest file, at line {number}: {line[:200].strip()!r}: {error}") from None
    return Manifest(prefix, base, tuple(increments), tuple(history))


def _parse_line(line: str) -> Part:
    if len(line) > LONGEST_LINE:
        raise BadManifest("The AOF manifest file contains too long line")
    words = split_inline(os.fsencode(line.strip()))
    if not words or len(words) < 6 or len(words) % 2:
        raise BadManifest("Invalid AOF manifest file format")
    named = {os.fsdecode(words[i]).lower(): os.fsdecode(words[i + 1]) for i in range(0, len(words), 2)}
    name, seq, kind = named.get("file", ""), named.get("seq", ""), named.get("type", "")
    if not name or "/" in name or not seq.isdigit() or int(seq) == 0:
        raise BadManifest("Invalid AOF manifest file format")
    if kind not in ("b", "i", "h"):
        raise BadManifest("Unknown AOF file type")
    return Part(name, int(seq), kind)
