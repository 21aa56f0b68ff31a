"""The payload of FUNCTION DUMP: each library as in an RDB file (opcode 245 and its text), then version and checksum. Real Redis 7 reads and writes the same."""

from __future__ import annotations

from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.persistence.errors import CorruptData, UnsupportedData
from scrubjay_engine.persistence.rdb_reader import DONE, RdbReader
from scrubjay_engine.persistence.rdb_writer import RdbWriter, with_footer, without_footer

BAD_PAYLOAD = CommandError("ERR DUMP payload version or checksum are wrong")
NOT_A_FUNCTION = CommandError("ERR given type is not a function")
NOT_LOADED = CommandError("ERR failed loading the given functions payload")
HEADER = b"REDIS0010"
# The end marker, and a checksum of zero: none is checked, the payload's own was.
END = b"\xff" + bytes(8)
OPCODE_FUNCTION = 0xF5


class _Texts:
    """An `RdbSink` that takes functions only."""

    def __init__(self) -> None:
        self.codes: list[bytes] = []

    def function(self, code: bytes) -> None:
        self.codes.append(code)

    def __getattr__(self, name: str) -> object:
        raise NOT_A_FUNCTION


def dump_payload(codes: list[bytes]) -> bytes:
    """The payload for these libraries."""
    writer = RdbWriter()
    for code in codes:
        writer.function(code)
    return with_footer(writer.take())


def payload_codes(payload: bytes) -> list[bytes]:
    """The texts of the libraries in a payload. Raises CommandError."""
    try:
        body = without_footer(payload)
    except (CorruptData, UnsupportedData):
        raise BAD_PAYLOAD from None
    if body and body[0] != OPCODE_FUNCTION:
        raise NOT_A_FUNCTION
    texts = _Texts()
    reader = RdbReader(texts)  # type: ignore[arg-type]
    try:
        reader.feed(HEADER + body + END)
        if reader.read(1 << 30) != DONE:
            raise NOT_LOADED
    except (CorruptData, UnsupportedData):
        raise NOT_LOADED from None
    return texts.codes
