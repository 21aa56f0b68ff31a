"""An input read as decisions: numbers, choices and pieces of bytes taken off a string of bytes from the front.

So that one input always means the same commands, whoever made it: a random generator, or atheris following coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Source:
    """Takes decisions off `data`; zeros when it has run out."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self.at < len(self.data)

    def byte(self) -> int:
        """0 to 255."""
        if not self:
            return 0
        self.at += 1
        return self.data[self.at - 1]

    def below(self, bound: int) -> int:
        """0 to bound - 1, for bounds up to 65536."""
        return (self.byte() if bound <= 256 else self.byte() << 8 | self.byte()) % bound

    def choice(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def piece(self, longest: int = 40) -> bytes:
        """Some bytes as they are."""
        size = self.below(longest + 1)
        self.at += size
        return self.data[self.at - size : self.at]

    def rest(self) -> bytes:
        start, self.at = self.at, len(self.data)
        return self.data[start:]
