"""Looking at a Job of the backup program: the Job, its newest pod, and the end of that pod's log while it runs."""

import logging

from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.observe.jobs import JobView, read_job
from scrubjay_operator.observe.kinds import JOB, POD

log = logging.getLogger(__name__)

LOG_LINES = 5


async def look(kube: KubeClient, namespace: str, name: str) -> JobView | None:
    """How the Job is; None when there is none. Raises ApiError."""
    try:
        job = await kube.get(JOB, namespace, name)
    except ApiError as error:
        if not error.gone:
            raise
        return None
    pods = (await kube.list_all(POD, namespace=namespace, labels=f"batch.kubernetes.io/job-name={name}")).items
    view = read_job(job, pods)
    if not view.over and view.pod and not view.result:
        view = read_job(job, pods, await _said(kube, namespace, view.pod))
    return view


async def _said(kube: KubeClient, namespace: str, pod: str) -> str:
    """The end of a pod's log; nothing while it has none."""
    try:
        return await kube.text(POD, POD.path(namespace, pod, "log"), {"tailLines": str(LOG_LINES)})
    except ApiError as error:
        log.debug("the log of pod %s/%s cannot be read yet: %s", namespace, pod, error)
        return ""
