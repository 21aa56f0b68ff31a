from scrubjay_engine.core.keyspace import Keyspace

class Snapshot:
    """A point-in-time image of the keyspace as an RDB stream; see snapshot.pyx for the rules."""

    finished: bool
    aborted: bool
    reason: str | None
    keys: int
    copied: int
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
        at_once: int = 1000,
    ) -> None:
        """`exact`: values that an old server could only read with losses are written in a newer form. `access`: write idle times or frequencies,
        as Redis does under an LRU or LFU policy. `memory_limit`: bytes in the buffer at which the snapshot gives up (0: none). `at_once`: of a database
        that is flushed meanwhile so many keys are written on the spot; a bigger one is kept until it is written."""

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
