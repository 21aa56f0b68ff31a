"""Builders of compound values for persistence/loading: one class a type. Imported once, where the engine is put together.

What Redis refuses as corrupt is refused here, too: members or fields that come twice. A value without elements builds to None: Redis skips
such keys in a file and refuses them in RESTORE.
"""

from typing import Any

from scrubjay_engine.persistence.errors import CorruptData
from scrubjay_engine.persistence.loading import builders
from scrubjay_engine.values.hash_value import HashValue
from scrubjay_engine.values.list_value import ListValue
from scrubjay_engine.values.set_value import SetValue
from scrubjay_engine.values.sorted_set_value import SortedSetValue

ADDED = 1


class ListBuilder:
    """Elements from the head on."""

    def __init__(self) -> None:
        self.value: ListValue | None = ListValue()

    def items(self, items: list[bytes]) -> None:
        assert self.value is not None
        push = self.value.push
        for item in items:
            push(item)

    def end(self) -> None:
        if not self.value:
            self.value = None


class SetBuilder:
    """Members, each once."""

    def __init__(self) -> None:
        self.value: SetValue | None = SetValue()

    def items(self, items: list[bytes]) -> None:
        assert self.value is not None
        add = self.value.add
        for member in items:
            if not add(member):
                raise CorruptData("Duplicate set members detected")

    def end(self) -> None:
        if not self.value:
            self.value = None


class HashBuilder:
    """Fields and values, in turn."""

    def __init__(self) -> None:
        self.value: HashValue | None = HashValue()

    def items(self, items: list[bytes]) -> None:
        assert self.value is not None
        put = self.value.set
        for field, data in zip(items[0::2], items[1::2], strict=True):
            if not put(field, data):
                raise CorruptData("Duplicate hash fields detected")

    def expiring_fields(self, items: list[Any]) -> None:
        assert self.value is not None
        for field, data, at in zip(items[0::3], items[1::3], items[2::3], strict=True):
            if not self.value.set(field, data):
                raise CorruptData("Duplicate hash fields detected")
            if at >= 0:
                self.value.set_expiry(field, at)

    def end(self) -> None:
        if not self.value:
            self.value = None


class SortedSetBuilder:
    """Members and scores, in turn."""

    def __init__(self) -> None:
        self.value: SortedSetValue | None = SortedSetValue()

    def items(self, items: list[Any]) -> None:
        assert self.value is not None
        add = self.value.add
        for member, score in zip(items[0::2], items[1::2], strict=True):
            if add(member, score)[0] != ADDED:
                raise CorruptData("Duplicate zset fields detected")

    def end(self) -> None:
        if not self.value:
            self.value = None


builders.update({"list": ListBuilder, "set": SetBuilder, "hash": HashBuilder, "zset": SortedSetBuilder})
