"""`python -m scrubjay_operator.backup`: take, list, check, fetch and remove backups. Jobs run it with arguments; people may, too.

    take    --to s3://bucket/nightly --shard shard-0=cache-0-0:6379,cache-0-1:6379
    check   --from s3://bucket/nightly
    fetch   --from s3://bucket/nightly --output folder      (one .rdb a shard, decrypted and decompressed: any Redis tool reads it)
    serve   --from s3://bucket/nightly --port 6400            (REPLICAOF this address loads it)
    remove  --at s3://bucket/nightly

The encryption key is read from the file named by --key-file, the node's password from --password-file or SCRUBJAY_PASSWORD. Exit status 0: done; 1: it failed
and may succeed another time; 2: it failed and will again. The last line says why in words.
"""

import argparse
import json
import logging
import os
import signal
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from scrubjay_operator.backup import read, serve, upload
from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.frames import read_key
from scrubjay_operator.backup.manifest import Manifest
from scrubjay_operator.backup.node import Address
from scrubjay_operator.backup.progress import Progress, failed, tell_result
from scrubjay_operator.backup.retry import Retries
from scrubjay_operator.backup.storage import Storage, open_storage
from scrubjay_operator.backup.take import Order, take


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scrubjay_operator.backup", description="Backups of caches.")
    parser.add_argument("--attempts", type=int, default=6, help="how often a call to the storage is tried (default 6)")
    parser.add_argument("--key-file", type=Path, help="file with the encryption key: 32 bytes, raw, hex or base64")
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser("take", help="take a backup of running nodes")
    taking.add_argument("--to", required=True, metavar="URL", help="s3://, gs://, az:// or file:///, and a folder")
    taking.add_argument("--shard", required=True, action="append", metavar="NAME=HOST:PORT,...")
    taking.add_argument("--name", default="backup", help="name of the backup")
    taking.add_argument("--cluster", default="", help="what it is a backup of, for the manifest")
    taking.add_argument("--no-compression", action="store_true", help="store the RDB as it comes")
    taking.add_argument("--no-read-back", action="store_true", help="compare sizes only, not checksums")
    taking.add_argument("--part-bytes", type=int, default=upload.PART, help="size of the stored parts")
    taking.add_argument("--user", default="", help="user to log in to the nodes as")
    taking.add_argument("--password-file", type=Path, help="file with the nodes' password")
    taking.add_argument("--tls-ca", type=Path, help="speak TLS and trust this CA")
    checking = commands.add_parser("check", help="read a backup and compare every checksum")
    fetching = commands.add_parser("fetch", help="write each shard's RDB to a folder")
    for command in (checking, fetching):
        command.add_argument("--from", dest="at", required=True, metavar="URL")
    fetching.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    serving = commands.add_parser("serve", help="give a backup, or an RDB, to a node that follows this address")
    serving.add_argument("--from", dest="at", required=True, metavar="URL")
    serving.add_argument("--shard", default="shard-0", help="which shard of the backup")
    serving.add_argument("--rdb", metavar="PATH", help="a file below the URL instead of a backup")
    serving.add_argument("--port", type=int, default=6379, help="where to listen")
    serving.add_argument("--memory", type=int, help="bytes that the node has for data")
    removing = commands.add_parser("remove", help="delete a backup")
    removing.add_argument("--at", required=True, metavar="URL")
    return parser.parse_args(words)


def _key(options: argparse.Namespace) -> bytes | None:
    if options.key_file is None:
        return None
    try:
        return read_key(options.key_file.read_bytes())
    except OSError as error:
        raise BackupError("KeyMissing", f"the encryption key cannot be read: {error}") from error


def _addresses(options: argparse.Namespace) -> dict[str, list[Address]]:
    password = os.environ.get("SCRUBJAY_PASSWORD", "")
    if options.password_file is not None:
        password = options.password_file.read_text().rstrip("\r\n")
    tls = ssl.create_default_context(cafile=options.tls_ca) if options.tls_ca is not None else None
    shards: dict[str, list[Address]] = {}
    for word in options.shard:
        name, found, nodes = word.partition("=")
        if not found or not nodes:
            raise BackupError("BadArguments", f"--shard {word}: write NAME=HOST:PORT,HOST:PORT")
        for node in nodes.split(","):
            host, _, port = node.rpartition(":")
            if not host or not port.isdigit():
                raise BackupError("BadArguments", f"--shard {word}: {node} is not HOST:PORT")
            shards.setdefault(name, []).append(Address(host.strip("[]"), int(port), options.user, password, tls))
    return shards


def _take(options: argparse.Namespace, storage: Storage, stop: threading.Event) -> dict[str, Any]:
    progress = Progress()
    order = Order(
        name=options.name,
        shards=_addresses(options),
        cluster=options.cluster,
        cluster_spec=json.loads(os.environ.get("SCRUBJAY_CLUSTER_SPEC") or "{}"),
        compress=not options.no_compression,
        key=_key(options),
        part_bytes=options.part_bytes,
        read_back=not options.no_read_back,
    )
    manifest = take(order, storage, progress, stop)
    return summary(manifest) | {"seconds": round(progress.seconds(), 1)}


def summary(manifest: Manifest) -> dict[str, Any]:
    """What a good backup says of itself at its end."""
    return {
        "phase": "Completed",
        "percent": 100,
        "bytes": manifest.stored_bytes,
        "rdbBytes": manifest.rdb_bytes,
        "keys": manifest.keys,
        "fromPrimary": [shard.name for shard in manifest.shards if shard.source_role == "primary"],
        "engineVersion": manifest.engine_version,
    }


def _check(options: argparse.Namespace, storage: Storage) -> dict[str, Any]:
    manifest = read.open_backup(storage)
    progress = Progress("Verifying")
    read.check(manifest, storage, progress)
    if options.key_file is not None:
        for shard in manifest.shards:
            for _ in read.rdb(shard, manifest, storage, _key(options)):
                pass
    return summary(manifest)


def _fetch(options: argparse.Namespace, storage: Storage) -> dict[str, Any]:
    manifest = read.open_backup(storage)
    key = read.need_key(manifest, _key(options))
    options.output.mkdir(parents=True, exist_ok=True)
    progress = Progress("Downloading")
    for shard in manifest.shards:
        whole = options.output / f"{shard.name}.rdb"
        partial = whole.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                for piece in read.rdb(shard, manifest, storage, key):
                    file.write(piece)
                    progress.add(len(piece))
            partial.replace(whole)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    return summary(manifest)


def _serve(options: argparse.Namespace, storage: Storage, stop: threading.Event) -> dict[str, Any]:
    progress = Progress("Verifying")
    offer = (
        serve.from_rdb(storage, options.rdb)
        if options.rdb
        else serve.from_backup(storage, options.shard, _key(options))
    )
    serve.verify(offer, options.memory, progress)
    serve.RestoreServer(offer, progress, port=options.port).serve(stop)
    return {"phase": "Completed", "percent": 100, "keys": offer.keys, "rdbBytes": offer.size}


def run(options: argparse.Namespace, stop: threading.Event) -> dict[str, Any]:
    """One command; its result. Raises BackupError."""
    storage = open_storage(options.to if options.command == "take" else options.at, retries=Retries(options.attempts))
    if options.command == "take":
        return _take(options, storage, stop)
    if options.command == "serve":
        return _serve(options, storage, stop)
    if options.command == "check":
        return _check(options, storage)
    if options.command == "fetch":
        return _fetch(options, storage)
    return {"phase": "Removed", "objects": read.remove(storage)}


def main(words: list[str] | None = None) -> int:
    """The program."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    options = _arguments(words)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        result = run(options, stop)
    except BackupError as error:
        tell_result(failed(error))
        return 1 if error.later else 2
    tell_result(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
