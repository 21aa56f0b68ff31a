"""docs/reference/cachecluster.md: every field of a CacheCluster on one page, from the models. Used by `generate.py`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scrubjay_operator.api import names, parameters
from scrubjay_operator.api.cachebackup import CacheBackupSpec, CacheBackupStatus
from scrubjay_operator.api.cachecluster import PRINTER_COLUMNS
from scrubjay_operator.api.crd import NAME_RULES
from scrubjay_operator.api.model import VALIDATIONS
from scrubjay_operator.api.schema import structural
from scrubjay_operator.api.spec import CacheClusterSpec
from scrubjay_operator.api.status import CacheClusterStatus

# Copied from Kubernetes' own types: its documentation says more than a table of ours could.
_KUBERNETES: Final = {
    "placement.affinity": "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/",
    "placement.tolerations": "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
}

_NO_LIMIT: Final = 2**31 - 1  # the engine's "any number"

_TEMPLATE: Final = """# CacheCluster

API version `{api_version}`, kind `{kind}`, short name `{short}`. `kubectl explain {singular}.spec` says the same.

## metadata

{name_rules}

## spec

All fields are optional and may be changed at any time. Unknown fields are refused.

{spec}

## Parameters

What `spec.parameters` takes. *live*: changed in the running process; *restart*: the pods are rolled, replicas first.
A parameter that is unknown or has a wrong value is left out, and the condition `Degraded` and an Event say so.

{parameters}

Two defaults are the operator's own: `repl-backlog-size` is 1/32 of the memory limit (1 to 64 MiB), and
`repl-diskless-sync-delay` is 0.

Taken, as Redis takes them, but without effect here: {idle}.

These are set by the operator and refused under `parameters`:

{managed}

## status

Written by the operator.

{status}

## Columns of `kubectl get {plural}`

{columns}

## Scaling

`replicasPerShard` is changed by applying the object again, or with
`kubectl patch {singular} NAME --type=merge -p '{{"spec":{{"replicasPerShard":2}}}}'`.
The scale subresource (`kubectl scale`, HorizontalPodAutoscaler) stands for `shards`.
"""


def page() -> str:
    """The whole page."""
    return _TEMPLATE.format(
        api_version=names.API_VERSION,
        kind=names.KIND,
        short=names.SHORT_NAME,
        singular=names.SINGULAR,
        plural=names.PLURAL,
        name_rules="\n".join(f"- {rule['message']}." for rule in NAME_RULES),
        spec=_spec(),
        parameters=_parameters(),
        idle=", ".join(f"`{name}`" for name, option in sorted(parameters.table().items()) if _idle(option)),
        managed=_managed(),
        status=_status(),
        columns=_columns(),
    )


def backup_page() -> str:
    """docs/reference/cachebackup.md."""
    spec, status = structural(CacheBackupSpec), structural(CacheBackupStatus)
    fields = [f"| `{path}` | {kind} | {default} | {text} |" for path, kind, default, text in _rows(spec, "")]
    reported = [f"| `{path}` | {kind} | {text} |" for path, kind, _, text in _rows(status, "")]
    head = f"# CacheBackup\n\nAPI version `{names.API_VERSION}`, kind `CacheBackup`, short name `cb`. One object is one backup.\n"
    lines = [head, "## spec\n", "| field | type | default | meaning |", "|---|---|---|---|", *fields]
    return "\n".join([*lines, "\n## status\n", "| field | type | meaning |", "|---|---|---|", *reported]) + "\n"


def _spec() -> str:
    lines = ["| field | type | default | meaning |", "|---|---|---|---|"]
    rows = _rows(structural(CacheClusterSpec), "")
    return "\n".join([*lines, *(f"| `{path}` | {kind} | {default} | {text} |" for path, kind, default, text in rows)])


def _status() -> str:
    lines = ["| field | type | meaning |", "|---|---|---|"]
    rows = _rows(structural(CacheClusterStatus), "")
    return "\n".join([*lines, *(f"| `{path}` | {kind} | {text} |" for path, kind, _, text in rows)])


def _rows(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in schema["properties"].items():
        path = prefix + name
        fields = field.get("properties")
        default = f"`{_scalar(field['default'])}`" if "default" in field and not fields else ""
        meaning = " ".join([str(field.get("description", "")), *_rules(field)])
        if path in _KUBERNETES:
            yield path, _type(field), default, f"{meaning} See {_KUBERNETES[path]}."
            continue
        yield path, _type(field), default, meaning
        if fields:
            yield from _rows(field, path + ".")
        elif "properties" in field.get("items", {}):
            yield from _rows(field["items"], path + "[].")


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return " ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "quantity" if VALIDATIONS in field else "string or integer"
    if "minimum" in field and "maximum" in field:
        return f"{field['type']}, {field['minimum']} to {field['maximum']}"
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return str(field.get("format", field["type"]))


def _rules(field: Mapping[str, Any]) -> list[str]:
    if field.get("x-kubernetes-int-or-string"):
        return []
    return [f"*{rule['message']}.*" for rule in field.get(VALIDATIONS, [])]


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parameters() -> str:
    lines = ["| parameter | values | default | change |", "|---|---|---|---|"]
    for name, option in sorted(parameters.table().items()):
        if option.managed or not option.effect:
            continue
        change = "live" if option.live else "restart"
        default = f"`{option.default}`" if option.default else "empty"
        lines.append(f"| `{name}` | {_values(option)} | {default} | {change} |")
    return "\n".join(lines)


def _idle(option: parameters.Option) -> bool:
    return not (option.managed or option.effect)


def _values(option: parameters.Option) -> str:
    if option.enum:
        return " ".join(f"`{value}`" for value in option.enum)
    low = "" if option.minimum is None else f" from {option.minimum}"
    high = "" if option.maximum is None or option.maximum >= _NO_LIMIT else f" to {option.maximum}"
    return option.type + low + high


def _managed() -> str:
    return "\n".join(f"- `{name}`: {why}." for name, why in sorted(parameters.MANAGED.items()))


def _columns() -> str:
    lines = ["| column | from | |", "|---|---|---|"]
    for column in PRINTER_COLUMNS:
        wide = "with `-o wide`" if column.get("priority") else ""
        lines.append(f"| {column['name'].upper()} | `{column['jsonPath']}` | {wide} |")
    return "\n".join(lines)
