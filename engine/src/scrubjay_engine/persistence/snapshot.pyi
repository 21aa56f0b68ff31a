from scrubjay_engine.core.keyspace import Keyspace

class Snapshot:
    """A point-in-time image of the keyspace as an RDB stream; see snapshot.pyx for the rules."""

    finished: bool
    aborted: bool
    reason: str | None
    keys: int
    total: int

    def __init__(
        self,
        space: Keyspace,
        *,
        exact: bool = True,
        compress: bool = True,
        checksum: bool = True,
        access: bool = False,
        memory_limit: int = 0,
    ) -> None:
        """`exact`: values that an old server could only read with losses are written in a newer form. `access`: write idle times or frequencies,
        as Redis does under an LRU or LFU policy. `memory_limit`: bytes in the buffer at which the snapshot gives up (0: none)."""

    def begin(self, aux: dict[bytes, bytes], functions: list[bytes]) -> None:
        """Fix the point in time. RuntimeError when another snapshot runs."""

    def step(self, nanoseconds: int) -> bool:
        """Go on for about that long; True while there is more to do."""

    def take(self) -> bytes:
        """What was written since the last time."""

    def pending(self) -> int:
        """Bytes that wait to be taken."""

    def abort(self, reason: str) -> None:
        """Write nothing more; `step` must still be called until it is done."""
