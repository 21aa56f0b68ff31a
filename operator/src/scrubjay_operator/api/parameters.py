"""Which options users may put under `spec.parameters`, and what is wrong with those they did.

The table is `parameters.json`, written by `make generate` from the engine's own options: the operator does not import
the engine. Which of them the operator sets itself is decided here. Called by objects/ (what goes into the
configuration) and act/ (conditions and Events).
"""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

# What the operator sets, or what has no meaning in a pod, and what to do instead.
MANAGED: Final[Mapping[str, str]] = {
    "maxmemory": "it is derived from resources.limits.memory and memory.reservedPercent",
    "maxmemory-policy": "set memory.evictionPolicy",
    "requirepass": "set access.defaultUser: Password",
    "masterauth": "set access.defaultUser: Password",
    "masteruser": "the operator looks after replication",
    "replicaof": "the operator decides who follows whom",
    "slaveof": "the operator decides who follows whom",
    "port": "the ports are fixed",
    "bind": "the ports are fixed",
    "admin-port": "the ports are fixed",
    "http-port": "the ports are fixed",
    "unixsocket": "nothing else runs in the pod that could use it",
    "unixsocketperm": "nothing else runs in the pod that could use it",
    "protected-mode": "it would shut clients out",
    "managed": "the operator manages the node",
    "node-id": "it is the UID of the pod",
    "dir": "the root file system is read-only",
    "dbfilename": "this version of Scrubjay keeps data in memory only",
    "save": "this version of Scrubjay keeps data in memory only",
    "appendonly": "this version of Scrubjay keeps data in memory only",
    "daemonize": "the process must stay in the foreground of its container",
    "supervised": "the kubelet supervises it",
    "oom-score-adj": "the kubelet sets it",
    "oom-score-adj-values": "the kubelet sets it",
    "replica-priority": "the operator promotes the replica that has most",
    "pidfile": "the kubelet supervises it",
    "logfile": "logs go to the container's output, for `kubectl logs`",
    "include": "only spec.parameters is read",
    "replica-announce-ip": "the operator decides who follows whom",
    "replica-announce-port": "the operator decides who follows whom",
}
_MANAGED_PREFIXES: Final = (
    "cluster-",
    "tls-",
    "memcached-",
    "append",
    "aof-",
    "auto-aof-",
    "enable-",
    "syslog-",
    "replica-announce",
)

# The engine's names for kinds of values -> ours.
_TYPES: Final = {
    "bool": "boolean",
    "int": "integer",
    "float": "float",
    "memory": "memory",
    "percent_or_memory": "memory-or-percent",
    "enum": "enum",
}

_MEMORY: Final = re.compile(r"(\d+)(b|k|kb|m|mb|g|gb)?", re.IGNORECASE)  # redis.conf: 1k is 1000 bytes, 1kb is 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    name: str
    type: str  # boolean, integer, float, memory, memory-or-percent, enum or string
    live: bool  # changed by CONFIG SET; otherwise the process must start anew
    default: str
    managed: bool  # set by the operator: users may not
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    effect: bool = True  # False: Redis has it, here it is taken and does nothing
    aliases: tuple[str, ...] = ()  # older names


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    """A parameter that is not used, and why: the message goes into a condition and an Event as it is."""

    name: str
    message: str


@cache
def table() -> Mapping[str, Option]:
    """The options of the engine this operator was released with."""
    document = json.loads(resources.files(__package__).joinpath("parameters.json").read_text())
    return {name: option(name, row) for name, row in document.items()}


def option(name: str, row: Mapping[str, Any]) -> Option:
    """One row of parameters.json."""
    return Option(
        name=name,
        type=row["type"],
        live=row["live"],
        default=row["default"],
        managed=row["managed"],
        enum=tuple(row.get("enum", ())),
        minimum=row.get("min"),
        maximum=row.get("max"),
        effect=row.get("effect", True),
        aliases=tuple(row.get("aliases", ())),
    )


def exported(engine_options: Mapping[str, Mapping[str, Any]]) -> str:
    """parameters.json, from the option table as the engine exports it (`python -m scrubjay_engine.option_table`)."""
    rows = {name: _row(name, given) for name, given in sorted(engine_options.items())}
    return "{\n" + ",\n".join(f" {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()) + "\n}\n"


def _row(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        "type": _TYPES.get(given["kind"], "string"),
        "live": given["live"],
        "default": given["default"],
        "managed": given["managed"] or is_managed(name),
    }
    optional = {"enum": given["choices"], "aliases": given["aliases"], "min": given["low"], "max": given["high"]}
    row |= {key: value for key, value in optional.items() if value not in (None, [], ())}
    return row if given["effect"] else row | {"effect": False}


def is_managed(name: str) -> bool:
    """Whether the operator keeps this option for itself."""
    return name in MANAGED or name.startswith(_MANAGED_PREFIXES)


def problems(parameters: Mapping[str, str], options: Mapping[str, Option] | None = None) -> list[ParameterProblem]:
    """What is wrong with the parameters, sorted by name; empty when nothing is."""
    known = table() if options is None else options
    found = (_problem(name, value, known) for name, value in sorted(parameters.items()))
    return [problem for problem in found if problem is not None]


def accepted(parameters: Mapping[str, str], options: Mapping[str, Option] | None = None) -> dict[str, str]:
    """The parameters without those that have problems, sorted by name: one typing mistake does not stop the rest."""
    refused = {problem.name for problem in problems(parameters, options)}
    return {name: value for name, value in sorted(parameters.items()) if name not in refused}


def _problem(name: str, value: str, known: Mapping[str, Option]) -> ParameterProblem | None:
    row = known.get(name)
    if is_managed(name) or (row is not None and row.managed):
        why = MANAGED.get(name, "it belongs to what this version of Scrubjay looks after itself")
        return ParameterProblem(name, f'parameter "{name}" is set by the operator: {why}')
    if row is None:
        return ParameterProblem(name, _unknown(name, known))
    wrong = _wrong_value(row, value)
    if wrong:
        return ParameterProblem(name, f'parameter "{name}" cannot be "{_CONTROL.sub("?", value)}": {wrong}')
    return None


def _unknown(name: str, known: Mapping[str, Option]) -> str:
    present = next((row.name for row in known.values() if name.lower() in row.aliases), None)
    if present is not None:
        return f'parameter "{name}" has a new name: "{present}"'
    matches = difflib.get_close_matches(name.lower(), sorted(known.keys() | MANAGED.keys()), n=1, cutoff=0.6)
    if not matches:
        return f'unknown parameter "{name}": the engine has no such option'
    managed = matches[0] not in known or known[matches[0]].managed or is_managed(matches[0])
    more = " That one is set by the operator." if managed else ""
    return f'unknown parameter "{name}": did you mean "{matches[0]}"?{more}'


def _wrong_value(row: Option, value: str) -> str:
    """Why the value does not fit the option; empty when it does."""
    if _CONTROL.search(value):
        return "it must be one line without control characters"
    if row.type == "boolean":
        return "" if value.lower() in ("yes", "no") else 'it must be "yes" or "no"'
    if row.type == "enum":
        return "" if value.lower() in row.enum else f"it must be one of {', '.join(row.enum)}"
    if row.type == "memory-or-percent" and value.endswith("%"):
        return "" if value[:-1].isdecimal() and 1 <= int(value[:-1]) <= 100 else "it must be 1% to 100%, or bytes"
    if row.type == "string":
        return ""
    number = _number(row.type, value)
    if number is None:
        return f"it must be {'a number of bytes such as 100mb' if row.type.startswith('memory') else 'a number'}"
    if row.minimum is not None and number < row.minimum:
        return f"it must be at least {row.minimum}"
    if row.maximum is not None and number > row.maximum:
        return f"it must be at most {row.maximum}"
    return ""


def _number(kind: str, value: str) -> float | None:
    if kind.startswith("memory"):
        match = _MEMORY.fullmatch(value)
        if match is None:
            return None
        unit = (match[2] or "b").lower()
        base = 1000 if len(unit) == 1 else 1024
        return int(match[1]) * int(base ** ("bkmg".index(unit[0])))
    try:
        return int(value) if kind == "integer" else float(value)
    except ValueError:
        return None
