"""The engine's configuration: which options, as which text, and what of it a running engine can be told.

Used by `configmap.py` (the file), `statefulset.py` (the hash) and act/ (options that are set live through the admin
port).
"""

import hashlib
from typing import Final

from scrubjay_operator.api import names, parameters
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects.memory import maxmemory, replication_backlog

_EVERYWHERE: Final = "* -::*"  # every address, and those of IPv6 where there are any


def fixed_options() -> dict[str, str]:
    """What the operator decides once for all nodes; a change of these rolls the pods."""
    return {
        "bind": _EVERYWHERE,
        "admin-bind": _EVERYWHERE,
        "protected-mode": "no",  # the network and the password keep strangers out, not the address they come from
        "port": str(names.PORT_CLIENT),
        "admin-port": str(names.PORT_ADMIN),
        "http-port": str(names.PORT_HTTP),
        "dir": names.DATA_DIRECTORY,
        "save": "",
        "appendonly": "no",
    }


def memory_options(cluster: CacheCluster) -> dict[str, str]:
    """What follows from the fields about memory; live."""
    spec = cluster.spec
    return {
        "maxmemory": str(maxmemory(spec.resources.memory_bytes, spec.memory.reserved_percent)),
        "maxmemory-policy": str(spec.memory.eviction_policy),
    }


def own_defaults(cluster: CacheCluster) -> dict[str, str]:
    """Defaults of ours where Redis' do not suit a managed cluster; live, and the spec goes before them."""
    return {
        "repl-backlog-size": str(replication_backlog(cluster.spec.resources.memory_bytes)),
        "repl-diskless-sync-delay": "0",  # no other replica is about to come: do not wait for one
    }


def live_options(cluster: CacheCluster) -> dict[str, str]:
    """What a running engine must have: every live option that does something, at its default where the spec is silent.

    So a parameter taken out of the spec goes back to its default without a restart. The password is not among them
    (`secret.py`).
    """
    chosen = own_defaults(cluster) | parameters.accepted(cluster.spec.parameters)
    live = {
        name: chosen.get(name, row.default)
        for name, row in sorted(parameters.table().items())
        if row.live and row.effect and not row.managed
    }
    return memory_options(cluster) | live


def restart_options(cluster: CacheCluster) -> dict[str, str]:
    """Accepted parameters that a running engine cannot take."""
    table = parameters.table()
    return {name: value for name, value in parameters.accepted(cluster.spec.parameters).items() if not table[name].live}


def restart_hash(cluster: CacheCluster) -> str:
    """Changes exactly when a pod must start anew to have the right options. 16 hexadecimal digits."""
    text = _lines(fixed_options() | restart_options(cluster))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def render(cluster: CacheCluster) -> str:
    """The configuration file, in the syntax of redis.conf."""
    chosen = own_defaults(cluster) | parameters.accepted(cluster.spec.parameters)
    options = fixed_options() | memory_options(cluster) | chosen
    return (
        f"# CacheCluster {cluster.key}. Written by {names.OPERATOR}: change spec.parameters, not this file.\n"
        f"include {names.AUTH_DIRECTORY}/{names.AUTH_FILE}\n" + _lines(options)
    )


def quoted(value: str) -> str:
    """A value as one argument of a redis.conf line: quoted and escaped unless it is plain."""
    if value and all(character.isalnum() or character in "_-./:,+%@" for character in value) and value.isascii():
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(_escape(byte) for byte in escaped.encode()) + '"'


def _escape(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def _lines(options: dict[str, str]) -> str:
    return "".join(f"{name} {_value(name, value)}\n" for name, value in options.items())


def _value(name: str, value: str) -> str:
    if value == _EVERYWHERE:  # a list: several arguments, none of which needs quotes
        return value
    return quoted(value)
