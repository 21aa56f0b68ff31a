"""The CRD: structural, strict, described, generated and committed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from scrubjay_operator.api import generate, names
from scrubjay_operator.api.crd import cache_cluster_crd, cache_cluster_schema
from scrubjay_operator.api.schema import structural

REPO = Path(__file__).resolve().parents[4]

# https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/#JSONSchemaProps,
# less what a structural schema may not use
ALLOWED = {
    "type", "description", "properties", "items", "additionalProperties", "default", "enum", "required", "format",
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "pattern",
    "x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations",
}  # fmt: skip


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from nodes(schema[keyword], f"{path}[]")


def test_structural() -> None:
    for path, node in nodes(cache_cluster_schema()):
        assert set(node) <= ALLOWED, path
        assert "type" in node or node.get("x-kubernetes-int-or-string"), path
        assert not ("properties" in node and "additionalProperties" in node), path


def test_every_field_is_described_and_nothing_is_preserved_unknown() -> None:
    for path, node in nodes(cache_cluster_schema()):
        if not path.endswith("[]") and path not in ("", ".metadata"):
            assert node.get("description"), path


def test_all_strings_lists_and_maps_that_users_write_are_bounded() -> None:
    """CEL's cost is estimated from the bounds, and a status must not be filled by a mistake."""
    unbounded = [
        path
        for path, node in nodes(structural_spec())
        if ("maxProperties" not in node and "additionalProperties" in node and "affinity" not in path)
        or ("maxItems" not in node and node.get("type") == "array" and "affinity" not in path)
    ]
    assert unbounded == []


def structural_spec() -> dict[str, Any]:
    spec: dict[str, Any] = cache_cluster_schema()["properties"]["spec"]
    return spec


def test_optional_fields_lose_their_null_and_empty_defaults() -> None:
    spec = structural_spec()["properties"]
    assert spec["image"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 512,
        "description": spec["image"]["description"],
    }
    assert "default" not in spec["parameters"]
    assert spec["resources"]["default"] == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": "256Mi"},
    }


def test_a_type_that_kubernetes_cannot_express_is_refused() -> None:
    class Either(BaseModel):
        value: int | list[str]

    with pytest.raises(TypeError, match="anyOf"):
        structural(Either)


def test_names_columns_and_subresources() -> None:
    spec = cache_cluster_crd()["spec"]
    assert spec["names"]["shortNames"] == [names.SHORT_NAME]
    version = spec["versions"][0]
    assert [column["name"] for column in version["additionalPrinterColumns"] if not column.get("priority")] == [
        "Shards", "Replicas", "Ready", "Status", "Version", "Age",
    ]  # fmt: skip
    assert version["subresources"]["status"] == {}
    assert version["subresources"]["scale"]["specReplicasPath"] == ".spec.shards"


def test_generated_files_are_those_of_the_models() -> None:
    for name, content in generate.generated_files().items():
        assert (REPO / name).read_text() == content, f"{name} is out of date: run `make generate`"


def test_generating_twice_gives_the_same_text() -> None:
    assert generate.generated_files() == generate.generated_files()
    assert yaml.safe_load(generate.crd_yaml()) == cache_cluster_crd()


def test_check_names_what_is_out_of_date_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([str(tmp_path), "--check"]) == 1
    assert "crds/cacheclusters.yaml" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert generate.main([str(tmp_path)]) == 0
    assert generate.main([str(tmp_path), "--check"]) == 0
