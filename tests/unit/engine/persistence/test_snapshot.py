"""The point in time holds: whatever is changed while a snapshot walks, it writes the keyspace as it was when it began."""

import random
from typing import Any

import pytest

import rdb_files
from scrubjay_engine.core.keyspace import Database, Keyspace, register
from scrubjay_engine.persistence import builders as _builders
from scrubjay_engine.persistence import layouts as _layouts
from scrubjay_engine.persistence.loading import Loader
from scrubjay_engine.persistence.rdb_reader import RdbReader
from scrubjay_engine.persistence.snapshot import Snapshot
from scrubjay_engine.values.hash_value import HashValue
from scrubjay_engine.values.list_value import ListValue
from scrubjay_engine.values.set_value import SetValue

assert _layouts and _builders
for number, (kind, name) in enumerate([(ListValue, "list"), (SetValue, "set"), (HashValue, "hash")], 101):
    register(kind, name, number)

State = dict[tuple[int, bytes], tuple[Any, int]]


def plain(value: Any) -> Any:
    if isinstance(value, HashValue):
        return sorted((field, data, value.expire_at(field)) for field, data in value.items())
    if isinstance(value, SetValue):
        return sorted(value.members())
    return list(value) if isinstance(value, ListValue) else value


def state(space: Keyspace) -> State:
    rows = [(db, key) for db in space.databases for key in list(db.keys())]
    return {(db.id, key): (plain(db.value(key)), db.expire_at(key)) for db, key in rows}


def grow(db: Database, dice: random.Random, key: bytes, word: bytes) -> None:
    """Adds elements to a compound value, which takes the place of a value of another kind."""
    kinds: list[type[ListValue | SetValue | HashValue]] = [ListValue, SetValue, HashValue]
    kind = dice.choice(kinds)
    value = db.write_value(key)
    if not isinstance(value, kind):
        value = kind()
        db.put(key, value)
    for i in range(dice.choice([1, 3, 700])):
        if isinstance(value, ListValue):
            value.push(word + b"%d" % i)
        elif isinstance(value, SetValue):
            value.add(word + b"%d" % i)
        else:
            value.set(word + b"%d" % i, word)


def change(space: Keyspace, dice: random.Random, keys: int) -> None:
    """One random change, as commands make them."""
    db = space.databases[dice.choice([0, 0, 0, 2])]
    key = b"key:%d" % dice.randrange(keys)
    word = b"w%d" % dice.randrange(1000)
    match dice.randrange(10):
        case 0 | 1:
            db.set_string(key, word * dice.choice([1, 1, 30]))
        case 2:
            db.delete(key)
        case 3:
            db.set_expire(key, 4102444800000 + dice.randrange(1000))
        case 4:
            db.persist(key)
        case 5 | 6:
            grow(db, dice, key, word)
        case 7:
            taken = db.take(key)
            if taken is not None:
                db.put(b"renamed:%d" % dice.randrange(keys), *taken)
        case 8:
            if dice.random() < 0.1:
                db.flush()
        case 9:
            if dice.random() < 0.05:
                space.swap(0, 2)


def finish(snapshot: Snapshot) -> bytes:
    parts = []
    while snapshot.step(200_000):
        parts.append(snapshot.take())
    return b"".join([*parts, snapshot.take()])


def load(data: bytes) -> State:
    space = Keyspace()
    reader = RdbReader(Loader(space.databases))
    reader.feed(data)
    while reader.read() == 1:
        pass
    reader.finish()
    return state(space)


@pytest.mark.parametrize("seed", range(30))
def test_changes_meanwhile_do_not_show(seed: int) -> None:
    dice = random.Random(seed)
    space = Keyspace()
    for _ in range(400):
        change(space, dice, 120)
    before = state(space)
    snapshot = Snapshot(space, at_once=dice.choice([0, 20, 1000]))
    snapshot.begin({b"redis-ver": b"7.0.15"}, [])
    parts = []
    while snapshot.step(dice.choice([1, 1, 20_000])):
        if dice.random() < 0.5:
            parts.append(snapshot.take())
        for _ in range(dice.randrange(4)):
            change(space, dice, 120)
    assert load(b"".join([*parts, snapshot.take()])) == before
    assert not snapshot.aborted
    # and the next one finds every entry ready for it
    now = state(space)
    again = Snapshot(space)
    again.begin({}, [])
    assert load(finish(again)) == now


@pytest.mark.parametrize("seed", range(5))
def test_after_an_abort_the_next_snapshot_is_whole(seed: int) -> None:
    dice = random.Random(seed)
    space = Keyspace()
    for _ in range(300):
        change(space, dice, 50)
    snapshot = Snapshot(space)
    snapshot.begin({}, [])
    for _ in range(10):
        snapshot.step(1)
        change(space, dice, 50)
    snapshot.abort("the test says so")
    while snapshot.step(1):
        change(space, dice, 50)
    assert snapshot.pending() == 0
    now = state(space)
    again = Snapshot(space)
    again.begin({}, [])
    assert load(finish(again)) == now


def test_a_database_flushed_after_a_swap_is_written_once() -> None:
    """The bucket that the walk stands at has moved with SWAPDB, and is freed by the flush."""
    space = Keyspace()
    for i in range(100):
        space.databases[0].set_string(b"key:%d" % i, b"v%d" % i)
    before = state(space)
    snapshot = Snapshot(space)
    snapshot.begin({}, [])
    snapshot.step(1)  # collects the first bucket
    space.swap(0, 2)
    space.databases[2].flush()
    assert load(finish(snapshot)) == before
    assert snapshot.keys == 100


def test_the_memory_limit_ends_it_cleanly() -> None:
    space = Keyspace()
    db = space.databases[0]
    for i in range(200):
        db.set_string(b"key:%d" % i, random.Random(i).randbytes(1000))
    snapshot = Snapshot(space, memory_limit=20_000)
    snapshot.begin({}, [])
    for i in range(200):
        db.set_string(b"key:%d" % i, b"short")
    assert snapshot.aborted and "overwritten" in (snapshot.reason or "")
    assert finish(snapshot) == b""
    again = Snapshot(space)
    again.begin({}, [])
    assert len(load(finish(again))) == 200


def test_two_at_a_time_are_refused() -> None:
    space = Keyspace()
    space.databases[0].set_string(b"a", b"b")
    Snapshot(space).begin({}, [])
    with pytest.raises(RuntimeError):
        Snapshot(space).begin({}, [])


def test_the_file_is_what_other_readers_expect() -> None:
    space = Keyspace()
    space.databases[0].set_string(b"a", b"1", False, 4102444800000)
    space.databases[3].set_string(b"b", b"2")
    snapshot = Snapshot(space)
    snapshot.begin({b"redis-ver": b"7.0.15"}, [])
    found = rdb_files.collect(finish(snapshot))
    assert found.facts == {b"redis-ver": b"7.0.15"}
    assert found.keys[0][b"a"].expire == 4102444800000
    assert set(found.keys) == {0, 3}
