"""A real multi-node Kubernetes on one Linux host, without Docker: each node a network namespace with its own containerd,
kubelet and kube-proxy; etcd and the control plane on the host. For tests and trials where `kind` finds no Docker.

State lies in $LOCALKUBE_ROOT (default /var/lib/scrubjay-localkube), programs and images in ~/.cache/scrubjay.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from localkube import addons, cluster, images, instance, nodes, policies, programs
from localkube.host import NODE_COMMANDS, LocalkubeError, install, say


def main(arguments: list[str] | None = None) -> int:
    """Parse and carry out; a failure is told in words and ends with status 1."""
    options = _parser().parse_args(arguments)
    try:
        return _carry_out(options)
    except LocalkubeError as error:
        print(f"localkube: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localkube", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(name=os.environ.get("LOCALKUBE_NAME", "dev"))
    parser.add_argument("--name", default=argparse.SUPPRESS, help="which instance (default: $LOCALKUBE_NAME, else dev)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    verbs.add_parser("build", help="compile the programs and build the base images; `up` does it by itself")
    up = verbs.add_parser("up", help="start an instance; prints its kubeconfig's path")
    up.add_argument("--nodes", type=int, default=3, help="0: the control plane alone (default: 3)")
    up.add_argument("--metrics", action="store_true", help="with metrics-server, for kubectl top and autoscalers")
    down = verbs.add_parser("down", help="stop an instance and remove all of it but the caches")
    down.add_argument("--all", action="store_true", help="every instance in this root")
    verbs.add_parser("prune", help="take down what belongs to programs that are no more")
    verbs.add_parser("list", help="the instances that are up")
    verbs.add_parser("kubeconfig", help="print the path of the instance's kubeconfig")
    image = verbs.add_parser("image", help="build a Dockerfile and load the image on every node")
    image.add_argument("tag")
    image.add_argument("context", type=Path)
    image.add_argument("--file", type=Path, help="the Dockerfile (default: CONTEXT/Dockerfile)")
    image.add_argument("--build-only", action="store_true", help="leave it in the cache, load it nowhere")
    load = verbs.add_parser("load", help="load an image archive (docker or OCI) on every node")
    load.add_argument("archive", type=Path)
    for name, words in (("kubectl", "kubectl against the instance"), ("helm", "helm against the instance")):
        verbs.add_parser(name, help=words, add_help=False).add_argument("arguments", nargs=argparse.REMAINDER)
    for verb, words in (
        ("crash", "power a node off: every process on it dies at once"),
        ("restart", "boot a crashed node"),
        ("cut", "pull a node's network cable"),
        ("heal", "plug it back in"),
    ):
        verbs.add_parser(verb, help=words).add_argument("node", help="node1, node2, ...")
    verbs.add_parser("policies", help="enforce NetworkPolicies on the instance's nodes until interrupted")
    return parser


def _carry_out(options: argparse.Namespace) -> int:
    match options.verb:
        case "build":
            install(NODE_COMMANDS)
            programs.kubernetes()
            addons.build()
        case "up":
            kube = cluster.up(options.name, options.nodes, metrics=options.metrics)
            say(f"{options.name} is up: {options.nodes} nodes")
            print(f"export KUBECONFIG={kube.kubeconfig}")
        case "down":
            chosen = instance.list_all() if options.all else list(filter(None, [instance.load(options.name)]))
            for which in chosen:
                cluster.down(which)
        case "prune":
            cluster.prune()
        case "list":
            for which in instance.list_all():
                print(f"{which.name}\t{which.nodes} nodes\t{which.kubeconfig}")
        case _:
            _on_instance(options, instance.find(options.name))
    return 0


def _on_instance(options: argparse.Namespace, which: instance.Instance) -> None:
    match options.verb:
        case "kubeconfig":
            print(which.kubeconfig)
        case "image":
            archive = images.build(options.tag, options.context, options.file)
            if not options.build_only:
                images.load(which, archive)
        case "load":
            images.load(which, options.archive)
        case "crash":
            nodes.crash(which.node(options.node))
        case "restart":
            nodes.boot(which.node(options.node))
        case "cut" | "heal":
            nodes.cable(which.node(options.node), plugged=options.verb == "heal")
        case "policies":
            policies.enforce(which)
        case "kubectl" | "helm":
            os.environ["KUBECONFIG"] = str(which.kubeconfig)
            program = programs.tool("helm") if options.verb == "helm" else programs.kubernetes() / "kubectl"
            os.execv(program, [options.verb, *options.arguments])
