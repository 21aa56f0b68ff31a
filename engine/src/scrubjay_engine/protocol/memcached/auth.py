"""Users of memcached's ports: a file of `user:password` lines (-Y), for the text protocol's login and for SASL PLAIN."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path

from scrubjay_engine.config import ConfigError

log = logging.getLogger(__name__)


class AuthFile:
    """The users. The file is read again when it changes, so that a mounted Secret may be renewed while serving."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.users: dict[bytes, bytes] = {}
        self._seen: tuple[int, int] | None = None
        try:
            self._read()
        except OSError as error:
            raise ConfigError(f"can't read memcached-auth-file {path}: {error.strerror}") from None
        if not self.users:
            raise ConfigError(f"memcached-auth-file {path} has no line `user:password`")

    def _read(self) -> None:
        status = self.path.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen == self._seen:
            return
        self._seen = seen
        pairs = (line.partition(b":") for line in self.path.read_bytes().splitlines())
        users = {user: password for user, colon, password in pairs if colon and user}
        self.users = users or self.users

    def follow(self) -> None:
        """Takes up a changed file; one that can't be read changes nothing."""
        try:
            self._read()
        except OSError as error:
            log.warning("memcached-auth-file %s can't be read, the users known stay: %s", self.path, error)

    def check(self, user: bytes, password: bytes) -> bool:
        """Whether the password is the user's, in a time that tells nothing of it."""
        return hmac.compare_digest(self.users.get(user, b""), password) and user in self.users
