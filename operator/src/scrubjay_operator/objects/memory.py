"""maxmemory, derived from the memory limit of a pod."""

from typing import Final

# The process itself (interpreter, libraries, connections' buffers, replication backlog) before it holds a key.
ENGINE_BYTES: Final = 48 * 2**20


def maxmemory(limit: int, reserved_percent: int) -> int:
    """Bytes for data: the limit less the reserved share, which is never below what the engine itself needs.

    Both in bytes. The result is at least 1: 0 would mean "no limit" to the engine.
    """
    reserved = max(-(-limit * reserved_percent // 100), ENGINE_BYTES)
    return max(limit - reserved, 1)
