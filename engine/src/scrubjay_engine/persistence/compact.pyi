def encode_listpack(items: list[int | bytes]) -> bytes:
    """A listpack of `items`."""

def listpack(blob: bytes) -> list[bytes]:
    """The elements of a listpack, integers as decimal text."""

def listpack_with_numbers(blob: bytes) -> list[int | bytes]:
    """The elements of a listpack, integers as int."""

def ziplist(blob: bytes) -> list[bytes]:
    """The elements of a ziplist, integers as decimal text."""

def intset(blob: bytes) -> list[bytes]:
    """The members of an intset, ascending, as decimal text."""

def zipmap(blob: bytes) -> list[bytes]:
    """Fields and values of a zipmap, in turn."""
