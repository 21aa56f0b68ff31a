"""The engine's gate bits by name for Python code; the Cython twin is the enum in engine.pxd, which says what each means."""

from typing import Final

LOADING: Final = 1 << 0
NO_ROLE: Final = 1 << 1
REPLICA: Final = 1 << 2
STALE: Final = 1 << 3
PAUSED: Final = 1 << 4
MAXMEMORY: Final = 1 << 5
CLUSTER: Final = 1 << 6
MIN_REPLICAS: Final = 1 << 7
BUSY: Final = 1 << 8
DISK_ERROR: Final = 1 << 9
LEASE: Final = 1 << 10
MONITORS: Final = 1 << 11

CLIENT_DETACHED: Final = 1 << 5
CLIENT_PRIMARY: Final = 1 << 6
