"""What the spec asks for, as manifests and live options; the password is looked up or made here, because that needs the API server and chance."""

import base64
import binascii

from scrubjay_operator.act.kube import ApiError, KubeClient
from scrubjay_operator.api import names, parameters
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.api.spec import DefaultUser
from scrubjay_operator.objects import config, desired, secret
from scrubjay_operator.objects.pod import EngineDefaults
from scrubjay_operator.observe.kinds import SECRET
from scrubjay_operator.observe.snapshot import ClusterSnapshot
from scrubjay_operator.plan.children import digest
from scrubjay_operator.plan.plan import Wanted
from scrubjay_operator.plan.roles import reader_from_primary
from scrubjay_operator.plan.status import Trouble


class PasswordMissing(Exception):
    """The Secret that the spec names does not exist or lacks the key. The text says which."""


async def want(
    kube: KubeClient, snapshot: ClusterSnapshot, cluster: CacheCluster, defaults: EngineDefaults
) -> tuple[Wanted, list[Trouble]]:
    """Manifests and options, and what is wrong with the spec while the rest of it is used. Raises PasswordMissing when there is no password at all."""
    password, troubles = await _password(kube, snapshot, cluster)
    manifests = desired.children(
        cluster, defaults, password=password, reader_from_primary=reader_from_primary(snapshot)
    )
    options = config.live_options(cluster) | secret.live_options(password)
    promote = cluster.metadata.annotations.get(names.ANNOTATION_PROMOTE, "")
    return Wanted(tuple(manifests), options, digest(options), promote=promote), [
        *parameter_troubles(cluster),
        *troubles,
    ]


def parameter_troubles(cluster: CacheCluster) -> list[Trouble]:
    """What is wrong with spec.parameters; the others are used all the same."""
    return [
        Trouble("InvalidParameter", problem.message, stalls=True)
        for problem in parameters.problems(cluster.spec.parameters)
    ]


async def _password(
    kube: KubeClient, snapshot: ClusterSnapshot, cluster: CacheCluster
) -> tuple[str | None, list[Trouble]]:
    """The password. One whose Secret is gone or cannot be read now stays as it was: a cache in use must not lose its care for that."""
    access = cluster.spec.access
    if access.default_user is not DefaultUser.PASSWORD:
        return None, []
    known = snapshot.child(SECRET.name, names.auth_secret(cluster.name))
    present = secret.read_password(known.manifest) if known is not None else None
    if access.password_secret is None:
        return present or secret.new_password(), []
    try:
        return await _chosen(kube, cluster.namespace, access.password_secret.name, access.password_secret.key), []
    except (PasswordMissing, ApiError) as error:
        if present is None:
            raise
        text = f"{error}; the password stays as it was"
        return present, [Trouble("PasswordMissing", text, stalls=isinstance(error, PasswordMissing))]


async def _chosen(kube: KubeClient, namespace: str, name: str, key: str) -> str:
    try:
        data = (await kube.get(SECRET, namespace, name)).get("data") or {}
    except ApiError as error:
        if not error.gone:
            raise
        raise PasswordMissing(f"access.passwordSecret: there is no Secret {name} in namespace {namespace}") from error
    if key not in data:
        raise PasswordMissing(f"access.passwordSecret: Secret {name} has no key {key}")
    try:
        password = base64.b64decode(data[key]).decode().rstrip("\r\n")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise PasswordMissing(f"access.passwordSecret: key {key} of Secret {name} is not text") from error
    if not password:
        raise PasswordMissing(f"access.passwordSecret: key {key} of Secret {name} is empty")
    return password
