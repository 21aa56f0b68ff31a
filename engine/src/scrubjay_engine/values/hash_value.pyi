from collections.abc import Iterator

class HashValue:
    """What a hash key holds. Times are Unix milliseconds."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __contains__(self, field: bytes) -> bool: ...
    def encoding(self) -> str:
        """OBJECT ENCODING's answer."""
    def get(self, field: bytes) -> bytes | None: ...
    def set(self, field: bytes, data: bytes, keep_expiry: bool = False) -> bool:
        """Set a field, dropping its expiry unless told to keep it; True when it is new."""
    def delete(self, field: bytes) -> bool: ...
    def items(self) -> list[tuple[bytes, bytes]]: ...
    def fields(self) -> list[bytes]: ...
    def values(self) -> list[bytes]: ...
    def random(self) -> tuple[bytes, bytes] | None: ...
    def sample(self, count: int) -> list[tuple[bytes, bytes]]:
        """Up to `count` different fields, drawn at random, with their values."""
    def scan(self, cursor: int, count: int = 10) -> tuple[int, list[tuple[bytes, bytes]]]:
        """HSCAN: the next cursor (0: done) and some fields with their values; Redis' guarantees hold."""
    def set_expiry(self, field: bytes, when: int) -> bool:
        """Let a field expire at `when`; False when there is no such field."""
    def expire_at(self, field: bytes) -> int:
        """When a field expires; -1 never, -2 no such field."""
    def persist(self, field: bytes) -> bool:
        """Take a field's expiry away; False when it has none."""
    def expired(self, now: int, limit: int = -1) -> list[bytes]:
        """Remove fields whose time has come, at most `limit` (-1: all), soonest first; their names."""
    def timed(self) -> int:
        """How many fields have an expiry."""
    def next_expiry(self) -> int:
        """When the first field expires; -1: none does."""
    def copy(self) -> HashValue: ...
    def dump(self) -> bytes | None:
        """The small form as a Redis listpack (RDB's hash_listpack); None when large or empty."""
    def clear(self) -> None: ...
    def free_step(self, budget: int) -> bool:
        """Free up to `budget` fields; True when nothing is left. Once begun, nothing else may be called."""
    def memory_usage(self, samples: int = 0) -> int:
        """Bytes held, estimated from that many fields (0: all)."""
