"""From pydantic models to a structural OpenAPI v3 schema, as a CustomResourceDefinition demands it.

Used by `crd.py` and `reference.py`. What Kubernetes means by "structural":
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
pydantic gives JSON Schema 2020-12; the differences are `$ref` (inlined), `anyOf` with null (an optional field is just
not required), `additionalProperties: false` (unknown fields are found by the API server itself), titles, and defaults
that say nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED: Final = frozenset({"title", "$defs", "const"})
_EMPTY: Final[tuple[Any, ...]] = (None, {}, [])


def structural(model: type[BaseModel]) -> Schema:
    """The schema of a model. Raises TypeError for a field whose type Kubernetes could not express."""
    document = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(document, document.get("$defs", {}))


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    node = _resolved(node, definitions)
    schema: Schema = {}
    for keyword, value in node.items():
        if keyword in _DROPPED or (keyword == "default" and _without_nulls(value) in _EMPTY):
            continue
        if keyword == "properties":
            schema[keyword] = {name: _convert(field, definitions) for name, field in value.items()}
        elif keyword == "items":
            schema[keyword] = _convert(value, definitions)
        elif keyword == "additionalProperties":
            if value is not False:
                schema[keyword] = _convert(value, definitions)
        elif keyword == "default":
            schema[keyword] = _without_nulls(value)
        elif keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
            raise TypeError(f"Kubernetes schemas cannot express {keyword} here: {node}")
        else:
            schema[keyword] = value
    return schema


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """The node with its reference and its "or null" replaced by what they stand for; what stands beside them wins."""
    merged: Schema = dict(node)
    while True:
        if "$ref" in merged:
            target: Mapping[str, Any] = definitions[merged.pop("$ref").removeprefix("#/$defs/")]
        elif "anyOf" in merged and {"type": "null"} in merged["anyOf"]:
            others = [choice for choice in merged["anyOf"] if choice != {"type": "null"}]
            if len(others) != 1:
                return merged
            del merged["anyOf"]
            target = others[0]
        else:
            return merged
        merged = {**target, **merged}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_nulls(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in kept.items() if item not in _EMPTY}
    return value
