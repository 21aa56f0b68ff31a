"""The Lease: one leads at a time, and stops before another can begin. A Lease in memory, and clocks of the test's own."""

import asyncio
import copy
from typing import Any, cast

from scrubjay_operator.act.kube import ApiError, KubeClient, Manifest
from scrubjay_operator.act.leadership import Leadership
from scrubjay_operator.observe.kinds import Kind


class LeaseStore:
    """The three calls that Leadership makes, on one object, with compare-and-swap. `away`: the API server does not answer."""

    def __init__(self) -> None:
        self.lease: Manifest | None = None
        self.away = False

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        await self._reach()
        if self.lease is None:
            raise ApiError(404, "NotFound", "no such Lease")
        return copy.deepcopy(self.lease)

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        await self._reach()
        if self.lease is not None:
            raise ApiError(409, "AlreadyExists", "it exists")
        return self._put(manifest)

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        await self._reach()
        assert self.lease is not None
        if manifest["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "it was changed")
        return self._put(manifest)

    async def _reach(self) -> None:
        if self.away:
            raise ApiError(0, "Unreachable", "the API server is away")

    def _put(self, manifest: Manifest) -> Manifest:
        version = 1 + int(((self.lease or {}).get("metadata") or {}).get("resourceVersion", 0))
        self.lease = copy.deepcopy(manifest)
        self.lease["metadata"]["resourceVersion"] = str(version)
        return self.lease


class Candidate:
    """One Leadership with a clock that the test moves."""

    def __init__(self, store: LeaseStore, name: str) -> None:
        self.now = 1000.0
        self.leadership = Leadership(cast(KubeClient, store), "ns", "lease", name, duration=4.0, clock=lambda: self.now)

    def try_once(self) -> bool:
        asyncio.run(self.leadership._round())
        return self.leadership.active()


def holder(store: LeaseStore) -> Any:
    assert store.lease is not None
    return store.lease["spec"]["holderIdentity"]


def test_the_first_wins_and_the_second_waits() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "first"), Candidate(store, "second")
    assert first.try_once()
    assert not second.try_once()
    assert holder(store) == "first"


def test_a_holder_that_renews_is_never_replaced() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "first"), Candidate(store, "second")
    for _ in range(20):
        assert first.try_once()
        assert not second.try_once()
        first.now += 1
        second.now += 1


def test_a_silent_holder_stops_before_the_next_begins() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "first"), Candidate(store, "second")
    first.try_once()
    second.try_once()
    term = first.leadership.term
    while not second.try_once():
        first.now += 0.25
        second.now += 0.25
        assert first.now < 1010
    assert not first.leadership.active()
    assert second.leadership.term == term + 1


def test_clocks_that_differ_by_hours_do_not_matter() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "first"), Candidate(store, "second")
    second.now += 5 * 3600
    first.try_once()
    assert not second.try_once()


def test_a_holder_that_cannot_renew_stops_by_itself() -> None:
    store = LeaseStore()
    first = Candidate(store, "first")
    assert first.try_once()
    store.away = True
    first.now += 2.9
    assert first.try_once(), "its Lease is still good"
    first.now += 0.2
    assert not first.try_once()


def test_one_that_was_frozen_does_not_act_on_when_it_wakes() -> None:
    store = LeaseStore()
    first = Candidate(store, "first")
    first.try_once()
    first.now += 60
    assert not first.leadership.active()


def test_a_lease_that_was_deleted_begins_with_a_higher_term() -> None:
    store = LeaseStore()
    first = Candidate(store, "first")
    first.try_once()
    assert first.leadership.term > 29_000_000


def test_a_clean_end_hands_the_lease_back() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "first"), Candidate(store, "second")
    first.try_once()
    second.try_once()
    asyncio.run(first.leadership._release())
    assert second.try_once(), "it need not wait"
