"""When a child is as wanted, and what is done when it is not."""

from typing import Any

import pytest

from scrubjay_operator.plan.children import differs, digest, sealed


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"memory": "1024Mi"}, {"memory": "1Gi"}),
        ({"cpu": "0.5"}, {"cpu": "500m"}),
        ({"empty": {}, "list": [], "text": ""}, {}),
        (
            {"ports": [{"name": "x", "port": 1}]},
            {"ports": [{"name": "y", "port": 2}, {"name": "x", "port": 1, "protocol": "TCP"}]},
        ),
        ({"drop": ["ALL"]}, {"drop": ["ALL"]}),
    ],
)
def test_what_others_added_or_spelt_differently_is_no_difference(wanted: dict[str, Any], found: dict[str, Any]) -> None:
    assert differs(wanted, found) == ""


@pytest.mark.parametrize(
    ("wanted", "found", "where"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ".a.b"),
        ({"a": {"b": 1}}, {}, ".a"),
        ({"ports": [{"name": "x", "port": 1}]}, {"ports": [{"name": "x", "port": 2}]}, ".ports[x].port"),
        ({"drop": ["ALL"]}, {"drop": ["ALL", "NET_RAW"]}, ".drop"),
        ({"flag": True}, {"flag": False}, ".flag"),
        ({"memory": "1Gi"}, {"memory": "2Gi"}, ".memory"),
    ],
)
def test_what_was_changed_is_named(wanted: dict[str, Any], found: dict[str, Any], where: str) -> None:
    assert differs(wanted, found) == where


def test_the_digest_is_of_the_content_and_not_of_its_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_sealing_changes_nothing_but_one_annotation() -> None:
    manifest = {"metadata": {"name": "a", "annotations": {"theirs": "x"}}}
    complete, mark = sealed(manifest)
    assert complete["metadata"]["annotations"] == {"theirs": "x", "scrubjay.dev/applied": mark}
    assert manifest["metadata"]["annotations"] == {"theirs": "x"}
