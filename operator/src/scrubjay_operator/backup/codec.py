"""From an RDB stream to what is stored (zstd, then encryption) and back. Streaming both ways: memory does not grow with the backup."""

from collections.abc import Iterable, Iterator

import zstandard

from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.frames import Opener, Sealer

LEVEL = 3  # zstd's default: about as fast as a node sends its data, and within a tenth of what slower levels reach
PIECE = 1 << 20


def stored(data: Iterable[bytes], *, compress: bool, key: bytes | None, level: int = LEVEL) -> Iterator[bytes]:
    """What goes to the storage for this RDB."""
    packed = _compressed(data, level) if compress else iter(data)
    return packed if key is None else _sealed(packed, key)


def restored(data: Iterable[bytes], *, compressed: bool, key: bytes | None) -> Iterator[bytes]:
    """The RDB that was stored as this. Raises BackupError when it is not as it was written."""
    packed = iter(data) if key is None else _opened(data, key)
    return _decompressed(packed) if compressed else packed


def _compressed(data: Iterable[bytes], level: int) -> Iterator[bytes]:
    # with zstd's own checksum: it guards the way from the storage into the engine as SHA-256 does that into the storage
    packer = zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
    for piece in data:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _decompressed(data: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    try:
        for piece in data:
            for start in range(0, len(piece), PIECE):
                if plain := unpacker.decompress(piece[start : start + PIECE]):
                    yield plain
    except zstandard.ZstdError as error:
        raise BackupError("Damaged", f"the compressed stream is damaged: {error}") from error
    if not unpacker.eof:
        raise BackupError("Damaged", "the compressed stream ends too early: a part of it is missing")


def _sealed(data: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    sealer = Sealer(key)
    yield sealer.header()
    for piece in data:
        yield from sealer.feed(piece)
    yield sealer.finish()


def _opened(data: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    opener = Opener(key)
    for piece in data:
        yield from opener.feed(piece)
    opener.finish()
