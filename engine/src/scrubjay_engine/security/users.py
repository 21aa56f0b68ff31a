"""One ACL user: on or off, passwords, selectors, and the rules that change them (ACL SETUSER, `user` lines of files).

Pure, as rules.py; acl.py holds all users. Passwords are kept as SHA-256 in hexadecimal, as Redis keeps them, and compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac

from scrubjay_engine.core.command import Command
from scrubjay_engine.security.rules import SYNTAX, CommandBits, Denial, RuleError, Selector, has_spaces, parse_selector

BAD_HASH = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
NO_SUCH_PASSWORD = "The password you are trying to remove from the user does not exist"


def hash_password(password: bytes) -> bytes:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(password).hexdigest().encode()


def parse_hash(text: bytes) -> bytes:
    if len(text) != 64 or text.strip(b"0123456789abcdef"):
        raise RuleError(BAD_HASH)
    return text


class User:
    """What a person or an application may do. `selectors[0]` is the root: rules outside parentheses are about it."""

    def __init__(self, name: bytes, bits: CommandBits, all_channels: bool) -> None:
        self.name = name
        self.bits = bits
        self.channels_by_default = all_channels
        self.enabled = False
        self.no_password = False
        self.sanitize: bytes | None = None
        self.passwords: dict[bytes, None] = {}
        self.selectors = [Selector(bits, all_channels=all_channels)]

    @property
    def root(self) -> Selector:
        return self.selectors[0]

    @property
    def unlimited(self) -> bool:
        """Whether no command needs to be checked."""
        return any(selector.unlimited for selector in self.selectors)

    @property
    def open(self) -> bool:
        """Whether anybody may be this user without a password."""
        return self.enabled and self.no_password

    def take(self, other: User) -> None:
        """Becomes like another user, keeping the name; sessions of this user see it at once."""
        self.enabled, self.no_password, self.sanitize = other.enabled, other.no_password, other.sanitize
        self.passwords = dict(other.passwords)
        self.selectors = [selector.copy() for selector in other.selectors]

    def copy(self) -> User:
        made = User(self.name, self.bits, self.channels_by_default)
        made.take(self)
        return made

    # -- rules ---------------------------------------------------------------------------------------------------------

    def apply(self, rule: bytes) -> None:
        """Applies one rule. Raises RuleError in Redis' words."""
        word = rule.lower()
        if not rule:
            return
        if word in (b"on", b"off"):
            self.enabled = word == b"on"
        elif word in (b"nopass", b"resetpass"):
            self.no_password = word == b"nopass"
            self.passwords.clear()
        elif word in (b"sanitize-payload", b"skip-sanitize-payload"):
            self.sanitize = word
        elif rule[:1] in (b">", b"#"):
            self.passwords[hash_password(rule[1:]) if rule[:1] == b">" else parse_hash(rule[1:])] = None
            self.no_password = False
        elif rule[:1] in (b"<", b"!"):
            self._remove_password(hash_password(rule[1:]) if rule[:1] == b"<" else parse_hash(rule[1:]))
        elif rule[:1] == b"(" and rule[-1:] == b")":
            self.selectors.append(parse_selector(rule, self.bits, self.channels_by_default))
        elif word == b"clearselectors":
            del self.selectors[1:]
        elif word == b"reset":
            self._reset()
        else:
            self.root.apply(rule)

    def _remove_password(self, hashed: bytes) -> None:
        if hashed not in self.passwords:
            raise RuleError(NO_SUCH_PASSWORD)
        del self.passwords[hashed]

    def _reset(self) -> None:
        self.enabled = self.no_password = False
        self.sanitize = b"sanitize-payload"
        self.passwords.clear()
        self.selectors = [Selector(self.bits, all_channels=self.channels_by_default)]

    # -- questions -----------------------------------------------------------------------------------------------------

    def accepts(self, password: bytes) -> bool:
        """Whether one may log in with this password; the time taken does not tell how much of it is right."""
        if not self.enabled:
            return False
        if self.no_password:
            return True
        hashed = hash_password(password)
        # Every password is compared, so that the time does not say which one matched either.
        return sum(hmac.compare_digest(hashed, known) for known in self.passwords) > 0

    def check(self, row: Command, args: list[bytes]) -> Denial | None:
        """Why the user may not run this; None when a selector allows all of it."""
        worst: Denial | None = None
        for selector in self.selectors:
            denial = selector.check(row, args)
            if denial is None:
                return None
            if worst is None or denial.worse_than(worst):
                worst = denial
        return worst

    def reads_every_key(self, row: Command, args: list[bytes]) -> bool:
        """Whether a selector that allows the command may read any key (SORT with BY and GET)."""
        return any(s.check(row, args) is None and s.reads_every_key() for s in self.selectors)

    # -- description ---------------------------------------------------------------------------------------------------

    def flags(self) -> list[bytes]:
        shown = [b"on" if self.enabled else b"off"]
        if self.no_password:
            shown.append(b"nopass")
        if self.sanitize is not None:
            shown.append(self.sanitize)
        return shown

    def describe(self) -> bytes:
        """The user's line behind `user NAME`, as in ACL LIST and the ACL file."""
        words = [*self.flags(), *(b"#" + known for known in self.passwords), self.root.describe()]
        words += [b"(" + selector.describe() + b")" for selector in self.selectors[1:]]
        return b" ".join(words)


def merge_selectors(words: list[bytes]) -> list[bytes]:
    """Rules with the words of one `( ... )` put together. Raises RuleError naming an open parenthesis."""
    merged: list[bytes] = []
    opened: list[bytes] = []
    for word in words:
        if opened:
            opened.append(word)
            if word.endswith(b")"):
                merged.append(b" ".join(opened))
                opened = []
        elif word.startswith(b"(") and not word.endswith(b")"):
            opened = [word]
        else:
            merged.append(word)
    if opened:
        raise RuleError(f"Unmatched parenthesis in acl selector starting at '{opened[0].decode(errors='replace')}'.")
    return merged


__all__ = ["SYNTAX", "RuleError", "User", "has_spaces", "hash_password", "merge_selectors"]
