"""The only place with Kopf decorators: each watched kind wakes the reconciles of the clusters that an event is about.

Low-level events only: Kopf's diffs, annotations and finalizers are not used, users' objects stay as they wrote them. Children and pods are narrowed by label at the
API server.

Kopf has a thread and an event loop of its own, because when it ends it cancels every task of its loop. It is ended and started anew when the definition of
CacheClusters appears: Kopf looks up what the API server serves when a definition changes, which is a moment too early for a new one, so that it would never be watched.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import kopf

from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.api.names import OPERATOR
from scrubjay_operator.observe.cache import SELECTOR
from scrubjay_operator.observe.kinds import CACHE_BACKUP, CACHE_CLUSTER, CHILDREN, POD, WATCHED, Kind

log = logging.getLogger(__name__)

DEFINITIONS = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")
DISCOVERY_POLL_S = 0.5
DISCOVERY_SETTLES_S = 1.0
CONNECTIONS_CLOSE_S = 0.25

Take = Callable[[Kind, kopf.RawEvent], None]


async def watch(
    kube: KubeClient,
    inbox: Inbox,
    namespace: str | None,
    backup: Callable[[kopf.RawEvent], None] = lambda event: None,
) -> None:
    """Watch until cancelled. `backup` gets the events of CacheBackups."""
    while await _watch_once(kube, inbox, namespace, backup):
        log.info("the definition of CacheClusters is there: watching them")
    raise RuntimeError("the watches have ended by themselves, see the log above")


async def _watch_once(
    kube: KubeClient, inbox: Inbox, namespace: str | None, backup: Callable[[kopf.RawEvent], None]
) -> bool:
    """Kopf from its start to its end. Returns whether it is to be started again."""
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    appeared = asyncio.Event()
    registry = _registry(
        lambda kind, event: (
            _hand_over(loop, backup, event) if kind is CACHE_BACKUP else _hand_over(loop, inbox.event, kind, event)
        ),
        lambda: _hand_over(loop, appeared.set),
    )
    restarter = asyncio.create_task(_stop_when_served(kube, appeared, stop))
    running = asyncio.create_task(asyncio.to_thread(_run_kopf, registry, namespace, stop))
    try:
        await asyncio.shield(running)
    finally:
        stop.set()
        restarter.cancel()
        await asyncio.wait((running,))
    return appeared.is_set()


def _run_kopf(registry: kopf.OperatorRegistry, namespace: str | None, stop: threading.Event) -> None:
    """Kopf, in this thread, until the flag is set. It asks for a name, and would look its user up, who has no entry in the image."""
    os.environ.setdefault("POD_ID", OPERATOR)
    asyncio.run(_kopf(registry, namespace, stop))


async def _kopf(registry: kopf.OperatorRegistry, namespace: str | None, stop: threading.Event) -> None:
    await kopf.operator(
        registry=registry,
        settings=_settings(),
        standalone=True,
        clusterwide=namespace is None,
        namespaces=[] if namespace is None else [namespace],
        stop_flag=stop,
    )
    await asyncio.sleep(CONNECTIONS_CLOSE_S)


def _registry(take: Take, appeared: Callable[[], None]) -> kopf.OperatorRegistry:
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(*DEFINITIONS, registry=handlers)
    async def defined(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] == "ADDED":
            appeared()

    for kind in (*WATCHED, CACHE_BACKUP):
        _wake_on_events(handlers, take, kind)
    return handlers


def _wake_on_events(handlers: kopf.OperatorRegistry, take: Take, kind: Kind) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"on_{kind.plural}")
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        take(kind, event)


def _hand_over(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Call it on the operator's own loop, which may have ended by now."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, *arguments)


def _settings() -> kopf.OperatorSettings:
    """No posting by Kopf, watches that notice their own death."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 5
    settings.watching.inactivity_timeout = 120
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = (0.2, 0.5, 1, 2, 5)
    settings.queueing.idle_timeout = 1.0
    for kind in (*CHILDREN, POD):
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    settings.watching.field_selectors[DEFINITIONS] = f"metadata.name={CACHE_CLUSTER.plural}.{CACHE_CLUSTER.group}"
    return settings


async def _stop_when_served(kube: KubeClient, appeared: asyncio.Event, stop: threading.Event) -> None:
    await appeared.wait()
    while not await _served(kube):  # noqa: ASYNC110 - the API server sends nobody an event when its discovery changes
        await asyncio.sleep(DISCOVERY_POLL_S)
    await asyncio.sleep(DISCOVERY_SETTLES_S)
    stop.set()


async def _served(kube: KubeClient) -> bool:
    try:
        return await kube.serves(CACHE_CLUSTER)
    except ApiError as error:
        log.warning("what the API server serves cannot be asked: %s", error)
        return False
