def decode_node(key: bytes, blob: bytes) -> list[tuple[int, int, list[bytes]]]:
    """The entries of one listpack of a stream, without the deleted ones; `key` is its 16-byte key."""

def encode_node(entries: list[tuple[int, int, list[bytes]]]) -> tuple[bytes, bytes]:
    """The 16-byte key and the listpack for some entries in order."""
