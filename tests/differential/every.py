"""All families, in the order in which they are tested."""

from differential.families import (
    access,
    bits,
    geo,
    hashes,
    hyperloglogs,
    keys,
    lists,
    scripts,
    sets,
    sorted_sets,
    streams,
    strings,
    transactions,
)

_MODULES = (
    strings,
    bits,
    keys,
    lists,
    sets,
    hashes,
    sorted_sets,
    streams,
    geo,
    hyperloglogs,
    scripts,
    transactions,
    access,
)
FAMILIES = {module.FAMILY.name: module.FAMILY for module in _MODULES}
