"""The operator in a cluster, installed as a user does it: with Helm and charts/scrubjay. For e2e tests and the demo."""

from __future__ import annotations

from kube import ENGINE_IMAGE, OPERATOR_IMAGE, REPO, Kube
from localkube.host import step

CHART = REPO / "charts" / "scrubjay"
RELEASE, NAMESPACE = "scrubjay", "scrubjay-system"
OPERATOR_PODS = "app.kubernetes.io/name=scrubjay-operator"


def install_operator(kube: Kube, *flags: str, namespace: str = NAMESPACE) -> None:
    """`helm upgrade --install` with the images built from this tree, and wait until it runs."""
    values = {
        "image.repository": OPERATOR_IMAGE.split(":")[0],
        "image.tag": OPERATOR_IMAGE.split(":")[1],
        "engine.image.repository": ENGINE_IMAGE.split(":")[0],
        "engine.image.tag": ENGINE_IMAGE.split(":")[1],
    }
    chosen = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    place = ("-n", namespace, "--create-namespace")
    with step("helm upgrade --install scrubjay"):
        kube.helm("upgrade", "--install", RELEASE, CHART, *place, *chosen, *flags, "--wait", "--timeout", "120s")


def uninstall_operator(kube: Kube, namespace: str = NAMESPACE) -> None:
    """`helm uninstall`; the CRDs stay, as the chart says."""
    kube.helm("uninstall", RELEASE, "-n", namespace, "--wait", "--ignore-not-found")
