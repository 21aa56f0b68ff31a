"""What a restore depends on, looked up: where the backup lies, and how the Job that gives it is. Only while a cluster is new."""

from scrubjay_operator.act import jobs
from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.api.cachebackup import BackupPhase, CacheBackup, InvalidCacheBackup
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects import restorejob
from scrubjay_operator.objects.backupjob import Program
from scrubjay_operator.objects.metadata import Manifest
from scrubjay_operator.objects.restorejob import Place
from scrubjay_operator.observe.kinds import CACHE_BACKUP
from scrubjay_operator.plan import bootstrap
from scrubjay_operator.plan.bootstrap import Restore
from scrubjay_operator.plan.status import Trouble


async def look(
    kube: KubeClient, cluster: CacheCluster, program: Program
) -> tuple[Restore, list[Manifest], list[Trouble]]:
    """How the restore is, the Job that should exist for it, and what a person should know. Raises ApiError."""
    what, place, wait = await _place(kube, cluster)
    if place is None:
        return Restore(what, wait=wait), [], [Trouble("BackupNotReady", wait)]
    if not program.image:
        wait = "the operator does not know its own image (SCRUBJAY_OPERATOR_IMAGE), in which a restore runs"
        return Restore(what, wait=wait), [], [Trouble("NotPossible", wait, stalls=True)]
    manifest = restorejob.build(cluster, place, program)
    restore = Restore(what, await jobs.look(kube, cluster.namespace, manifest["metadata"]["name"]))
    text = bootstrap.failure(restore)
    return restore, [manifest], [Trouble("RestoreFailed", text, stalls=True)] if text else []


async def _place(kube: KubeClient, cluster: CacheCluster) -> tuple[str, Place | None, str]:
    """What is restored, in words, where it lies, and why that is not known yet."""
    spec = cluster.spec.bootstrap
    assert spec is not None
    if spec.from_url is not None:
        source = spec.from_url
        url = source.source.url("")
        what = f"{url}/{source.rdb}" if source.rdb else f"the backup in {url}"
        return what, Place(source.source, url, source.encryption, source.rdb, source.service_account_name), ""
    assert spec.from_backup is not None
    name = spec.from_backup.name
    what = f"CacheBackup {name}"
    try:
        backup = CacheBackup.read(await kube.get(CACHE_BACKUP, cluster.namespace, name))
    except InvalidCacheBackup as error:
        return what, None, f"{what} cannot be used: {error}"
    except ApiError as error:
        if not error.gone:
            raise
        return what, None, f"there is no {what} in namespace {cluster.namespace}"
    if backup.status.phase is not BackupPhase.COMPLETED:
        return what, None, f"{what} is no good backup: it is {backup.status.phase or 'Pending'}"
    spec_ = backup.spec
    return what, Place(spec_.destination, backup.location, spec_.encryption, None, spec_.service_account_name), ""
