"""What `make demo` tells a person to type next. The e2e tests type it."""

from __future__ import annotations

import re
from pathlib import Path

from installation import OPERATOR_PODS

TEXT = """
The cache is running. To look around:

  export KUBECONFIG={kubeconfig}
  export PATH={path}:$PATH
  kubectl get cachecluster,pods
  kubectl describe cachecluster {cache}
  kubectl exec -it client -- redis-cli -h {cache}

  kubectl patch cachecluster {cache} --type=merge -p '{{"spec": {{"replicasPerShard": 2}}}}'    another replica
  kubectl delete pod -l scrubjay.dev/role=primary        lose the primary: a replica takes over, and loses nothing it had
  kubectl -n scrubjay-system logs -l {operator} --tail=20        what the operator did

`make demo-down` removes all of it.
"""


def what_to_type_next(kubeconfig: Path, path: str, cache: str) -> str:
    """The closing words of the demo."""
    return TEXT.format(kubeconfig=kubeconfig, path=path, cache=cache, operator=OPERATOR_PODS)


def commands(kubeconfig: Path, path: str, cache: str) -> list[str]:
    """The kubectl lines of it, without the words beside them."""
    lines = what_to_type_next(kubeconfig, path, cache).splitlines()
    return [re.split(r"\s{4,}", line.strip())[0] for line in lines if line.startswith("  kubectl")]
