"""The safety net: every kind listed in full, at the start of a leadership and every few minutes, so that no missed watch event stays missed."""

import asyncio
import logging
import random

from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.act.queue import backoff
from scrubjay_operator.observe.cache import SELECTOR
from scrubjay_operator.observe.kinds import CACHE_CLUSTER, NODE, WATCHED, Kind

log = logging.getLogger(__name__)

EVERY_S = 300.0


async def list_everything(kube: KubeClient, inbox: Inbox, namespace: str | None) -> None:
    """One list call a kind, narrowed to our own objects. Raises ApiError."""
    for kind in WATCHED:
        await _list_kind(kube, inbox, kind, namespace)


async def until_listed(kube: KubeClient, inbox: Inbox, namespace: str | None) -> None:
    """As list_everything, again and again until it succeeds: nothing may be decided on a cache with holes."""
    failures = 0
    while True:
        try:
            return await list_everything(kube, inbox, namespace)
        except ApiError as error:
            failures += 1
            delay = min(10.0, backoff(failures))
            log.warning("the present objects cannot be listed, next attempt in %.1f s: %s", delay, error)
            await asyncio.sleep(delay)


async def keep_listing(kube: KubeClient, inbox: Inbox, namespace: str | None) -> None:
    """List everything every few minutes, for ever."""
    while True:
        await asyncio.sleep(EVERY_S * random.uniform(0.8, 1.2))
        await until_listed(kube, inbox, namespace)


async def _list_kind(kube: KubeClient, inbox: Inbox, kind: Kind, namespace: str | None) -> None:
    labels = "" if kind in (CACHE_CLUSTER, NODE) else SELECTOR
    try:
        listing = await kube.list_all(kind, namespace=namespace, labels=labels)
    except ApiError as error:
        if not error.gone:
            raise
        inbox.listing(kind, (), str(2**63))
        return
    inbox.listing(kind, listing.items, listing.resource_version)
