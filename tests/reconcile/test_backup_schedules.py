"""Scheduled backups against a real API server: what is due is made once, what is not kept goes. Time is the test's own."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from localkube.cluster import LocalKube
from scrubjay_operator.act.engines import Engines
from scrubjay_operator.act.events import EventWriter
from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.act.reconcile import Tools
from scrubjay_operator.act.resync import list_everything
from scrubjay_operator.act.schedules import LABEL_SCHEDULE, Schedules
from scrubjay_operator.objects.pod import EngineDefaults
from scrubjay_operator.observe.cache import ObjectCache
from scrubjay_operator.observe.kinds import CACHE_BACKUP

SPEC = {
    "backup": {
        "schedule": "0 3 * * *",
        "retention": {"count": 1},
        "destination": {"s3": {"bucket": "backups", "credentialsSecret": "s"}},
    }
}


def backups(kube: LocalKube, namespace: str) -> dict[str, dict[str, Any]]:
    found = json.loads(kube.kubectl("-n", namespace, "get", "cachebackup", "-o", "json").stdout)
    return {item["metadata"]["name"]: item for item in found["items"]}


def complete(kube: LocalKube, namespace: str, name: str) -> None:
    patch = json.dumps({"status": {"phase": "Completed"}})
    kube.kubectl("-n", namespace, "patch", "cachebackup", name, "--subresource=status", "--type=merge", "-p", patch)


async def served(client: KubeClient, namespace: str) -> None:
    """A definition that is new is answered with 429 for a while."""
    async with asyncio.timeout(60):
        while True:
            try:
                await client.list_all(CACHE_BACKUP, namespace=namespace, labels=LABEL_SCHEDULE)
            except ApiError:
                await asyncio.sleep(0.2)
            else:
                return


async def test_each_time_is_run_once_and_old_backups_go(kube: LocalKube, kubeconfig: None) -> None:
    namespace = f"t-{uuid.uuid4().hex[:8]}"
    kube.kubectl("create", "namespace", namespace)
    body = {"apiVersion": "scrubjay.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": "c"}, "spec": SPEC}
    kube.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(body))
    client = await KubeClient.connect()
    try:
        inbox = Inbox(ObjectCache(), lambda key: None)
        await list_everything(client, inbox, namespace)
        await served(client, namespace)
        tools = Tools(
            kube=client,
            inbox=inbox,
            engines=Engines(lambda key: None),
            events=EventWriter(client, "test"),
            defaults=EngineDefaults("scrubjay-engine:test"),
            active=lambda: True,
        )
        first = (datetime.now(UTC) + timedelta(days=1)).replace(hour=3, minute=0, second=0, microsecond=0)

        async def look(at: datetime) -> list[str]:
            """What there is after an operator that was just started looked at that time."""
            await Schedules(dataclasses.replace(tools, wall=lambda: at), namespace).look()
            return sorted(backups(kube, namespace))

        names = [f"c-{first + timedelta(days=day):%Y%m%d}-0300" for day in range(4)]
        assert await look(datetime.now(UTC)) == []
        assert await look(first) == names[:1]
        assert await look(first + timedelta(days=1)) == names[:1], "one still runs"
        made = backups(kube, namespace)[names[0]]["spec"]
        assert made["cluster"] == {"name": "c"} and made["deletionPolicy"] == "Delete"
        complete(kube, namespace, names[0])
        assert await look(first + timedelta(days=3, hours=5)) == [names[0], names[3]], "missed ones are made up once"
        assert await look(first + timedelta(days=3, hours=6)) == [names[0], names[3]]
        complete(kube, namespace, names[3])
        assert await look(first + timedelta(days=3, hours=7)) == [names[3]]
    finally:
        await client.close()
        kube.kubectl("delete", "namespace", namespace, "--wait=false")
