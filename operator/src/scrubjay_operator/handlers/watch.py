"""The only place with Kopf decorators: each watched kind wakes the reconciles of the clusters that an event is about.

Low-level events only: Kopf's diffs, annotations and finalizers are not used, users' objects stay as they wrote them. Children and pods are narrowed by label at the
API server.

Kopf looks up what the API server serves when a CustomResourceDefinition changes, which is a moment too early for a new one: it would never be watched. So when
ours appears, Kopf is started anew as soon as the API server lists it.
"""

import asyncio
import logging
from typing import Any

import kopf

from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.observe.cache import SELECTOR
from scrubjay_operator.observe.kinds import CACHE_CLUSTER, CHILDREN, POD, WATCHED, Kind

log = logging.getLogger(__name__)

DEFINITIONS = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")
DISCOVERY_POLL_S = 0.5
DISCOVERY_SETTLES_S = 1.0


async def watch(kube: KubeClient, inbox: Inbox, namespace: str | None) -> None:
    """Watch until the process is told to stop by a signal."""
    while True:
        again = asyncio.Event()
        await kopf.operator(
            registry=_registry(kube, inbox, again),
            settings=_settings(),
            standalone=True,
            clusterwide=namespace is None,
            namespaces=[] if namespace is None else [namespace],
            stop_flag=again,
        )
        if not again.is_set():
            return
        log.info("the definition of CacheClusters is there: watching them")


def _registry(kube: KubeClient, inbox: Inbox, again: asyncio.Event) -> kopf.OperatorRegistry:
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(*DEFINITIONS, registry=handlers)
    async def defined(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] == "ADDED":
            await _until_served(kube)
            again.set()

    for kind in WATCHED:
        _wake_on_events(handlers, inbox, kind)
    return handlers


def _wake_on_events(handlers: kopf.OperatorRegistry, inbox: Inbox, kind: Kind) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"on_{kind.plural}")
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        inbox.event(kind, event)


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


async def _until_served(kube: KubeClient) -> None:
    while not await _served(kube):  # noqa: ASYNC110 - the API server sends nobody an event when its discovery changes
        await asyncio.sleep(DISCOVERY_POLL_S)
    await asyncio.sleep(DISCOVERY_SETTLES_S)


async def _served(kube: KubeClient) -> bool:
    try:
        return await kube.serves(CACHE_CLUSTER)
    except ApiError as error:
        log.warning("what the API server serves cannot be asked: %s", error)
        return False
