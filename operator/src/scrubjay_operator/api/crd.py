"""The CustomResourceDefinition of CacheCluster, built from the models.

Used by `generate.py`, which writes it to files, and by tests.
"""

from typing import Any, Final

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CATEGORIES, PRINTER_COLUMNS, SCALE
from scrubjay_operator.api.model import VALIDATIONS, rule
from scrubjay_operator.api.schema import Schema, structural
from scrubjay_operator.api.spec import CacheClusterSpec
from scrubjay_operator.api.status import CacheClusterStatus

_RESERVED: Final = ", ".join(names.RESERVED_SUFFIXES)

# Names of children are made from the name of the cluster; see names.py.
NAME_RULES: Final = (
    rule(
        f"self.metadata.name.size() <= {names.MAX_CLUSTER_NAME}",
        f"metadata.name must be at most {names.MAX_CLUSTER_NAME} characters: the names of its pods are made from it",
    ),
    rule(
        "self.metadata.name.matches('^[a-z][-a-z0-9]*$')",
        "metadata.name must begin with a letter and hold only a-z, 0-9 and '-': its Services are called after it",
    ),
    rule(
        f"!self.metadata.name.matches('({'|'.join(names.RESERVED_SUFFIXES)})$')",
        f"metadata.name must not end with {_RESERVED}: so the parts of another CacheCluster may be called",
    ),
)


def cache_cluster_schema() -> Schema:
    """The schema of a whole CacheCluster object."""
    status = structural(CacheClusterStatus)
    status["description"] = "The cache as it is. Written by the operator."
    return {
        "type": "object",
        "description": "A CacheCluster is one cache: a primary, its replicas, and the Services in front of them.",
        VALIDATIONS: list(NAME_RULES),
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {names.API_VERSION}."},
            "kind": {"type": "string", "description": f"Always {names.KIND}."},
            "metadata": {"type": "object"},
            "spec": structural(CacheClusterSpec) | {"default": {}},
            "status": status,
        },
    }


def cache_cluster_crd() -> dict[str, Any]:
    """The whole CustomResourceDefinition, ready to be applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{names.PLURAL}.{names.GROUP}",
            "labels": {names.LABEL_NAME: names.APP_NAME},
        },
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "shortNames": [names.SHORT_NAME],
                "categories": list(CATEGORIES),
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": cache_cluster_schema()},
                    "subresources": {"status": {}, "scale": dict(SCALE)},
                    "additionalPrinterColumns": [dict(column) for column in PRINTER_COLUMNS],
                }
            ],
        },
    }
