"""Restoring: a backup or any RDB is verified first, then given to a node that follows the program; what is damaged is given to nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import resp
import sample_data
import servers
from kube import eventually
from scrubjay_operator.backup import serve
from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.node import Address
from scrubjay_operator.backup.progress import Progress
from scrubjay_operator.backup.retry import Retries
from scrubjay_operator.backup.storage import Storage, open_storage
from scrubjay_operator.backup.take import Order, take

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def seen_and_place(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[int, bytes], object], Path]:
    """A backup on a volume, and what was in the node."""
    folder = tmp_path_factory.mktemp("volume") / "one"
    with servers.scrubjay("--repl-diskless-sync-delay", "0") as server, server.connect() as connection:
        sample_data.fill(connection, functions=True, field_expiry=True)
        for number in range(20):
            connection.call("SET", f"big:{number}", os.urandom(64 * 1024))
        nodes = {"shard-0": [Address("127.0.0.1", server.port)]}
        take(Order("one", nodes, key=KEY, part_bytes=300_000), at(folder), Progress())
        return sample_data.contents(connection), folder


def at(folder: Path) -> Storage:
    return open_storage(f"file://{folder}", retries=Retries(attempts=2, first_s=0.01))


@contextmanager
def offered(offer: serve.Offer) -> Iterator[int]:
    """The port at which the offer is served."""
    stop = threading.Event()
    server = serve.RestoreServer(offer, Progress(), host="127.0.0.1")
    thread = threading.Thread(target=server.serve, args=(stop,))
    thread.start()
    try:
        yield server.port
    finally:
        stop.set()
        thread.join(20)


def loaded(port: int, databases: tuple[int, ...] = (0, 3)) -> dict[tuple[int, bytes], object]:
    """What a fresh node of ours has after it followed that port and was promoted."""
    with servers.scrubjay() as node, node.connect() as connection:
        connection.call("REPLICAOF", "127.0.0.1", port)
        eventually("the data is there", lambda: resp.info(connection)["master_link_status"] == "up", 60)
        connection.call("REPLICAOF", "NO", "ONE")
        return sample_data.contents(connection, databases)


def test_a_backup_is_restored_whole(seen_and_place: tuple[dict[tuple[int, bytes], object], Path]) -> None:
    seen, folder = seen_and_place
    offer = serve.from_backup(at(folder), "shard-0", KEY)
    serve.verify(offer, None, Progress())
    with offered(offer) as port:
        assert loaded(port) == seen


@pytest.mark.parametrize("kind", ["redis62", "redis", "valkey"])
def test_rdb_files_of_real_servers_are_restored(kind: str, tmp_path: Path) -> None:
    with servers.KINDS[kind](directory=tmp_path) as server, server.connect() as connection:
        sample_data.fill(connection, functions=kind != "redis62", field_expiry=kind == "valkey")
        connection.call("SAVE")
        seen = sample_data.contents(connection)
    offer = serve.from_rdb(at(tmp_path), "dump.rdb")
    serve.verify(offer, None, Progress())
    with offered(offer) as port:
        found = loaded(port)
    if kind == "redis62":  # it does not tell expiries
        assert {key: value[1] for key, value in found.items()} == {key: value[1] for key, value in seen.items()}  # type: ignore[index]
    else:
        assert found == seen


@pytest.mark.parametrize("fault", ["flipped", "missing", "wrong key", "no key", "memory", "no manifest", "no rdb"])
def test_what_is_not_good_is_offered_to_nobody(
    seen_and_place: tuple[dict[tuple[int, bytes], object], Path], tmp_path: Path, fault: str
) -> None:
    _, folder = seen_and_place
    copy = tmp_path / "copy"
    for path in folder.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(folder)).write_bytes(path.read_bytes())
    key: bytes | None = KEY
    memory: int | None = None
    part = copy / "shard-0/00001.part"
    if fault == "flipped":
        part.write_bytes(part.read_bytes()[:-1] + b"\x00")
    elif fault == "missing":
        part.unlink()
    elif fault == "no manifest":
        (copy / "manifest.json").unlink()
    elif fault == "memory":
        memory = 1000
    key = {"wrong key": os.urandom(32), "no key": None}.get(fault, key)

    def offer() -> None:
        storage = at(copy)
        found = serve.from_rdb(storage, "shard-0/00000.part") if fault == "no rdb" else serve.from_backup(storage, "shard-0", key)  # fmt: skip
        serve.verify(found, memory, Progress())

    with pytest.raises(BackupError) as error:
        offer()
    reasons = {"flipped": "Damaged", "missing": "PartMissing", "wrong key": "WrongKey", "no key": "KeyMissing"}
    more = {"memory": "TooLittleMemory", "no manifest": "NoBackup", "no rdb": "NotAnRdb"}
    assert error.value.reason == (reasons | more)[fault]
