"""The operator's own HTTP port: /metrics for Prometheus, /healthz for the liveness probe.

/healthz is 200 while the loop turns and no worker is stuck; a replica that waits for the Lease is healthy too.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from scrubjay_operator.act.metrics import REGISTRY


async def serve(host: str, port: int, health: Callable[[], str]) -> web.AppRunner:
    """Start serving; `health` returns what is wrong, or an empty string. The caller cleans the runner up."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        wrong = health()
        return web.Response(text=(wrong or "ok") + "\n", status=503 if wrong else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", healthz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
