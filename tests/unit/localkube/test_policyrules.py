"""NetworkPolicies become the rules that networking.k8s.io/v1 describes."""

import re
from typing import Any

import pytest

from localkube.policyrules import Cluster, matches, restore_input, without


def pod(name: str, ip: str, namespace: str = "a", node: str = "node1", **labels: str) -> dict[str, Any]:
    ports = [{"name": "redis", "containerPort": 6379}]
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": name, "labels": labels},
        "spec": {"nodeName": node, "containers": [{"ports": ports}]},
        "status": {"podIP": ip, "phase": "Running"},
    }


def policy(namespace: str = "a", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "p"}, "spec": {"podSelector": {}, **spec}}


def rules(*policies: dict[str, Any], pods: list[dict[str, Any]], node: str = "node1") -> list[str]:
    """The rules of that node, without what every node has; chains by letter."""
    namespaces = [{"metadata": {"name": name, "labels": {"name": name}}} for name in ("a", "b")]
    lines = restore_input(Cluster(pods, namespaces, policies), node).splitlines()
    kept = [line for line in lines if line.startswith("-A") and "conntrack" not in line]
    return [re.sub(r"(LK-[IE])-[0-9a-f]{12}", r"\1", line) for line in kept]


CACHE, APP, OTHER = (
    pod("cache", "10.0.1.1", app="cache"),
    pod("app", "10.0.2.1", node="node2", app="app"),
    pod("other", "10.0.2.2", namespace="b", node="node2", app="app"),
)


def test_a_pod_that_no_policy_selects_is_open() -> None:
    assert rules(pods=[CACHE, APP]) == []
    assert rules(policy(namespace="b"), pods=[CACHE, APP]) == []


def test_a_policy_without_rules_lets_nothing_in() -> None:
    assert rules(policy(), pods=[CACHE]) == ["-A LK-POLICY -d 10.0.1.1/32 -j LK-I", "-A LK-I -j DROP"]


def test_a_peer_is_a_pod_of_the_same_namespace_unless_namespaces_are_named() -> None:
    peers = [{"podSelector": {"matchLabels": {"app": "app"}}}]
    chosen = policy(podSelector={"matchLabels": {"app": "cache"}}, ingress=[{"from": peers}])
    assert "-s 10.0.2.1/32 -j RETURN" in "\n".join(rules(chosen, pods=[CACHE, APP, OTHER]))
    assert "10.0.2.2" not in "\n".join(rules(chosen, pods=[CACHE, APP, OTHER]))
    everywhere = [{"podSelector": {"matchLabels": {"app": "app"}}, "namespaceSelector": {}}]
    chosen = policy(podSelector={"matchLabels": {"app": "cache"}}, ingress=[{"from": everywhere}])
    assert "10.0.2.2" in "\n".join(rules(chosen, pods=[CACHE, APP, OTHER]))


def test_ports_by_number_range_and_name() -> None:
    ports = [
        {"port": 6379},
        {"port": 9000, "endPort": 9010},
        {"port": "redis"},
        {"port": "nobody"},
        {"protocol": "UDP"},
    ]
    text = "\n".join(rules(policy(ingress=[{"ports": ports}]), pods=[CACHE]))
    for wanted in ("-p tcp --dport 6379", "-p tcp --dport 9000:9010", "-p udp -j RETURN"):
        assert wanted in text
    assert text.count("--dport 6379") == 2  # by number and by name


def test_egress_is_about_where_the_pod_goes() -> None:
    out = policy(policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}])
    lines = rules(out, pods=[CACHE])
    assert lines[0] == "-A LK-POLICY -s 10.0.1.1/32 -j LK-E"
    assert any("-d 10.9.0.0/16 -j RETURN" in line for line in lines)


def test_a_node_enforces_for_its_own_pods_only() -> None:
    assert rules(policy(), pods=[CACHE, APP], node="node2")[0].startswith("-A LK-POLICY -d 10.0.2.1/32")


def test_pods_at_their_end_or_on_the_node_network_are_nobody() -> None:
    done = pod("done", "10.0.1.9")
    done["status"]["phase"] = "Succeeded"
    host = pod("host", "172.30.0.11")
    host["spec"]["hostNetwork"] = True
    assert rules(policy(), pods=[done, host]) == []


@pytest.mark.parametrize(
    ("cidr", "excepted", "left"),
    [
        ("10.0.0.0/30", ["10.0.0.1/32"], ["10.0.0.0/32", "10.0.0.2/31"]),
        ("10.0.0.0/30", ["10.0.0.0/16"], []),
        ("10.0.0.0/30", ["10.1.0.0/16"], ["10.0.0.0/30"]),
    ],
)
def test_parts_of_a_network_can_be_excepted(cidr: str, excepted: list[str], left: list[str]) -> None:
    assert without(cidr, excepted) == left


@pytest.mark.parametrize(
    ("operator", "values", "matching"),
    [("In", ["x"], True), ("NotIn", ["x"], False), ("Exists", [], True), ("DoesNotExist", [], False)],
)
def test_selectors_know_expressions(operator: str, values: list[str], matching: bool) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert matches(selector, {"k": "x"}) is matching
    assert matches({}, None)
