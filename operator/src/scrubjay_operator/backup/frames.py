"""AES-256-GCM over a stream: frames, each sealed and numbered, the last one marked, so that nothing can be changed, moved, left out or cut off unseen.

    header   "SJCRYPT1", 32 bytes of salt
    frame    length of what follows (4 bytes, big-endian), ciphertext of up to FRAME bytes, tag of 16 bytes

The key of one stream is HKDF-SHA256(the user's key, salt): no two streams share one, so the nonce can be the frame's number (11 bytes, big-endian) and one byte that is 1 in
the last frame, else 0. The header is the additional data of each frame. It is the STREAM construction of
"Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (Hoang, Reyhanitabar, Rogaway, Vizár, 2015).
"""

import base64
import binascii
import os
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scrubjay_operator.backup.errors import BackupError

MAGIC: Final = b"SJCRYPT1"
SALT: Final = 32
HEADER: Final = len(MAGIC) + SALT
FRAME: Final = 1 << 20
TAG: Final = 16
KEY: Final = 32


def read_key(text: bytes) -> bytes:
    """A key from the bytes of a Secret: 32 bytes as they are, or written as 64 hexadecimal digits or in base64. Raises BackupError."""
    if len(text) == KEY:
        return text
    stripped = text.strip()
    decoders = (binascii.unhexlify, lambda data: base64.b64decode(data, validate=True))
    for decode in decoders:
        try:
            key = decode(stripped)
        except (binascii.Error, ValueError):
            continue
        if len(key) == KEY:
            return key
    raise BackupError(
        "BadKey",
        f"the encryption key is {len(text)} bytes of something else: it must be 32 random bytes, as they are, in hexadecimal or in base64 (openssl rand -hex 32)",
    )


def key_check(key: bytes) -> str:
    """16 hexadecimal digits that name a key without telling it: a wrong key is found out before anything is read."""
    return HKDF(SHA256(), 8, None, b"scrubjay backup: key check").derive(key).hex()


def _stream_key(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY, salt, b"scrubjay backup: stream").derive(key))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class Sealer:
    """Bytes in, header and frames out."""

    def __init__(self, key: bytes) -> None:
        salt = os.urandom(SALT)
        self._header = MAGIC + salt
        self._cipher = _stream_key(key, salt)
        self._number = 0
        self._pending = bytearray()

    def header(self) -> bytes:
        """What stands before the first frame."""
        return self._header

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are full now. One full frame is always kept: it may be the last."""
        self._pending += data
        while len(self._pending) > FRAME:
            piece = bytes(self._pending[:FRAME])
            del self._pending[:FRAME]
            yield self._seal(piece, last=False)

    def finish(self) -> bytes:
        """The last frame."""
        return self._seal(bytes(self._pending), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._number, last), piece, self._header)
        self._number += 1
        return len(sealed).to_bytes(4, "big") + sealed


class Opener:
    """Header and frames in, the bytes out. Raises BackupError as soon as something is not as it was written."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._header = b""
        self._cipher: AESGCM | None = None
        self._number = 0
        self._pending = bytearray()
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The contents of the frames that are whole now."""
        self._pending += data
        if self._cipher is None:
            if len(self._pending) < HEADER:
                return
            self._header = bytes(self._pending[:HEADER])
            del self._pending[:HEADER]
            if not self._header.startswith(MAGIC):
                raise BackupError("Damaged", "this is not an encrypted stream of ours: its header is missing")
            self._cipher = _stream_key(self._key, self._header[len(MAGIC) :])
        while len(self._pending) >= 4:
            size = int.from_bytes(self._pending[:4], "big")
            if not TAG <= size <= FRAME + TAG or self._ended:
                raise BackupError("Damaged", f"frame {self._number} of the encrypted stream is damaged")
            if len(self._pending) < 4 + size:
                return
            sealed = bytes(self._pending[4 : 4 + size])
            del self._pending[: 4 + size]
            yield self._open(self._cipher, sealed)

    def finish(self) -> None:
        """Must be called at the end: a stream that was cut off is found here."""
        if not self._ended or self._pending:
            raise BackupError("Damaged", "the encrypted stream ends too early: a part of it is missing")

    def _open(self, cipher: AESGCM, sealed: bytes) -> bytes:
        for last in (False, True):
            try:
                piece = cipher.decrypt(_nonce(self._number, last), sealed, self._header)
            except InvalidTag:
                continue
            self._ended = last
            self._number += 1
            return piece
        raise BackupError(
            "Damaged", f"frame {self._number} of the encrypted stream is damaged, or was sealed with another key"
        )
