"""Backups on a real Kubernetes: a cache under writes into an S3 server, and out of it again."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

import s3_pod
from cache import Caches
from kube import ClientPod, Kube
from s3_pod import Store

FILL = """
import redis, sys
r = redis.Redis(host=sys.argv[1])
with r.pipeline(transaction=False) as p:
    for n in range(20000):
        p.set(f"string:{n}", "x" * (n % 300))
    for n in range(200):
        p.hset(f"hash:{n}", mapping={f"f{i}": i for i in range(n % 40 + 1)})
        p.rpush(f"list:{n}", *range(n + 1))
        p.sadd(f"set:{n}", *range(n + 1))
        p.zadd(f"zset:{n}", {f"m{i}": i / 3 for i in range(n + 1)})
        p.xadd(f"stream:{n}", {"a": n}, id=f"{n + 1}-1")
        p.xgroup_create(f"stream:{n}", "group", id="0")
        p.set(f"expires:{n}", n, pxat=4102444800000 + n)
    p.function_load("#!lua name=lib\\nredis.register_function('answer', function() return 42 end)", replace=True)
    p.execute()
"""
DUMP = """
import hashlib, redis, sys
r = redis.Redis(host=sys.argv[1])
found, keys = hashlib.sha256(), sorted(k for k in r.keys("*") if not k.startswith(b"load"))
for at in range(0, len(keys), 500):
    with r.pipeline(transaction=False) as p:
        for key in keys[at:at + 500]:
            p.dump(key); p.pexpiretime(key); p.type(key)
        found.update(repr(p.execute()).encode())
print(len(keys), found.hexdigest(), r.fcall("answer", 0))
"""
LOAD = """
import redis, sys
r = redis.Redis(host=sys.argv[1])
for n in range(10 ** 9):
    r.rpush("load", n)
    if n % 100 == 0: r.set("load:" + str(n), n)
"""
SEQUENCE = """
import redis, sys
r = redis.Redis(host=sys.argv[1])
found = [int(n) for n in r.lrange("load", 0, -1)]
keys = {int(k.split(b":")[1]) for k in r.scan_iter("load:*", count=1000)}
last = len(found) - 1
whole = found == list(range(len(found))) and keys >= set(range(0, last, 100)) and keys <= set(range(0, last + 1, 100))
print("whole" if whole else "torn", len(found))
"""
KEY = base64.b64encode(os.urandom(32)).decode()


@pytest.fixture(scope="module")
def with_s3(kube: Kube) -> Kube:
    s3_pod.put_image(kube)
    return kube


@pytest.fixture
def store(with_s3: Kube, caches: Caches) -> Iterator[Store]:
    made = Store(with_s3, caches.namespace)
    made.start("backups")
    yield made


def backup(caches: Caches, name: str, **spec: Any) -> None:
    body = {
        "apiVersion": "scrubjay.dev/v1alpha1",
        "kind": "CacheBackup",
        "metadata": {"name": name},
        "spec": {"cluster": {"name": "source"}} | spec,
    }
    caches.kube.apply(body, caches.namespace)


def status(caches: Caches, name: str) -> dict[str, Any]:
    found: dict[str, Any] = caches.kube.get("cachebackup", name, caches.namespace).get("status", {})
    return found


def ended(caches: Caches, name: str) -> dict[str, Any]:
    """The status when it is over."""

    def over() -> dict[str, Any]:
        found = status(caches, name)
        return found if found.get("phase") in ("Completed", "Failed") else {}

    return caches.until(f"CacheBackup {name} is over", over, 90)


def test_backup_under_load(caches: Caches, client: ClientPod, store: Store) -> None:
    caches.apply("source", replicasPerShard=1)
    caches.wait_ready("source")
    client.run("python", "-c", FILL, "source")
    before = client.run("python", "-c", DUMP, "source")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "data": {"key": KEY}}
    caches.kube.apply(secret, caches.namespace)
    client.run("sh", "-c", f"python -c '{LOAD}' source >/tmp/load 2>&1 & echo started")
    encryption = {"keySecret": {"name": "key", "key": "key"}}
    backup(caches, "one", destination=store.destination("backups"), encryption=encryption, deletionPolicy="Delete")
    found = ended(caches, "one")
    assert found["phase"] == "Completed", json.dumps(found, indent=1)
    assert found["percent"] == 100 and found["keys"] > 21000 and not found.get("fromPrimary"), found
    told = caches.kubectl("get", "cachebackup", "one")
    assert "Completed" in told and "source" in told
    assert "read back and verified" in caches.kubectl("describe", "cachebackup", "one")

    assert before == client.run("python", "-c", DUMP, "source")

    caches.apply("copy", replicasPerShard=1, bootstrap={"fromBackup": {"name": "one"}})
    caches.wait_ready("copy")
    assert before == client.run("python", "-c", DUMP, "copy")
    sequence = client.run("python", "-c", SEQUENCE, "copy").split()
    assert sequence[0] == "whole" and int(sequence[1]) > 0, sequence
    assert "CacheBackup one is restored" in caches.kubectl("describe", "cachecluster", "copy")
    caches.kubectl("delete", "cachebackup", "one", "--timeout=60s")


def test_what_goes_wrong_is_told_and_nothing_serves(caches: Caches, client: ClientPod, store: Store) -> None:
    caches.apply("source", replicasPerShard=0)
    caches.wait_ready("source")
    client.redis_cli("source", "SET", "a", "1")
    store.credentials("wrong", "wrong")
    backup(caches, "refused", destination=store.destination("backups", "wrong"))
    refused = ended(caches, "refused")
    assert refused["phase"] == "Failed"
    assert [c["reason"] for c in refused["conditions"]] == ["WrongCredentials"], refused
    backup(caches, "good", destination=store.destination("backups"))
    assert ended(caches, "good")["fromPrimary"] == ["shard-0"]
    caches.apply("copy", replicasPerShard=0, bootstrap={"fromBackup": {"name": "refused"}})
    caches.until(
        "it says that there is no good backup",
        lambda: "CacheBackup refused is no good backup" in caches.condition("copy", "Ready")["message"],
    )
    assert not caches.status("copy")["shards"][0].get("primary")
