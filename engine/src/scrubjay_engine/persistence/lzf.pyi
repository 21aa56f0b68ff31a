def compress(data: bytes) -> bytes | None:
    """`data` compressed; None when that would not make it smaller by at least four bytes."""

def decompress(data: bytes, size: int) -> bytes:
    """The `size` bytes that `data` stands for; CorruptData when it stands for anything else."""
