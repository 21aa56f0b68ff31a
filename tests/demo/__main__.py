"""``make demo``: a local Kubernetes with the operator, the quickstart's cache in it, and a client that uses it. ``make demo-down`` ends it.

    python tests/demo up | down

Everything is what a user would do by hand: `helm install`, `kubectl apply`, `kubectl wait`, redis-cli and redis-py in a pod.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:1] = [str(TESTS), str(TESTS / "support")]

import kube_provider
from demo_hints import what_to_type_next
from installation import install_operator
from kube import CLIENT_IMAGE, ENGINE_IMAGE, OPERATOR_IMAGE, REPO, ClientPod, Kube, KubeError, start_client
from localkube.host import LocalkubeError, step

NAME = "demo"
CACHE = "quickstart"
EXAMPLE = REPO / "examples" / "quickstart.yaml"
REDIS_PY = f"""
import redis
cache = redis.Redis(host="{CACHE}", decode_responses=True)
cache.set("acorn:2", "buried by redis-py")
print(cache.get("acorn:1"), "/", cache.get("acorn:2"))
"""


def main(arguments: list[str]) -> int:
    """Carry out; a failure is told in words and ends with status 1."""
    if arguments not in (["up"], ["down"]):
        print(__doc__)
        return 2
    try:
        up() if arguments == ["up"] else down()
    except LocalkubeError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def up() -> None:
    began = time.monotonic()
    say("a Kubernetes")
    kube = kube_provider.attach(NAME) or kube_provider.start(NAME)
    say("the images of engine, operator and a client")
    for image in (ENGINE_IMAGE, OPERATOR_IMAGE, CLIENT_IMAGE):
        kube.image(image)
    say("the operator, with Helm")
    install_operator(kube)
    say(f"a cache: kubectl apply -f {EXAMPLE.relative_to(REPO)}")
    kube.apply(EXAMPLE)
    with step("waiting until it is Ready"):
        wait_ready(kube)
    print(kube.kubectl("get", "cachecluster").stdout)
    say("a client")
    use(start_client(kube, "default", "client"))
    programs = ":".join(kube.path.split(":")[:2])
    print(what_to_type_next(kube.kubeconfig, programs, CACHE))
    print(f"Done in {time.monotonic() - began:.0f} s.")


def wait_ready(kube: Kube) -> None:
    try:
        kube.wait(f"cachecluster/{CACHE}", "condition=Ready", seconds=120)
    except KubeError as error:
        story = kube.kubectl("describe", "cachecluster", CACHE, check=False).stdout
        pods = kube.kubectl("get", "pods", "-o", "wide", check=False).stdout
        raise KubeError(f"{CACHE} did not become Ready: {error}\n{story}\n{pods}") from error


def use(client: ClientPod) -> None:
    """Write and read through the Service, by redis-cli and by redis-py."""
    written = client.redis_cli(CACHE, "SET", "acorn:1", "buried by redis-cli")
    read = client.redis_cli(CACHE, "GET", "acorn:1")
    print(f"  redis-cli -h {CACHE} SET acorn:1 ...   -> {written}\n  redis-cli -h {CACHE} GET acorn:1       -> {read}")
    both = client.python(REDIS_PY).strip()
    print(f"  redis-py: GET acorn:1, acorn:2          -> {both}")
    if (written, read, both) != ("OK", "buried by redis-cli", "buried by redis-cli / buried by redis-py"):
        raise KubeError("the cache did not give back what was written to it")


def down() -> None:
    kube = kube_provider.attach(NAME)
    if kube is not None and kube.local is None:  # a cluster that stays: take out what was put in
        kube.kubectl("delete", "-f", EXAMPLE, "--ignore-not-found", "--timeout=60s", check=False)
        kube.kubectl("delete", "pod", "client", "--ignore-not-found", check=False)
        kube.helm("uninstall", "scrubjay", "-n", "scrubjay-system", "--ignore-not-found", check=False)
    kube_provider.stop(NAME)
    say("gone")


def say(what: str) -> None:
    print(f"demo: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
