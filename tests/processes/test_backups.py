"""The backup program against a real engine and a real S3 server: a backup is whole or it is none, and every failure says why."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import resp
import sample_data
import servers
from kube import eventually
from s3_server import S3Server, Wire, s3_server
from scrubjay_operator.backup import read
from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.manifest import MANIFEST, Manifest
from scrubjay_operator.backup.node import Address
from scrubjay_operator.backup.progress import Progress
from scrubjay_operator.backup.retry import Retries
from scrubjay_operator.backup.storage import Storage, open_storage
from scrubjay_operator.backup.take import Order, take

KEY = bytes(range(32))
QUICK = Retries(attempts=3, first_s=0.01)
PART = 256 * 1024
NUMBERS = itertools.count()
BIG = 40  # values of 64 KiB that do not compress: a dozen parts


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def source() -> Iterator[servers.Server]:
    """An engine with a bit of everything and some megabytes that do not compress."""
    with servers.scrubjay("--repl-diskless-sync-delay", "0") as server, server.connect() as connection:
        sample_data.fill(connection, functions=True, field_expiry=False)
        for number in range(BIG):
            connection.call("SET", f"big:{number}", os.urandom(64 * 1024))
        yield server


@pytest.fixture
def bucket(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bucket of the test's own, and the environment that leads to it; its folder."""
    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)
    return store.make_bucket(f"bucket-{next(NUMBERS)}")


@pytest.fixture
def place(bucket: Path) -> Callable[..., Storage]:
    def at(name: str = "one", retries: Retries = QUICK) -> Storage:
        return open_storage(f"s3://{bucket.name}/nightly/{name}", retries=retries)

    return at


def order(source: servers.Server, *others: servers.Server, key: bytes | None = None) -> Order:
    nodes = [Address("127.0.0.1", each.port) for each in (source, *others)]
    return Order("one", {"shard-0": nodes}, cluster="ns/cache", key=key, part_bytes=PART, source_retries=QUICK)


def backup(storage: Storage, source: servers.Server, key: bytes | None = None) -> Manifest:
    return take(order(source, key=key), storage, Progress())


def restored(storage: Storage, directory: Path, key: bytes | None = None) -> dict[tuple[int, bytes], object]:
    """What a real redis-server 7.0 finds in the backup."""
    manifest = read.open_backup(storage)
    directory.mkdir()
    (directory / "dump.rdb").write_bytes(b"".join(read.rdb(manifest.shards[0], manifest, storage, key)))
    check = subprocess.run([servers.find("redis-check-rdb"), str(directory / "dump.rdb")], capture_output=True, text=True, check=False)  # fmt: skip
    assert "RDB looks OK!" in check.stdout, check.stdout
    with servers.redis(directory=directory) as server, server.connect() as connection:
        return sample_data.contents(connection)


def seen(source: servers.Server) -> dict[tuple[int, bytes], object]:
    with source.connect() as connection:
        return sample_data.contents(connection)


def fails(work: Callable[[], object]) -> BackupError:
    with pytest.raises(BackupError) as error:
        work()
    return error.value


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_backup_holds_everything_and_redis_reads_it(
    place: Callable[..., Storage], source: servers.Server, tmp_path: Path, key: bytes | None
) -> None:
    manifest = backup(place(), source, key)
    shard = manifest.shards[0]
    assert len(shard.files) > 5 and shard.source_role == "primary" and shard.keys == len(seen(source))
    assert sorted(place().sizes()) == sorted([MANIFEST, *(file.path for file in shard.files)])
    assert restored(place(), tmp_path / "redis", key) == seen(source)


def test_the_backup_is_one_moment_under_writes(
    place: Callable[..., Storage], source: servers.Server, tmp_path: Path
) -> None:
    """A writer numbers its writes: in the image is every one up to a number, and none after."""
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        with source.connect() as connection:
            while not stop.is_set():
                connection.pipeline([("RPUSH", "sequence", number) for number in range(written, written + 20)])
                written += 20

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup(place(), source)
    finally:
        stop.set()
        writer.join()
    found = restored(place(), tmp_path / "redis")[0, b"sequence"]
    with source.connect() as connection:
        kept = connection.call("LRANGE", "sequence", 0, -1)
        connection.call("DEL", "sequence")
    values = [value for value in found if isinstance(value, list)][-1]  # type: ignore[attr-defined]
    assert isinstance(kept, list) and values == kept[: len(values)]


def test_a_replica_is_read_when_there_is_one(place: Callable[..., Storage], source: servers.Server) -> None:
    with servers.scrubjay("--replicaof", f"127.0.0.1 {source.port}", "--repl-diskless-sync-delay", "0") as replica:
        with replica.connect() as connection:
            servers_wait(lambda: resp.info(connection, "replication")["master_link_status"] == "up")
        manifest = take(order(source, replica), place(), Progress())
    assert (manifest.shards[0].source_role, manifest.shards[0].source) == ("replica", f"127.0.0.1:{replica.port}")


def test_a_replica_that_dies_in_the_middle_is_replaced_by_another_node(
    place: Callable[..., Storage], source: servers.Server, tmp_path: Path
) -> None:
    with servers.scrubjay("--replicaof", f"127.0.0.1 {source.port}", "--repl-diskless-sync-delay", "0") as replica:
        with replica.connect() as connection:
            servers_wait(lambda: resp.info(connection, "replication")["master_link_status"] == "up")
            connection.call("CONFIG", "SET", "rdb-key-save-delay", "30000")
        progress = Progress()

        def kill() -> None:
            servers_wait(lambda: progress.bytes > 0)
            replica.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        manifest = take(order(source, replica), place(), progress)
        killer.join()
    assert manifest.shards[0].source_role == "primary"
    assert restored(place(), tmp_path / "redis") == seen(source)


def test_without_a_node_it_says_so(place: Callable[..., Storage]) -> None:
    gone = Address("127.0.0.1", servers.free_port())
    error = fails(lambda: take(Order("one", {"shard-0": [gone]}, source_retries=QUICK), place(), Progress()))
    assert error.reason == "NoSource" and "attempt 3 of 3" in str(error) and str(gone) in str(error)
    assert not place().sizes()


def test_a_wrong_password_is_told_at_once(place: Callable[..., Storage]) -> None:
    with servers.scrubjay("--requirepass", "right") as server:
        address = Address("127.0.0.1", server.port, password="wrong")
        error = fails(lambda: take(Order("one", {"shard-0": [address]}, source_retries=QUICK), place(), Progress()))
    assert error.reason == "SourceRefuses" and "WRONGPASS" in str(error) and "attempt" not in str(error)


@pytest.mark.parametrize("when", ["start", "middle", "end"])
def test_storage_that_goes_away_leaves_no_backup_and_the_next_one_succeeds(
    store: S3Server, place: Callable[..., Storage], source: servers.Server, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    with Wire(store.port, cut_after={"start": 0, "middle": 1_500_000}.get(when)) as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{wire.port}")
        broken = place()
        put = broken.put
        if when == "end":

            def cut_before_the_manifest(path: str, data: bytes) -> None:
                if path == MANIFEST:
                    wire.cut()
                put(path, data)

            monkeypatch.setattr(broken, "put", cut_before_the_manifest)
        error = fails(lambda: backup(broken, source))
    assert error.reason == "StorageUnreachable" and "attempt 3 of 3" in str(error)
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    assert fails(lambda: read.open_backup(place())).reason == "NoBackup"
    backup(place(), source)
    read.check(read.open_backup(place()), place())


def test_wrong_credentials_and_a_missing_bucket_are_told_before_the_node_is_asked(
    store: S3Server, place: Callable[..., Storage], source: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = open_storage("s3://no-such-bucket/x", retries=QUICK)
    error = fails(lambda: backup(nowhere, source))
    assert error.reason == "NoBucket" and "does not exist" in str(error)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    error = fails(lambda: backup(place(), source))
    assert error.reason == "WrongCredentials" and "attempt" not in str(error)


def test_slow_storage_is_waited_for(
    store: S3Server, place: Callable[..., Storage], source: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Wire(store.port, pause=0.01) as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{wire.port}")
        assert backup(place(), source).shards[0].files
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    read.check(read.open_backup(place()), place())


def test_one_flipped_byte_is_found_when_reading_back_and_later(
    bucket: Path, place: Callable[..., Storage], source: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flip() -> None:
        part = bucket / "nightly/one/shard-0/00002.part"
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)

    def flip_and_check(*words: Any) -> None:
        flip()
        check(*words)

    check = read.check
    with monkeypatch.context() as patch:
        patch.setattr(read, "check", flip_and_check)
        error = fails(lambda: backup(place(), source))
    assert error.reason == "Damaged" and "00002.part" in str(error) and not place().sizes()
    storage = place()
    manifest = backup(storage, source)
    flip()
    for reading in (lambda: read.check(manifest, storage), lambda: list(read.rdb(manifest.shards[0], manifest, storage, None))):  # fmt: skip
        assert fails(reading).reason == "Damaged"
    (bucket / "nightly/one/shard-0/00001.part").unlink()
    assert fails(lambda: read.check(manifest, storage)).reason == "PartMissing"


def test_a_lost_or_wrong_key_is_told_before_anything_is_read(
    place: Callable[..., Storage], source: servers.Server
) -> None:
    manifest = backup(place(), source, KEY)
    for key, reason in ((None, "KeyMissing"), (os.urandom(32), "WrongKey")):
        reading = read.rdb(manifest.shards[0], manifest, place(), key)
        assert fails(partial(next, reading)).reason == reason


def test_a_place_in_use_is_not_touched(bucket: Path, place: Callable[..., Storage], source: servers.Server) -> None:
    backup(place(), source)
    assert fails(lambda: backup(place(), source)).reason == "AlreadyThere"
    photos = bucket / "nightly/two/photos/cat.jpg"
    photos.parent.mkdir(parents=True)
    photos.write_bytes(b"miaow")
    assert fails(lambda: backup(place("two"), source)).reason == "NotEmpty"
    assert read.remove(place("two")) == 0 and photos.exists()
    assert read.remove(place()) > 3 and not place().sizes()


def test_a_run_that_is_told_to_stop_leaves_nothing(place: Callable[..., Storage], source: servers.Server) -> None:
    stop = threading.Event()
    stop.set()
    assert fails(lambda: take(order(source), place(), Progress(), stop)).reason == "Stopped"
    assert not place().sizes()


@pytest.mark.skipif(os.getuid() != 0, reason="a small volume is a tmpfs, which only root can mount")
def test_a_full_volume_is_told_and_left_clean(source: servers.Server, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(volume)], check=True)
    try:
        storage = open_storage(f"file://{volume}/backups/one", retries=QUICK)
        error = fails(lambda: backup(storage, source))
        assert error.reason == "StorageFull" and "is full" in str(error)
        assert not [path for path in volume.rglob("*") if path.is_file()]
        subprocess.run(["mount", "-o", "remount,size=20m", str(volume)], check=True)
        read.check(backup(storage, source), storage)
    finally:
        subprocess.run(["umount", str(volume)], check=True)


def test_the_documented_commands(source: servers.Server, tmp_path: Path) -> None:
    """As people and Jobs run it: take, check, fetch, remove, with a key file, on a volume."""
    (tmp_path / "key").write_text(KEY.hex())
    place = f"file://{tmp_path}/backups/one"

    def run(*words: str, status: int = 0) -> dict[str, object]:
        command = [sys.executable, "-m", "scrubjay_operator.backup", "--key-file", str(tmp_path / "key"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status, done.stderr
        last: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return last

    result = run("take", "--to", place, "--shard", f"shard-0=127.0.0.1:{source.port}")
    assert result["phase"] == "Completed" and result["keys"] == len(seen(source)) and result["fromPrimary"] == ["shard-0"]  # fmt: skip
    assert run("check", "--from", place)["keys"] == result["keys"]
    run("fetch", "--from", place, "--output", str(tmp_path / "out"))
    shutil.move(tmp_path / "out/shard-0.rdb", tmp_path / "out/dump.rdb")
    with servers.scrubjay(directory=tmp_path / "out") as server:
        assert seen(server) == seen(source)
    (tmp_path / "key").write_text(os.urandom(32).hex())
    refusal = run("fetch", "--from", place, "--output", str(tmp_path / "out"), status=2)
    assert refusal["reason"] == "WrongKey"
    run("remove", "--at", place)
    assert run("check", "--from", place, status=2)["reason"] == "NoBackup"


def servers_wait(probe: Callable[[], bool]) -> None:
    eventually("the condition holds", probe, 60)
