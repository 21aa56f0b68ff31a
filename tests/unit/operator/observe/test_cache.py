"""The cache of objects: newer versions win whichever way they come, and what a list does not show is gone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.observe.cache import ObjectCache
from scrubjay_operator.observe.kinds import CACHE_CLUSTER, NODE, POD, SERVICE

KEY = ("ns", "a")


def service(version: int, uid: str = "u", **spec: Any) -> dict[str, Any]:
    metadata = {
        "name": "a",
        "namespace": "ns",
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {"scrubjay.dev/cluster": "a"},
    }
    return {"metadata": metadata | {"managedFields": [1]}, "spec": spec}


def pod(version: int, node: str = "n1") -> dict[str, Any]:
    metadata = service(version, "p")["metadata"] | {"name": "a-0-0", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": {}}


def node(version: int, ready: str) -> dict[str, Any]:
    metadata = {"name": "n1", "uid": "n", "resourceVersion": str(version)}
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def test_an_older_version_never_overwrites_a_newer_one() -> None:
    cache = ObjectCache()
    assert cache.put(SERVICE, service(5)) == {KEY}
    assert cache.put(SERVICE, service(4)) == set()


def test_a_late_event_does_not_bring_back_what_was_deleted() -> None:
    cache = ObjectCache()
    cache.put(SERVICE, service(5))
    assert cache.remove(SERVICE, service(6)) == {KEY}
    assert cache.put(SERVICE, service(5)) == set()
    assert cache.put(SERVICE, service(7, uid="another")) == {KEY}


def test_a_list_tells_what_is_gone_but_not_what_is_newer_than_it() -> None:
    cache = ObjectCache()
    cache.put(SERVICE, service(5))
    assert cache.replace(SERVICE, [], "4") == set()
    assert cache.replace(SERVICE, [], "5") == {KEY}


def test_news_of_a_node_is_news_for_the_clusters_on_it() -> None:
    cache = ObjectCache()
    cache.put(POD, pod(1))
    assert cache.put(NODE, node(2, "True")) == {KEY}
    assert cache.put(NODE, node(3, "True")) == set(), "nothing that matters changed"
    assert cache.put(NODE, node(4, "False")) == {KEY}


def test_an_unusable_spec_is_kept_with_its_reason() -> None:
    cache = ObjectCache()
    body = {"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "1"}, "spec": {"shards": 3}}
    cache.put(CACHE_CLUSTER, body)
    view = cache.cluster(KEY)
    assert view is not None
    assert view.cluster is None
    assert "shards" in view.error


@given(st.booleans(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_of_one_object_arrive_does_not_matter(deleted: bool, chance: Any) -> None:
    life = [("put", version) for version in range(1, 6)]
    if deleted:
        life.append(("remove", 6))
    results = set()
    for _ in range(4):
        chance.shuffle(life)
        cache = ObjectCache()
        for move, version in life:
            (cache.put if move == "put" else cache.remove)(SERVICE, service(version, port=version))
        results.add(cache._entries.get("Service", {}).get(("ns", "a")))
    assert len(results) == 1
