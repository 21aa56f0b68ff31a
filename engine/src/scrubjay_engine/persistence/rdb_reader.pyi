from scrubjay_engine.persistence.format import RdbSink

WANTS_DATA: int
WORKING: int
DONE: int

class RdbReader:
    """Reads an RDB file from chunks, a slice at a time, and tells a sink what is in it."""

    version: int
    valkey: bool
    keys: int

    def __init__(self, sink: RdbSink) -> None: ...
    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes as they come."""

    def read(self, budget: int = 256) -> int:
        """Take up to `budget` elements off; WANTS_DATA, WORKING (there is more to do with what was fed) or DONE.

        Raises CorruptData or UnsupportedData; the reader is of no use after that.
        """

    def finish(self) -> None:
        """The input has ended: CorruptData unless the file was whole."""

    def rest(self) -> bytes:
        """What was fed beyond the end of the file (an append-only file goes on there)."""

    @property
    def position(self) -> int:
        """Bytes of the file that were taken so far."""

def read_value(payload: bytes, sink: RdbSink, key: bytes, expire: int = -1) -> None:
    """Read one value as DUMP makes it (a type byte and a body, no footer) and tell it to the sink."""
