"""Two servers that are told the same and must answer the same.

`Pair.send` gives a command to both and compares the replies; everything sent is kept as a transcript in redis-cli's
notation, so that a difference is reported as commands a person can type, and kept under regressions/ as they are.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import resp
from differential.compare import Way, exact

_TIMEOUT = 20.0
# What the family `introspection` may have changed, as grammar.OPTIONS and the servers begin.
SETTINGS = (
    *("CONFIG", "SET", "hash-max-listpack-entries", "4", "maxmemory-policy", "noeviction", "lfu-log-factor", "10", "lfu-decay-time", "1"),
    *("list-max-listpack-size", "3", "maxmemory-samples", "5", "notify-keyspace-events", "", "lazyfree-lazy-expire", "no"),
    *("client-output-buffer-limit", "normal 0 0 0 pubsub 32mb 8mb 60", "slowlog-max-len", "128", "proto-max-bulk-len", "1mb"),
    *("latency-monitor-threshold", "0"),
)  # fmt: skip


class Difference(AssertionError):
    """The servers disagree; the message is the transcript and both answers."""

    def __init__(self, command: str, transcript: str, reference: str, subject: str) -> None:
        """`command` is the one whose replies differ; the others are texts."""
        super().__init__(f"\n{transcript}\n--- reference\n{reference}\n--- subject\n{subject}")
        self.command, self.reference, self.subject = command, reference, subject


@dataclass(frozen=True)
class Step:
    """One command and the way its replies are compared."""

    arguments: tuple[bytes, ...]
    way: Way = exact

    def __repr__(self) -> str:
        return written(self.arguments)


class Pair:
    """A connection to the reference and one to the subject, and what has been sent over them."""

    def __init__(self, reference: resp.Address, subject: resp.Address, protocol: int = 2) -> None:
        """Connect to both with RESP `protocol`."""
        self.protocol = protocol
        self.transcript: list[str] = [f"# protocol {protocol}"]
        self.reference = resp.Connection(reference, timeout=_TIMEOUT)
        self.subject = resp.Connection(subject, timeout=_TIMEOUT)
        for connection in (self.reference, self.subject):
            if protocol == 3:
                connection.frame("HELLO", "3")

    def close(self) -> None:
        """Close both connections."""
        self.reference.close()
        self.subject.close()

    def clean(self) -> None:
        """Empty both servers: data, functions, scripts, users."""
        for connection in (self.reference, self.subject):
            for command in (
                SETTINGS,
                ("FLUSHALL",),
                ("FUNCTION", "FLUSH"),
                ("SCRIPT", "FLUSH"),
                ("ACL", "LOG", "RESET"),
            ):
                connection.frame(*command)
            users = [child.value for child in connection.frame("ACL", "USERS").children]
            others = [user for user in users if isinstance(user, bytes) and user != b"default"]
            if others:
                connection.frame("ACL", "DELUSER", *others)

    def send(self, step: Step) -> resp.Frame:
        """One command to both; returns the reference's reply, raises Difference when the subject's is another."""
        return self.burst([step])[0]

    def burst(self, steps: Sequence[Step], cuts: Sequence[int] = ()) -> list[resp.Frame]:
        """Several commands in one write; to the subject in pieces, cut at these positions (modulo the length)."""
        data = b"".join(resp.encode(*step.arguments) for step in steps)
        self.reference.send(data)
        for piece in cut(data, cuts):
            with contextlib.suppress(OSError):  # a server that hung up shows in the answer
                self.subject.send(piece)
        replies = []
        if len(steps) > 1:
            self.transcript.append(f"# the next {len(steps)} in one write")
        for step in steps:
            self.transcript.append(written(step.arguments))
            expected, got = _answer(self.reference), _answer(self.subject)
            self.check(step, expected, got)
            replies.append(expected)
        return replies

    def check(self, step: Step, expected: resp.Frame, got: resp.Frame) -> None:
        """Raise Difference when the two replies to `step` do not compare as equal."""
        if step.way(expected) != step.way(got):
            name = step.arguments[0].decode("latin-1").upper() if step.arguments else "(nothing)"
            raise Difference(name, "\n".join(self.transcript), shown(expected), shown(got))


def _answer(connection: resp.Connection) -> resp.Frame:
    try:
        return connection.read()
    except (OSError, resp.ConnectionClosed, ValueError) as error:
        return resp.Frame(b"?", f"{type(error).__name__}: {error}".encode())


def cut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The data in pieces, cut at these positions taken modulo its length."""
    places = sorted({place % len(data) for place in cuts} - {0}) if data else []
    edges = [0, *places, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def written(arguments: Sequence[bytes]) -> str:
    """A command as redis-cli reads it; `parse` is the way back."""
    return " ".join(_quoted(argument) for argument in arguments)


def _quoted(argument: bytes) -> str:
    if argument and all(0x21 <= byte < 0x7F and byte not in b"\"'\\" for byte in argument):
        return argument.decode()
    body = "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
        for byte in argument
    )
    return f'"{body}"'


def parse(line: str) -> tuple[bytes, ...]:
    """A line of a transcript as arguments; raises ValueError for a quote that is not closed."""
    found: list[bytes] = []
    rest = line.strip()
    while rest:
        if not rest.startswith('"'):
            word, _, rest = rest.partition(" ")
            found.append(word.encode("latin-1"))
        else:
            argument, rest = _unquoted(rest)
            found.append(argument)
        rest = rest.lstrip()
    return tuple(found)


def _unquoted(text: str) -> tuple[bytes, str]:
    made = bytearray()
    index = 1
    while index < len(text):
        sign = text[index]
        if sign == '"':
            return bytes(made), text[index + 1 :]
        if sign == "\\" and text[index + 1] == "x":
            made.append(int(text[index + 2 : index + 4], 16))
            index += 4
        elif sign == "\\":
            made += text[index + 1].encode("latin-1")
            index += 2
        else:
            made += sign.encode("latin-1")
            index += 1
    raise ValueError(f"a quote is not closed: {text}")


def shown(reply: resp.Frame, indent: str = "") -> str:
    """A reply in full, one element a line, with the type byte of each."""
    kind = reply.kind.decode()
    if isinstance(reply.value, tuple):
        inside = "".join(f"\n{shown(child, indent + '  ')}" for child in reply.value)
        return f"{indent}{kind}{len(reply.value)}{inside}"
    return f"{indent}{kind} {'(null)' if reply.value is None else ascii(reply.value)[2:-1]}"
