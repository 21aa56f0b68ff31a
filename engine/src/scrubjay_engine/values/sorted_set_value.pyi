from collections.abc import Iterator

class SortedSetValue:
    """What a sorted-set key holds. Ranks count from 0, the lowest score; equal scores are ordered by bytes."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __contains__(self, member: bytes) -> bool: ...
    def encoding(self) -> str:
        """OBJECT ENCODING's answer."""
    def add(self, member: bytes, score: float, flags: int = 0) -> tuple[int, float]:
        """ZADD of one member. Flags: NX 1, XX 2, GT 4, LT 8, INCR 16. Answers what happened (added 1, updated 2, a
        condition was not met 4, not a number 8, nothing new 0) and the member's score after it."""
    def score(self, member: bytes) -> float | None: ...
    def remove(self, member: bytes) -> bool: ...
    def rank(self, member: bytes) -> int | None: ...
    def rank_of_score(self, score: float, after: bool = False) -> int:
        """How many members have a lower score (`after`: a lower or the same score)."""
    def rank_of_member(self, member: bytes, after: bool = False) -> int:
        """How many members are lower by bytes (`after`: or equal), all scores being the same."""
    def items(self) -> list[tuple[bytes, float]]: ...
    def range(self, start: int, count: int, backward: bool = False) -> list[tuple[bytes, float]]:
        """Up to `count` members from rank `start` on, upwards or (`backward`) downwards."""
    def remove_range(self, start: int, count: int) -> None:
        """Remove `count` members from rank `start` on; IndexError when there are not as many."""
    def random(self) -> tuple[bytes, float] | None: ...
    def sample(self, count: int) -> list[tuple[bytes, float]]:
        """Up to `count` different members, drawn at random, with their scores."""
    def scan(self, cursor: int, count: int = 10) -> tuple[int, list[tuple[bytes, float]]]:
        """ZSCAN: the next cursor (0: done) and some members with their scores; Redis' guarantees hold."""
    def copy(self) -> SortedSetValue: ...
    def dump(self) -> bytes | None:
        """The small form as a Redis listpack (RDB's zset_listpack); None when large or empty."""
    def clear(self) -> None: ...
    def free_step(self, budget: int) -> bool:
        """Free about `budget` members; True when nothing is left. Once begun, nothing else may be called."""
    def memory_usage(self, samples: int = 0) -> int:
        """Bytes held, estimated from that many members (0: all)."""
