"""Carrying out one step: each kind of step is one call, on the API server or on one engine's admin port."""

from collections.abc import Callable, Mapping

from scrubjay_operator.act import metrics
from scrubjay_operator.act.engines import Engines
from scrubjay_operator.act.inbox import Inbox
from scrubjay_operator.act.kube import ApiError, KubeClient, Manifest
from scrubjay_operator.act.link import EngineRefusal, EngineSilence
from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import Metadata
from scrubjay_operator.api.status import CacheClusterStatus, Shard
from scrubjay_operator.observe.kinds import BY_NAME, CACHE_CLUSTER, POD, kind_of
from scrubjay_operator.observe.snapshot import ClusterSnapshot
from scrubjay_operator.plan.steps import Apply, Commit, Delete, Order, SetRole, Step

Settled = dict[tuple[str, str], tuple[str, str]]


class StepFailed(Exception):
    """A step met an error. `reason` is one word for a condition; `stalls` says that only a person can help."""

    def __init__(self, reason: str, message: str, *, stalls: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.stalls = stalls


class Outdated(Exception):
    """The CacheCluster was changed meanwhile: what was planned is void, and everything is looked at again."""


class NotLeading(Exception):
    """This process may not act any more."""


class Performer:
    """Carries out the steps of one reconcile, and keeps the status as it was last written."""

    def __init__(self, kube: KubeClient, engines: Engines, inbox: Inbox, active: Callable[[], bool]) -> None:
        self._kube, self._engines, self._inbox, self._active = kube, engines, inbox, active

    async def perform(self, step: Step, run: "Run") -> None:
        """One step. Raises StepFailed, Outdated or NotLeading."""
        if not self._active():
            raise NotLeading
        try:
            await self._do(step, run)
        except ApiError as error:
            metrics.STEPS.labels(type(step).__name__, "failed").inc()
            raise _explained(step, error) from error
        except (EngineRefusal, EngineSilence) as error:
            metrics.STEPS.labels(type(step).__name__, "failed").inc()
            assert isinstance(step, Order)
            raise StepFailed("EngineRefused", f"{step.pod.name} did not take the order `{step.op}`: {error}") from error
        metrics.STEPS.labels(type(step).__name__, "done").inc()

    async def write_status(self, run: "Run", status: CacheClusterStatus) -> bool:
        """Write the whole status, if it says anything new. Raises Outdated and ApiError."""
        if not self._active():
            raise NotLeading
        new = status.to_json()
        if new == run.written:
            return False
        meta = run.metadata
        try:
            body = await self._kube.write_status(
                CACHE_CLUSTER, meta.namespace, meta.name, version=run.version, status=new
            )
        except ApiError as error:
            if error.conflict or error.gone:
                raise Outdated from error
            raise
        run.version, run.written, run.status = body["metadata"]["resourceVersion"], new, status
        self._inbox.answer(CACHE_CLUSTER, body)
        return True

    async def _do(self, step: Step, run: "Run") -> None:
        if isinstance(step, Apply):
            await self._apply(step, run)
        elif isinstance(step, Delete):
            await self._kube.delete(BY_NAME[step.kind], step.namespace, step.name, uid=step.uid)
        elif isinstance(step, SetRole):
            await self._label(step)
        elif isinstance(step, Commit):
            await self.write_status(run, _with_record(run.status, step.record))
        elif isinstance(step, Order):
            if step.op in ("promote", "sets"):
                self._engines.issue(run.key, step.lane, (step.fields["version"][0], step.fields["version"][1]))
            await self._engines.order(step.pod.uid, step.op, step.fields)
            if step.digest:
                self._engines.configured(step.pod.uid, step.digest)
        else:
            raise TypeError(f"nobody carries out a {type(step).__name__}")

    async def _apply(self, step: Apply, run: "Run") -> None:
        kind, meta = kind_of(step.manifest), step.manifest["metadata"]
        if (kind.name, meta["name"]) not in run.known:
            await self._refuse_foreign(step.manifest, run.metadata.uid)
        body = await self._kube.apply(kind, step.manifest)
        mark = meta["annotations"][names.ANNOTATION_APPLIED]
        run.settled[kind.name, meta["name"]] = (body["metadata"]["resourceVersion"], mark)
        self._inbox.answer(kind, body)

    async def _refuse_foreign(self, manifest: Manifest, owner: str) -> None:
        """An object of that name which belongs to somebody else is not taken over."""
        kind, meta = kind_of(manifest), manifest["metadata"]
        try:
            found = await self._kube.get(kind, meta["namespace"], meta["name"])
        except ApiError as error:
            if error.gone:
                return
            raise
        if not any(reference.get("uid") == owner for reference in found["metadata"].get("ownerReferences") or ()):
            text = f"{kind.name} {meta['name']} exists already and does not belong to this CacheCluster: rename or delete one of them"
            raise StepFailed("NameTaken", text, stalls=True)

    async def _label(self, step: SetRole) -> None:
        pod = step.pod
        metadata = {
            "name": pod.name,
            "namespace": pod.namespace,
            "uid": pod.uid,
            "labels": {names.LABEL_ROLE: step.role},
        }
        body = await self._kube.apply(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
        self._inbox.answer(POD, body)


class Run:
    """What one reconcile keeps while it acts: the CacheCluster's version and status as last written, and the children found in order."""

    def __init__(self, snapshot: ClusterSnapshot, settled: Mapping[tuple[str, str], tuple[str, str]]) -> None:
        self.metadata: Metadata = snapshot.view.metadata
        self.key = snapshot.key
        self.version = snapshot.view.metadata.resource_version
        self.status = snapshot.view.status
        self.written = snapshot.view.status.to_json()
        self.known = frozenset(snapshot.children)
        self.settled: Settled = dict(settled)


def _with_record(status: CacheClusterStatus, record: Shard) -> CacheClusterStatus:
    others = [shard for shard in status.shards if shard.name != record.name]
    return status.model_copy(update={"shards": sorted([*others, record], key=lambda shard: shard.name)})


def _explained(step: Step, error: ApiError) -> Exception:
    if isinstance(step, Commit) and error.status == 422:
        return StepFailed("StatusRefused", str(error), stalls=True)
    if error.namespace_ending:
        return StepFailed(
            "NamespaceEnding", "its namespace is being deleted: nothing can be made in it any more", stalls=True
        )
    if error.status == 403:
        return StepFailed("Forbidden", f"the operator may not do this: {error}", stalls=True)
    if error.status == 422:
        return StepFailed("Refused", f"the API server refuses it: {error}", stalls=True)
    if error.gone and isinstance(step, Apply):
        kind = step.manifest["kind"]
        return StepFailed(
            "KindMissing", f"{kind} {step.manifest['metadata']['name']} cannot be made: {error}", stalls=True
        )
    return StepFailed("ApiError", f"not {step.words}: {error}")
