from collections.abc import Iterator

class ListValue:
    """What a list key holds. Indexes are Redis': from 0, or negative from the end; ranges include both ends."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def encoding(self) -> str:
        """OBJECT ENCODING's answer."""
    def push(self, data: bytes, head: bool = False) -> None: ...
    def peek(self, head: bool = False) -> bytes | None: ...
    def pop(self, head: bool = False) -> bytes | None: ...
    def index(self, index: int) -> bytes | None: ...
    def range(self, start: int, stop: int) -> list[bytes]: ...
    def set(self, index: int, data: bytes) -> bool:
        """Replace an element; False when the index is outside."""
    def insert(self, pivot: bytes, data: bytes, after: bool = False) -> bool:
        """Insert beside the first element equal to pivot; False when there is none."""
    def remove(self, data: bytes, count: int = 0) -> int:
        """LREM: remove `count` equal elements from the head, from the tail when negative, all when 0; how many."""
    def trim(self, start: int, stop: int) -> int:
        """Keep only the range; how many elements went."""
    def positions(self, data: bytes, rank: int = 1, count: int = 0, longest: int = 0) -> list[int]:
        """LPOS: indexes of equal elements from the `rank`-th match on (negative: searching from the tail), at most
        `count` (0: all), looking at `longest` elements at most (0: all)."""
    def copy(self) -> ListValue: ...
    def nodes(self) -> int: ...
    def dump_nodes(self) -> list[bytes]:
        """The elements as Redis listpacks, in order (RDB's quicklist2 nodes)."""
    def clear(self) -> None: ...
    def free_step(self, budget: int) -> bool:
        """Free up to `budget` nodes (8 KiB each by default); True when nothing is left."""
    def memory_usage(self, samples: int = 0) -> int:
        """Bytes held, estimated from that many nodes (0: all)."""
