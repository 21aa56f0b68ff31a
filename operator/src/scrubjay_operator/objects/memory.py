"""maxmemory and the size of the replication backlog, derived from the memory limit of a pod."""

from typing import Final

# The process itself (interpreter, libraries, connections' buffers, replication backlog) before it holds a key.
ENGINE_BYTES: Final = 48 * 2**20


# Redis' 1 MiB is over in a moment of writing, and a replica that reconnects then needs a full copy.
LEAST_BACKLOG: Final = 2**20
MOST_BACKLOG: Final = 64 * 2**20
BACKLOG_SHARE: Final = 32


def replication_backlog(limit: int) -> int:
    """Bytes of replication stream that are kept: 1/32 of the limit, from 1 to 64 MiB. Part of what is reserved."""
    return min(max(limit // BACKLOG_SHARE, LEAST_BACKLOG), MOST_BACKLOG)


def maxmemory(limit: int, reserved_percent: int) -> int:
    """Bytes for data: the limit less the reserved share, which is never below what the engine itself needs.

    Both in bytes. The result is at least 1: 0 would mean "no limit" to the engine.
    """
    reserved = max(-(-limit * reserved_percent // 100), ENGINE_BYTES)
    return max(limit - reserved, 1)
