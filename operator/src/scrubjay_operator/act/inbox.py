"""Where watch events arrive: into the cache, and from there to the queue of clusters. The handlers call nothing else."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scrubjay_operator.observe.cache import ObjectCache
from scrubjay_operator.observe.kinds import Kind
from scrubjay_operator.observe.snapshot import Key, Manifest


class Inbox:
    """The one writer of the cache. `wake` is called for each cluster that has news."""

    def __init__(self, cache: ObjectCache, wake: Callable[[Key], None]) -> None:
        self.cache = cache
        self._wake = wake

    def event(self, kind: Kind, event: Mapping[str, Any]) -> None:
        """One watch event: ADDED, MODIFIED, DELETED, or None for an object that was listed."""
        take = self.cache.remove if event["type"] == "DELETED" else self.cache.put
        self._wake_all(take(kind, event["object"]))

    def answer(self, kind: Kind, body: Manifest) -> None:
        """What the API server answered to our own write: known at once, not when the watch brings it."""
        self._wake_all(self.cache.put(kind, body))

    def listing(self, kind: Kind, bodies: Iterable[Manifest], version: str) -> None:
        """A whole list, which also tells what is not there any more."""
        self._wake_all(self.cache.replace(kind, bodies, version))

    def _wake_all(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._wake(key)
