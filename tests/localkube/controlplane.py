"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler of one instance, as processes on the host.

With no nodes the scheduler is left out and everything listens on the loopback alone: an API server for reconcile tests in
a few seconds. Every write that reaches the API server is in the audit log (``audit`` counts it).
"""

from __future__ import annotations

import json
from pathlib import Path

from localkube import processes
from localkube.certificates import Authority, write_key_pair
from localkube.host import LocalkubeError, run, wait_until
from localkube.instance import API_SERVICE_IP, SERVICE_CIDR, Instance

# writes by whoever, without bodies; leases are left out: components renew them all the time
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "Metadata"},
    ],
}


def prepare(instance: Instance) -> Authority:
    """Make the certificates, kubeconfigs and configuration files."""
    authority = Authority.create(instance.pki, "localkube-ca")
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    authority.issue(
        "apiserver", "kube-apiserver", sans=["127.0.0.1", instance.host_ip, API_SERVICE_IP, "localhost", *service]
    )
    authority.issue("admin", "localkube-admin", "system:masters")
    authority.issue("front-proxy", "front-proxy-client")
    local = f"https://127.0.0.1:{instance.ports.api}"
    authority.kubeconfig(instance.kubeconfig, "admin", local, instance.context)
    for component in ("controller-manager", "scheduler"):
        authority.issue(component, f"system:kube-{component}")
        authority.kubeconfig(instance.etc / f"{component}.kubeconfig", component, local, instance.context)
    write_key_pair(instance.pki / "service-account.key", instance.pki / "service-account.pub")
    (instance.etc / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    return authority


def start(instance: Instance, binaries: Path) -> None:
    """Start the control plane and return when the API server is ready."""
    ports, pki, etc = instance.ports, instance.pki, instance.etc

    def daemon(name: str, *flags: str) -> None:
        processes.start(instance, name, binaries / name, *flags)

    daemon(
        "etcd",
        f"--data-dir={instance.root}/etcd",
        "--unsafe-no-fsync",  # a test's cluster need not survive a power cut
        "--log-level=warn",
        f"--listen-client-urls=http://127.0.0.1:{ports.etcd}",
        f"--advertise-client-urls=http://127.0.0.1:{ports.etcd}",
        f"--listen-peer-urls=http://127.0.0.1:{ports.etcd_peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{ports.etcd_peer}",
        f"--initial-cluster=default=http://127.0.0.1:{ports.etcd_peer}",
    )
    daemon("kube-apiserver", *_apiserver_flags(instance))
    daemon(
        "kube-controller-manager",
        f"--kubeconfig={etc}/controller-manager.kubeconfig",
        f"--secure-port={ports.controller_manager}",
        "--bind-address=127.0.0.1",
        f"--service-account-private-key-file={pki}/service-account.key",
        f"--root-ca-file={pki}/ca.crt",
        "--use-service-account-credentials",
        f"--cluster-cidr={instance.pod_cidr}",
        "--allocate-node-cidrs=false",
        "--leader-elect=false",
        "--node-monitor-period=2s",
        "--node-monitor-grace-period=16s",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
    )
    if instance.nodes:
        daemon(
            "kube-scheduler",
            f"--kubeconfig={etc}/scheduler.kubeconfig",
            f"--secure-port={ports.scheduler}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
        )
    kubectl = [str(binaries / "kubectl"), "--kubeconfig", str(instance.kubeconfig)]

    def ready() -> bool:
        dead = {"etcd", "kube-apiserver"} - processes.running(instance).keys()
        if dead:
            raise LocalkubeError(f"{dead.pop()} ended by itself; see {instance.logs}")
        return run(*kubectl, "get", "--raw=/readyz", check=False).returncode == 0

    def accounts() -> bool:  # no pod can be made in a namespace before its ServiceAccount is there
        return run(*kubectl, "-n", "default", "get", "serviceaccount", "default", check=False).returncode == 0

    wait_until("kube-apiserver ready", ready, 90, f"see {instance.logs}/kube-apiserver.log")
    wait_until("kube-controller-manager at work", accounts, 60, f"see {instance.logs}/kube-controller-manager.log")


def _apiserver_flags(instance: Instance) -> list[str]:
    ports, pki = instance.ports, instance.pki
    return [
        f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
        f"--bind-address={'0.0.0.0' if instance.nodes else '127.0.0.1'}",
        *([f"--advertise-address={instance.host_ip}"] if instance.nodes else ["--endpoint-reconciler-type=none"]),
        f"--secure-port={ports.api}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-signing-key-file={pki}/service-account.key",
        f"--service-account-key-file={pki}/service-account.pub",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        # extension API servers (metrics-server): reached at their pods, with a certificate that names the real user
        "--enable-aggregator-routing=true",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        f"--audit-policy-file={instance.etc}/audit-policy.json",
        f"--audit-log-path={instance.audit_log}",
        "--audit-log-mode=blocking",  # a write is in the log before its answer: tests can count at once
    ]
