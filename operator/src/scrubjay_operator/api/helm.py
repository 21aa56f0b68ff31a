"""The cache-cluster chart's values: the fields of a CacheCluster's spec, and little more. Used by `generate.py`.

values.schema.json is the spec's own schema in the words of JSON Schema draft 7, so that Helm refuses what the API
server would refuse; values.yaml names every field with its description, with the default where there is one and
commented out where there is none.
"""

import json
import textwrap
from collections.abc import Mapping
from typing import Any, Final

import yaml

from scrubjay_operator.api import names
from scrubjay_operator.api.schema import Schema, structural
from scrubjay_operator.api.spec import CacheClusterSpec

# Values that are not fields of the spec.
EXTRA: Final[Mapping[str, Schema]] = {
    "name": {
        "type": "string",
        "default": "",
        "maxLength": names.MAX_CLUSTER_NAME,
        "description": "Name of the CacheCluster. Empty means the name of the release.",
    },
    "labels": {
        "type": "object",
        "default": {},
        "additionalProperties": {"type": "string"},
        "description": "Labels on the CacheCluster.",
    },
    "annotations": {
        "type": "object",
        "default": {},
        "additionalProperties": {"type": "string"},
        "description": "Annotations on the CacheCluster.",
    },
}

_WIDTH: Final = 110


def values_schema() -> str:
    """values.schema.json."""
    properties = {**EXTRA, **structural(CacheClusterSpec)["properties"], "global": {"type": "object"}}
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the cache-cluster chart",
        **_draft7({"type": "object", "properties": properties}),
    }
    return json.dumps(document, indent=2) + "\n"


def values_yaml() -> str:
    """values.yaml, without its header."""
    fields = {**EXTRA, **structural(CacheClusterSpec)["properties"]}
    return "\n".join(_entry(name, schema, depth=0) for name, schema in fields.items())


def _draft7(schema: Mapping[str, Any]) -> Schema:
    """The same rules, where JSON Schema has them; CEL stays with the API server."""
    result: Schema = {}
    for keyword, value in schema.items():
        if keyword == "properties":
            result[keyword] = {name: _draft7(field) for name, field in value.items()}
        elif keyword in ("items", "additionalProperties"):
            result[keyword] = _draft7(value)
        elif keyword == "x-kubernetes-int-or-string":
            result["type"] = ["integer", "string"]
        elif not keyword.startswith("x-kubernetes-"):
            result[keyword] = value
    if "properties" in result:
        result["additionalProperties"] = False
    return result


def _entry(name: str, schema: Mapping[str, Any], depth: int) -> str:
    """One value with its comment; a group of values if it has fields with defaults of their own."""
    indent = "  " * depth
    comment = "".join(f"{indent}# {line}\n" for line in _wrapped(_description(schema), _WIDTH - len(indent)))
    if _has_defaults(schema):
        fields = "\n".join(_entry(field, part, depth + 1) for field, part in schema["properties"].items())
        return f"{comment}{indent}{name}:\n{fields}"
    if "default" in schema:
        return comment + textwrap.indent(_dump({name: schema["default"]}), indent)
    empty = {"object": "{}", "array": "[]"}.get(schema.get("type", ""))
    if empty and "properties" not in schema:
        return f"{comment}{indent}{name}: {empty}\n"
    return f"{comment}{indent}# {name}:\n"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _has_defaults(schema: Mapping[str, Any]) -> bool:
    return "default" in schema and any("default" in field for field in schema.get("properties", {}).values())


def _description(schema: Mapping[str, Any]) -> str:
    text = str(schema.get("description", ""))
    if "enum" in schema:
        text += f" One of {', '.join(schema['enum'])}."
    if "minimum" in schema and "maximum" in schema:
        text += f" {schema['minimum']} to {schema['maximum']}."
    return text


def _dump(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=False, width=_WIDTH)
    return text
