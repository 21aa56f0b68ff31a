from typing_extensions import Buffer

def crc64(data: Buffer, crc: int = 0) -> int:
    """The checksum of `data`, going on from `crc`."""
