"""The argument trees by command, parsed when they are first asked for."""

from __future__ import annotations

from functools import cache

from scrubjay_engine.commands.syntax import (
    bitmap_group,
    cluster_group,
    connection_group,
    extensions_group,
    generic_group,
    geo_group,
    hash_group,
    hyperloglog_group,
    list_group,
    pubsub_group,
    scripting_group,
    server_group,
    set_group,
    sorted_set_group,
    stream_group,
    string_group,
    transactions_group,
)
from scrubjay_engine.commands.syntax.grammar import Tree, parse

_GROUPS = (
    bitmap_group, cluster_group, connection_group, extensions_group, generic_group, geo_group, hash_group, hyperloglog_group, list_group,
    pubsub_group, scripting_group, server_group, set_group, sorted_set_group, stream_group, string_group, transactions_group,
)  # fmt: skip
LINES = {name: line for group in _GROUPS for name, line in group.SYNTAX.items()}


@cache
def arguments(name: str) -> list[Tree]:
    """The arguments of a command (`client|kill` for a subcommand); [] where there are none."""
    return parse(LINES[name]) if name in LINES else []
