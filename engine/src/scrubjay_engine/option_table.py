"""The option table as JSON: `python -m scrubjay_engine.option_table`, for `make generate`.

The operator checks a CacheCluster's parameters against it, but does not import the engine: the table travels as data.
"""

from __future__ import annotations

import dataclasses
import json

from scrubjay_engine.options import OPTIONS


def exported() -> str:
    """Option name -> its row."""
    return json.dumps({name: dataclasses.asdict(option) for name, option in OPTIONS.items()})


if __name__ == "__main__":
    print(exported())
