"""The only place with Kopf decorators: each watched kind wakes the reconciles of the clusters that an event is about.

Low-level events only: Kopf's diffs, annotations and finalizers are not used, users' objects stay as they wrote them. Children and pods are narrowed by label at the API server.
"""

from typing import Any

import kopf

from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.observe.cache import SELECTOR
from scrubjay_operator.observe.kinds import CHILDREN, POD, WATCHED, Kind


def registry(inbox: Inbox) -> kopf.OperatorRegistry:
    """The handlers: one for each kind, all alike."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    for kind in WATCHED:
        _watch(handlers, inbox, kind)
    return handlers


def settings() -> kopf.OperatorSettings:
    """Kopf's settings: no posting of its own, watches that notice their own death, events handed over at once."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 330
    chosen.watching.connect_timeout = 5
    chosen.watching.inactivity_timeout = 120
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    chosen.networking.error_backoffs = (0.2, 0.5, 1, 2, 5)
    chosen.queueing.idle_timeout = 1.0
    for kind in (*CHILDREN, POD):
        chosen.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    return chosen


def _watch(handlers: kopf.OperatorRegistry, inbox: Inbox, kind: Kind) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"on_{kind.plural}")
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        inbox.event(kind, event)
