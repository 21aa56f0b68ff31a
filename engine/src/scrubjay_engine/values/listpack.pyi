def entries_of(data: bytes) -> list[bytes]:
    """The elements of a Redis listpack (as found in DUMP payloads and RDB files); ValueError when it is damaged."""

def dump_of(elements: list[bytes]) -> bytes:
    """A Redis listpack of the elements."""
