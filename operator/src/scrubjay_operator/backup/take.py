"""Taking a backup: one image of each shard into storage, read back, and a manifest last.

Rules that keep a bad backup from being called good:
1. The manifest is written when every part is stored and what was stored has been read back with its checksum; never before, never otherwise.
2. A place that holds a manifest is not written to.
3. A run that fails removes what it stored. What it could not remove has no manifest, and is removed by `remove` or by the next run there.
4. A shard's image that broke off is thrown away as a whole and asked for again, from the next node: parts of two images are never mixed.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from scrubjay_operator.backup import codec, read, upload
from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.frames import key_check
from scrubjay_operator.backup.manifest import MANIFEST, STARTED, Manifest, ShardData, ours
from scrubjay_operator.backup.node import About, Address, Image, Node
from scrubjay_operator.backup.progress import Progress
from scrubjay_operator.backup.rdb import Watch
from scrubjay_operator.backup.retry import Retries
from scrubjay_operator.backup.storage import Storage

log = logging.getLogger(__name__)

WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be backed up, and how. `shards`: name -> the nodes that hold its data."""

    name: str
    shards: Mapping[str, Sequence[Address]]
    cluster: str = ""
    cluster_spec: Mapping[str, Any] = field(default_factory=dict)
    compress: bool = True
    key: bytes | None = field(default=None, repr=False)
    part_bytes: int = upload.PART
    read_back: bool = True
    source_retries: Retries = field(default_factory=lambda: Retries(attempts=4, first_s=1.0))


def take(order: Order, storage: Storage, progress: Progress, stop: threading.Event | None = None) -> Manifest:
    """The whole backup. Raises BackupError, with nothing left behind that looks like one."""
    began = datetime.now(UTC)
    if storage.exists(MANIFEST):
        raise BackupError("AlreadyThere", f"{storage.url} holds a backup already: choose another place or remove it")
    left = storage.sizes()
    if left and STARTED not in left:
        raise BackupError(
            "NotEmpty", f"{storage.url} holds other things, as {min(left)}: give the backup a place of its own"
        )
    try:
        storage.remove(ours(left))
        storage.put(STARTED, json.dumps({"name": order.name, "startedAt": began.isoformat()}).encode())
        manifest = _store(order, storage, progress, stop or threading.Event(), began)
        progress.enter("Finishing")
        storage.put(MANIFEST, manifest.to_json())
        storage.remove([STARTED])
    except BaseException:
        _clean_up(storage)
        raise
    return manifest


def _clean_up(storage: Storage) -> None:
    """The manifest first: without it nothing there counts as a backup."""
    try:
        storage.remove([MANIFEST])
        storage.remove(ours(storage.sizes()))
    except BackupError as error:
        log.warning("what was stored so far could not be removed from %s: %s", storage.url, error)


def _store(order: Order, storage: Storage, progress: Progress, stop: threading.Event, began: datetime) -> Manifest:
    progress.enter("Uploading")
    with ThreadPoolExecutor(4, "shard") as pool:
        jobs = [
            pool.submit(_shard, order, name, nodes, storage, progress, stop) for name, nodes in order.shards.items()
        ]
        try:
            found = [job.result() for job in jobs]
        except BaseException:
            stop.set()
            raise
    manifest = Manifest(
        name=order.name,
        cluster=order.cluster,
        cluster_spec=dict(order.cluster_spec),
        engine_version=found[0][1] if found else "",
        operator_version=metadata.version("scrubjay-operator"),
        started_at=began,
        finished_at=datetime.now(UTC),
        compression="zstd" if order.compress else "none",
        encryption="none" if order.key is None else "aes-256-gcm",
        key_check=None if order.key is None else key_check(order.key),
        shards=tuple(shard for shard, _ in found),
    )
    progress.enter("Verifying")
    if order.read_back:
        read.check(manifest, storage, progress, stop)
    else:
        read.check_sizes(manifest, storage)
    return manifest


def _shard(
    order: Order, name: str, nodes: Sequence[Address], storage: Storage, progress: Progress, stop: threading.Event
) -> tuple[ShardData, str]:
    tried: list[Address] = []

    def attempt() -> tuple[ShardData, str]:
        if stop.is_set():
            raise upload.Stopped
        node, about = choose(nodes, tried)
        tried.append(node)
        storage.remove(ours(storage.sizes(name)))
        return _from_node(order, name, node, about, storage, progress, stop), about.version

    return order.source_retries.run(f"the image of shard {name}", attempt)


def choose(nodes: Sequence[Address], tried: Sequence[Address] = ()) -> tuple[Address, About]:
    """The node to read from: a replica in sync, not one that failed us before if there is another, the most advanced; the primary only if there is none."""
    known: list[tuple[Address, About]] = []
    silent: list[str] = []
    for address in nodes:
        try:
            with Node(address) as node:
                known.append((address, node.about()))
        except BackupError as error:
            if error.reason == "SourceRefuses":
                raise
            silent.append(str(error))
    able = [(address, about) for address, about in known if about.link_up]
    if not able:
        reasons = "; ".join(silent) or "the nodes are replicas whose link to their primary is down"
        raise BackupError("NoSource", f"no node can give an image: {reasons}", again=True)
    chosen = min(able, key=lambda it: (it[1].role != "replica", tried.count(it[0]), -it[1].offset))
    if chosen[1].role == "primary":
        log.warning("there is no replica in sync: the image is taken from the primary, %s", chosen[0])
    return chosen


def _from_node(
    order: Order, name: str, address: Address, about: About, storage: Storage, progress: Progress, stop: threading.Event
) -> ShardData:
    watch, digest = Watch(), hashlib.sha256()
    done = threading.Event()

    def passing(image: Image) -> Iterator[bytes]:
        for piece in image:
            watch.feed(piece)
            digest.update(piece)
            yield piece

    with Node(address) as node:
        image = node.image()
        follower = threading.Thread(
            target=_follow, args=(address, progress, done), name=f"progress-{name}", daemon=True
        )
        follower.start()
        try:
            data = codec.stored(passing(image), compress=order.compress, key=order.key)
            files = upload.upload(storage, name, data, progress, part_bytes=order.part_bytes, stop=stop)
        finally:
            done.set()
            follower.join()
    facts = watch.finish()
    keys = facts.get("scrubjay-keys", "")
    return ShardData(
        name=name,
        source=str(address),
        source_role="replica" if about.role == "replica" else "primary",
        replication_id=image.replication_id,
        offset=image.offset,
        taken_at=datetime.fromtimestamp(image.moment, UTC),
        keys=int(keys) if keys.isdigit() else None,
        used_memory=int(facts["used-mem"]) if facts.get("used-mem", "").isdigit() else about.used_memory,
        rdb_version=watch.version,
        rdb_bytes=watch.size,
        rdb_sha256=digest.hexdigest(),
        stored_bytes=sum(file.bytes for file in files),
        files=files,
    )


def _follow(address: Address, progress: Progress, done: threading.Event) -> None:
    """How far the node is with its image, asked each second; only for people to see, so a failure here is no failure of the backup."""
    try:
        with Node(address, silence=5.0) as node:
            while not done.wait(WATCH_S):
                info = node.info()
                total = int(info.get("current_save_keys_total") or 0)
                if total:
                    progress.reach(95 * int(info.get("current_save_keys_processed") or 0) / total)
                progress.tell()
    except (BackupError, ValueError) as error:
        log.info("the progress of %s is not known any more: %s", address, error)
