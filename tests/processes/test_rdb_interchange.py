"""RDB files between us and real servers: Redis 6.2, 7.0 and Valkey write and we read; we write and each of them reads."""

import subprocess
from pathlib import Path

import pytest

import rdb_files
import sample_data
import servers

WRITERS = ["redis", "redis62", "valkey"]


def written_by(kind: str, directory: Path) -> tuple[bytes, dict[tuple[int, bytes], object]]:
    """A file saved by that server, and what a client saw in it."""
    with servers.KINDS[kind](directory=directory) as server, server.connect() as connection:
        sample_data.fill(connection, functions=kind != "redis62", field_expiry=kind == "valkey")
        connection.call("SAVE")
        return (directory / "dump.rdb").read_bytes(), sample_data.contents(connection)


@pytest.mark.parametrize("writer", WRITERS)
def test_files_of_real_servers_are_read_and_ours_are_read_by_them(writer: str, tmp_path: Path) -> None:
    data, seen = written_by(writer, tmp_path / "writer")
    found = rdb_files.collect(data, 1000)
    assert sum(map(len, found.keys.values())) == len(seen)
    ours = rdb_files.file_of(found.keys)
    for reader in WRITERS:
        directory = tmp_path / reader
        directory.mkdir()
        (directory / "dump.rdb").write_bytes(ours)
        with servers.KINDS[reader](directory=directory) as server, server.connect() as connection:
            got = sample_data.contents(connection)
            if "redis62" in (reader, writer):  # 6.2 has no PEXPIRETIME: compare the values
                assert {key: value[1] for key, value in got.items()} == {key: value[1] for key, value in seen.items()}  # type: ignore[index]
            else:
                assert got == seen


def test_our_file_passes_redis_check_rdb(tmp_path: Path) -> None:
    data, _ = written_by("redis", tmp_path / "writer")
    path = tmp_path / "ours.rdb"
    path.write_bytes(rdb_files.file_of(rdb_files.collect(data).keys))
    check = subprocess.run([servers.find("redis-check-rdb"), str(path)], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout
    assert "RDB looks OK!" in check.stdout
