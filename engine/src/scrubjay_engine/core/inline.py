"""Inline commands: a line of words, quoted as in a shell, for people with telnet (https://redis.io/docs/reference/protocol-spec#inline-commands)."""

from __future__ import annotations

SPACES = b" \n\r\t\v\f\0"
ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}


def split_inline(line: bytes) -> list[bytes] | None:
    """The words of a line; None when its quotes do not match."""
    if b'"' not in line and b"'" not in line:
        return line.replace(b"\0", b" ").split()
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at] in SPACES:
            at += 1
        if at >= len(line):
            return words
        found = _word(line, at)
        if found is None:
            return None
        word, at = found
        words.append(word)


def _word(line: bytes, at: int) -> tuple[bytes, int] | None:
    word = bytearray()
    while at < len(line) and line[at] not in SPACES:
        char = line[at]
        if char in b"\"'":
            found = _double_quoted(line, at + 1) if char == 34 else _single_quoted(line, at + 1)
            if found is None:
                return None
            piece, at = found
            word += piece
            # a closing quote must be followed by a blank or the end
            if at < len(line) and line[at] not in SPACES:
                return None
            break
        word.append(char)
        at += 1
    return bytes(word), at


def _double_quoted(line: bytes, at: int) -> tuple[bytes, int] | None:
    word = bytearray()
    while at < len(line):
        char = line[at]
        if char == 34:
            return bytes(word), at + 1
        if char == 92 and at + 1 < len(line):
            following = line[at + 1]
            digits = line[at + 2 : at + 4]
            if following == ord("x") and len(digits) == 2 and all(c in b"0123456789abcdefABCDEF" for c in digits):
                word.append(int(digits, 16))
                at += 4
                continue
            word.append(ESCAPES.get(following, following))
            at += 2
            continue
        word.append(char)
        at += 1
    return None


def _single_quoted(line: bytes, at: int) -> tuple[bytes, int] | None:
    word = bytearray()
    while at < len(line):
        char = line[at]
        if char == 39:
            return bytes(word), at + 1
        if char == 92 and line[at + 1 : at + 2] == b"'":
            word.append(39)
            at += 2
            continue
        word.append(char)
        at += 1
    return None
