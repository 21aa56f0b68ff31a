"""All families, in the order in which they are tested."""

from differential.families import (
    access,
    bits,
    expiry,
    functions,
    geo,
    hashes,
    hyperloglogs,
    introspection,
    keys,
    lists,
    scripts,
    sets,
    sorted_sets,
    sorting,
    streams,
    strings,
    transactions,
)

_MODULES = (
    strings,
    bits,
    keys,
    expiry,
    sorting,
    lists,
    sets,
    hashes,
    sorted_sets,
    streams,
    geo,
    hyperloglogs,
    scripts,
    functions,
    transactions,
    access,
    introspection,
)
FAMILIES = {module.FAMILY.name: module.FAMILY for module in _MODULES}
