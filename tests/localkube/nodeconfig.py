"""The configuration files of one node: containerd, its CNI network, kubelet and kube-proxy. Pure text, written by ``nodes``."""

from __future__ import annotations

import json

from localkube.images import PAUSE
from localkube.instance import DNS_IP, Node

CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
oom_score = 0
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # hosts without CAP_SYS_RESOURCE may not lower a score
  restrict_oom_score_adj = true
  disable_apparmor = true
  # under this node's folder, so that `down` knows whose they are
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{folder}/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
"""


def write(node: Node) -> None:
    """Write all of them into the node's folder."""
    folder = node.folder
    for sub in ("cni", "kubelet", "opt", "manifests"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "containerd.toml").write_text(CONTAINERD.format(folder=folder, socket=node.socket, pause=PAUSE))
    (folder / "cni" / "10-pods.conflist").write_text(json.dumps(cni(node)))
    (folder / "resolv.conf").write_text("")
    (folder / "kubelet.json").write_text(json.dumps(kubelet(node)))
    (folder / "proxy.json").write_text(json.dumps(proxy(node)))


def cni(node: Node) -> dict[str, object]:
    """Every pod on a cable of its own to the node, nothing bridged: all traffic between pods is forwarded, so that Services
    and NetworkPolicies (iptables) see it, also between two pods of one node."""
    addresses = {
        "type": "host-local",
        "dataDir": f"{node.folder}/ipam",
        "ranges": [[{"subnet": node.pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(node: Node) -> dict[str, object]:
    pki, folder = node.instance.pki, node.folder
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "port": 10250,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},  # metrics-server shows its ServiceAccount's token
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": f"{pki}/{node.name}.crt",
        "tlsPrivateKeyFile": f"{pki}/{node.name}.key",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "failCgroupV1": False,
        "oomScoreAdj": 0,
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "resolvConf": f"{folder}/resolv.conf",
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "1Mi",
            "nodefs.available": "0%",
            "imagefs.available": "0%",
            "nodefs.inodesFree": "0%",
        },
        "nodeStatusUpdateFrequency": "4s",
        "maxPods": 200,
        "localStorageCapacityIsolation": False,
        "podLogsDir": f"{folder}/pod-logs",
        "staticPodPath": f"{folder}/manifests",
        "registerNode": True,
        "volumePluginDir": f"{folder}/volume-plugins",
    }


def proxy(node: Node) -> dict[str, object]:
    limits = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": f"{node.instance.etc}/proxy.kubeconfig"},
        "clusterCIDR": node.instance.pod_cidr,
        "hostnameOverride": node.name,
        "oomScoreAdj": 0,
        "conntrack": limits,  # zero: leave the host's own limits alone
        "iptables": {"minSyncPeriod": "0.1s", "masqueradeAll": False},
    }
