"""The charts with the real helm against a real API server: render, install, upgrade, uninstall; what the roles allow."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import definitions
from localkube import programs
from localkube.cluster import LocalKube
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.api.settings import Settings

REPO = Path(__file__).resolve().parents[3]
OPERATOR, CACHE = REPO / "charts" / "scrubjay", REPO / "charts" / "cache-cluster"
SERVER = f"--kube-version={programs.VERSION}"  # helm template asks no server
EVERYTHING = (
    "--set=metrics.serviceMonitor=true,watchNamespace=shop,imagePullSecrets={pull},priorityClassName=high",
    "--set=podLabels.a=b,podAnnotations.c=d,nodeSelector.disk=ssd,serviceAccount.annotations.role=x",
    '--set-json=tolerations=[{"key":"a","operator":"Exists"}]',
)


@pytest.fixture(scope="session", autouse=True)
def helm_program() -> Path:
    return programs.tool("helm")


def helm(*arguments: str | Path, kube: LocalKube | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBECONFIG": str(kube.kubeconfig) if kube else "/dev/null"}
    words = [str(programs.tool("helm")), *map(str, arguments)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def rendered(chart: Path, *flags: str) -> list[dict[str, object]]:
    out = helm("template", "caches", chart, "--namespace=ops", SERVER, *flags).stdout
    return [document for document in yaml.safe_load_all(out) if document]


@pytest.mark.parametrize("chart", [OPERATOR, CACHE], ids=lambda chart: chart.name)
def test_lint(chart: Path) -> None:
    helm("lint", "--strict", chart)


@pytest.mark.parametrize("chart", [OPERATOR, CACHE], ids=lambda chart: chart.name)
def test_every_value_has_a_comment(chart: Path) -> None:
    lines = (chart / "values.yaml").read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        is_group = line.rstrip().endswith(":") and not line.lstrip().startswith("#")
        is_value = line.strip() and not line.lstrip().startswith(("#", "- ")) and not is_group
        inside_default = (
            line.startswith("    ") and chart == CACHE
        )  # a default that is a map: its field has the comment
        assert not is_value or inside_default or before.lstrip().startswith("#") or before.startswith("  limits"), line


@pytest.mark.parametrize(
    ("chart", "flag", "words"),
    [
        (OPERATOR, "--set=replica=3", "additional properties 'replica' not allowed"),
        (OPERATOR, "--set=replicas=many", "got string, want integer"),
        (OPERATOR, "--set=log.level=loud", "value must be one of 'debug', 'info', 'warning', 'error'"),
        (CACHE, "--set=replicasPerShard=7", "maximum: got 7, want 5"),
        (CACHE, "--set=protocol=mongo", "value must be 'redis'"),
        (CACHE, "--set=memory.evictionPolcy=noeviction", "additional properties 'evictionPolcy' not allowed"),
    ],
)
def test_wrong_values_are_refused_by_the_values_schema(chart: Path, flag: str, words: str) -> None:
    done = helm("template", "caches", chart, SERVER, flag, check=False)
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.parametrize("flags", [(), EVERYTHING], ids=["default", "everything"])
def test_operator_manifests_are_taken_strictly(kube: LocalKube, flags: tuple[str, ...]) -> None:
    for document in rendered(OPERATOR, *flags):
        if document["kind"] in ("ServiceMonitor", "CustomResourceDefinition"):
            continue  # the one's definition is not installed here; the other's has tests of its own
        text = (
            yaml.safe_dump(document)
            .replace("namespace: ops", "namespace: default")
            .replace("namespace: shop", "namespace: default")
        )
        kube.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_the_operator_understands_the_variables_of_the_chart() -> None:
    (deployment,) = (document for document in rendered(OPERATOR, *EVERYTHING) if document["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]  # type: ignore[index]
    values = {variable["name"]: variable.get("value", "from-the-pod") for variable in container["env"]}
    settings = Settings.read(values)
    assert {f"SCRUBJAY_{field.upper()}" for field in settings.model_fields_set} == set(values)
    assert settings.watch_namespace == "shop"
    assert container["ports"][0]["containerPort"] == settings.http_port


def test_cluster_chart_makes_the_cachecluster_that_its_values_say() -> None:
    flags = (
        "--set=name=sessions,replicasPerShard=2,memory.evictionPolicy=allkeys-lru",
        "--set-string=parameters.hz=20",
    )
    (document,) = rendered(CACHE, *flags)
    document["metadata"]["uid"] = "u"  # type: ignore[index]
    cluster = CacheCluster.read(document)
    assert (cluster.name, cluster.namespace) == ("sessions", "ops")
    assert (cluster.spec.replicas_per_shard, str(cluster.spec.memory.eviction_policy)) == (2, "allkeys-lru")
    assert cluster.spec.parameters == {"hz": "20"}


@pytest.fixture
def release(bare_kube: LocalKube) -> Iterator[LocalKube]:
    """The operator's chart installed as a person would; on an API server without nodes its pods stay pending."""
    ours = ("cacheclusters.scrubjay.dev", "cachebackups.scrubjay.dev")
    bare_kube.kubectl("delete", "crd", *ours, "--ignore-not-found")
    helm("install", "scrubjay", OPERATOR, "--namespace=scrubjay", "--create-namespace", kube=bare_kube)
    definitions.await_served(bare_kube)
    yield bare_kube
    helm("uninstall", "scrubjay", "--namespace=scrubjay", "--ignore-not-found", kube=bare_kube)
    ours = ("cacheclusters.scrubjay.dev", "cachebackups.scrubjay.dev")
    bare_kube.kubectl("delete", "crd", *ours, "--ignore-not-found")
    definitions.install(bare_kube)  # as the `kube` fixture left it


def test_upgrade_and_uninstall_leave_the_caches_alone(release: LocalKube) -> None:
    helm("install", "sessions", CACHE, "--set=replicasPerShard=2", kube=release)
    helm("upgrade", "sessions", CACHE, "--set=replicasPerShard=3", kube=release)
    assert release.kubectl("get", "cc", "sessions", "-o", "jsonpath={.spec.replicasPerShard}").stdout == "3"
    done = helm("upgrade", "sessions", CACHE, "--set=shards=3", kube=release, check=False)
    assert "more than one shard needs cluster mode" in done.stderr
    helm("upgrade", "scrubjay", OPERATOR, "--namespace=scrubjay", "--set=replicas=1", kube=release)
    helm("uninstall", "scrubjay", "--namespace=scrubjay", kube=release)
    assert release.kubectl("get", "cc", "-o", "name").stdout.split() == ["cachecluster.scrubjay.dev/sessions"]
    assert release.kubectl("get", "all", "--namespace=scrubjay", "-o", "name").stdout == ""
    assert "scrubjay" not in release.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name").stdout
    helm("uninstall", "sessions", kube=release)
    assert release.kubectl("get", "cc", "-o", "name").stdout == ""


ALLOWED = [
    "list cacheclusters.scrubjay.dev --all-namespaces",
    "patch cacheclusters.scrubjay.dev/x --subresource=status",
    "create statefulsets.apps",
    "patch services",
    "delete secrets",
    "patch pods",
    "delete pods",
    "create events.events.k8s.io",
    "list nodes",
    "update leases.coordination.k8s.io/scrubjay-operator --namespace=scrubjay",
]
FORBIDDEN = [
    "patch cacheclusters.scrubjay.dev",
    "delete cacheclusters.scrubjay.dev",
    "create pods",
    "create pods --subresource=exec",
    "create clusterrolebindings.rbac.authorization.k8s.io",
    "impersonate users",
    "create customresourcedefinitions.apiextensions.k8s.io",
    "delete nodes",
    "delete namespaces",
    "update leases.coordination.k8s.io/another --namespace=scrubjay",
    "update leases.coordination.k8s.io/scrubjay-operator --namespace=kube-system",
]


def test_roles_allow_what_the_operator_does_and_nothing_more(release: LocalKube) -> None:
    def may(question: str) -> bool:
        account = "--as=system:serviceaccount:scrubjay:scrubjay"
        return release.kubectl("auth", "can-i", *question.split(), account, check=False).stdout.strip() == "yes"

    assert [question for question in ALLOWED if not may(question)] == []
    assert [question for question in FORBIDDEN if may(question)] == []
