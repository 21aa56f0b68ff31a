"""NetworkPolicies as iptables rules: a pure function from the cluster's objects to what one node enforces.

The semantics are those of networking.k8s.io/v1: a pod that no policy selects is open; one that is selected for a direction
lets through only what some policy of that direction allows. Replies to allowed traffic pass. What comes from the pod's own
node (kubelet's probes) always passes: it never goes through FORWARD. ``policies`` watches and applies.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TOP = "LK-POLICY"
Object = Mapping[str, Any]  # a Kubernetes object as the API gives it


@dataclass(frozen=True)
class Cluster:
    """The objects that policies speak of."""

    pods: Sequence[Object]
    namespaces: Sequence[Object]
    policies: Sequence[Object]


@dataclass
class _Chains:
    declared: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


def restore_input(cluster: Cluster, node: str) -> str:
    """Input for ``iptables-restore --noflush``: all rules of that node, in the mangle table, where kube-proxy has none."""
    chains = _Chains([TOP], [f"-A {TOP} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"])
    for pod in cluster.pods:
        if pod["spec"].get("nodeName") != node or not _address(pod):
            continue
        for direction in ("Ingress", "Egress"):
            selecting = [policy for policy in cluster.policies if _applies(policy, pod, direction)]
            if selecting:
                _isolate(chains, cluster, pod, direction, selecting)
    lines = ["*mangle", *(f":{chain} - [0:0]" for chain in chains.declared), *chains.rules, "COMMIT"]
    return "\n".join(lines) + "\n"


def _isolate(chains: _Chains, cluster: Cluster, pod: Object, direction: str, policies: Iterable[Object]) -> None:
    chain = f"LK-{direction[0]}-{hashlib.sha256(pod['metadata']['uid'].encode()).hexdigest()[:12]}"
    here, there = ("-d", "-s") if direction == "Ingress" else ("-s", "-d")
    chains.declared.append(chain)
    chains.rules.append(f"-A {TOP} {here} {_address(pod)}/32 -j {chain}")
    for policy in policies:
        for rule in policy["spec"].get(direction.lower()) or []:
            peers = rule.get("from" if direction == "Ingress" else "to")
            for network, peer in _peers(cluster, policy["metadata"]["namespace"], peers):
                target = pod if direction == "Ingress" else peer
                for port in _ports(rule.get("ports"), target):
                    chains.rules.append(f"-A {chain} {there} {network} {port}-j RETURN".replace("  ", " "))
    chains.rules.append(f"-A {chain} -j DROP")


def _applies(policy: Object, pod: Object, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    same = policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and direction in types and matches(spec.get("podSelector"), pod["metadata"].get("labels"))


def _peers(cluster: Cluster, namespace: str, peers: Sequence[Object] | None) -> list[tuple[str, Object | None]]:
    """Networks that a rule names, each with the pod it is (for named ports)."""
    if not peers:
        return [("0.0.0.0/0", None)]
    found: list[tuple[str, Object | None]] = []
    for peer in peers:
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            found += [(network, None) for network in without(block["cidr"], block.get("except") or [])]
            continue
        if peer.get("namespaceSelector") is None:
            names = {namespace}
        else:
            names = {
                each["metadata"]["name"]
                for each in cluster.namespaces
                if matches(peer["namespaceSelector"], each["metadata"].get("labels"))
            }
        for pod in cluster.pods:
            metadata = pod["metadata"]
            if (
                _address(pod)
                and metadata["namespace"] in names
                and matches(peer.get("podSelector"), metadata.get("labels"))
            ):
                found.append((f"{_address(pod)}/32", pod))
    return found


def _ports(ports: Sequence[Object] | None, target: Object | None) -> list[str]:
    """The port part of rules: one text a port, each ending in a blank; one empty text for all ports."""
    if not ports:
        return [""]
    texts = []
    for port in ports:
        protocol = str(port.get("protocol") or "TCP").lower()
        number = port.get("port")
        if isinstance(number, str):
            number = _named_port(number, target)
            if number is None:
                continue  # that pod has no such port: nothing is allowed by its name
        if number is None:
            texts.append(f"-p {protocol} ")
        else:
            last = f":{port['endPort']}" if port.get("endPort") else ""
            texts.append(f"-p {protocol} --dport {number}{last} ")
    return texts


def _named_port(name: str, pod: Object | None) -> int | None:
    for container in pod["spec"]["containers"] if pod else []:
        for port in container.get("ports") or []:
            if port.get("name") == name:
                return int(port["containerPort"])
    return None


def _address(pod: Object) -> str:
    """The pod's own IPv4 address; none for pods on the node's network or at their end."""
    status = pod.get("status") or {}
    if pod["spec"].get("hostNetwork") or status.get("phase") in ("Succeeded", "Failed"):
        return ""
    return str(status.get("podIP") or "")


def without(cidr: str, excepted: Iterable[str]) -> list[str]:
    """An IPv4 network less some of its parts, as networks."""
    left = [ipaddress.IPv4Network(cidr)]
    for each in map(ipaddress.IPv4Network, excepted):
        kept: list[ipaddress.IPv4Network] = []
        for network in left:
            if each.subnet_of(network):
                kept += network.address_exclude(each)
            elif not network.subnet_of(each):
                kept.append(network)
        left = kept
    return [str(network) for network in sorted(left)]


def matches(selector: Object | None, labels: Mapping[str, str] | None) -> bool:
    """A LabelSelector against labels; an empty selector, and none, match everything."""
    labels = labels or {}
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(each, labels) for each in selector.get("matchExpressions") or [])


def _expression(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"unknown operator {expression['operator']!r} in a label selector")
