"""The operator's process: settings from the environment, then watches, Lease, workers and the HTTP port on one event loop.

`scrubjay-operator` takes no arguments: what it is told, it is told by SCRUBJAY_* variables (api/settings.py), which the chart sets.
"""

import asyncio
import logging
import os
import signal
import sys
import uuid

import uvloop

from scrubjay_operator.act import http
from scrubjay_operator.act.backups import Backups
from scrubjay_operator.act.engines import Engines
from scrubjay_operator.act.events import EventWriter
from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import KubeClient, NoCluster
from scrubjay_operator.act.leadership import Leadership
from scrubjay_operator.act.logs import set_up_logging
from scrubjay_operator.act.loop import Loop
from scrubjay_operator.act.queue import WorkQueue
from scrubjay_operator.act.reconcile import Tools
from scrubjay_operator.api.names import OPERATOR_LEASE
from scrubjay_operator.api.settings import InvalidSettings, Settings
from scrubjay_operator.handlers.watch import watch
from scrubjay_operator.objects.backupjob import Program
from scrubjay_operator.objects.pod import EngineDefaults
from scrubjay_operator.observe.cache import ObjectCache
from scrubjay_operator.observe.snapshot import Key

log = logging.getLogger("scrubjay_operator")


async def operate(settings: Settings) -> None:
    """Run until told to stop by SIGTERM or SIGINT."""
    queue: WorkQueue[Key] = WorkQueue()
    inbox = Inbox(ObjectCache(), queue.wake)
    kube = await KubeClient.connect()
    identity = f"{settings.pod_name}_{uuid.uuid4().hex[:8]}"
    leadership = Leadership(kube, settings.namespace, OPERATOR_LEASE, identity)
    tools = Tools(
        kube=kube,
        inbox=inbox,
        engines=Engines(queue.wake, term=lambda: leadership.term if leadership.active() else None),
        events=EventWriter(kube, settings.pod_name),
        defaults=EngineDefaults(settings.engine_image, settings.engine_pull_policy),
        active=leadership.active,
        term=lambda: leadership.term,
        program=Program(settings.operator_image, settings.operator_pull_policy),
        led_since=lambda: leadership.took_over_at,
    )
    namespace = settings.watch_namespace or None
    backups = Backups(tools, namespace)
    loop = Loop(queue, tools, namespace, backups)
    runner = await http.serve("", settings.http_port, loop.stuck)
    election = asyncio.create_task(leadership.run(loop.start, loop.stop))
    watching = asyncio.create_task(watch(kube, inbox, namespace, backups.event))
    told = asyncio.create_task(_told_to_stop())
    try:
        done, _ = await asyncio.wait((election, watching, told), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        loop.stop()
        for task in (election, watching, told):
            task.cancel()
        await asyncio.gather(election, watching, told, return_exceptions=True)
        await runner.cleanup()
        await kube.close()


async def _told_to_stop() -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    log.info("told to stop")


def main() -> None:
    """The console script."""
    try:
        settings = Settings.read(os.environ)
    except InvalidSettings as error:
        sys.exit(f"scrubjay-operator cannot start: {error}")
    set_up_logging(settings.log_level, settings.log_format)
    log.info("scrubjay-operator starts: %s", settings)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(operate(settings))
    except NoCluster as error:
        sys.exit(f"scrubjay-operator cannot start: {error}")
    log.info("scrubjay-operator has stopped")


if __name__ == "__main__":
    main()
