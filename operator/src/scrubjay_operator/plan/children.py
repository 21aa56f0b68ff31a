"""The child objects: what is missing is made, what differs is repaired, what is not wanted any more is deleted.

A child is as wanted when it carries the digest of the manifest that was last applied, and every field of the manifest has its value in the object. Fields that others
added are theirs. The digest finds fields that were taken out of the manifest, the comparison finds what somebody changed.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from scrubjay_operator.api import names, quantity
from scrubjay_operator.observe.snapshot import Child, ClusterSnapshot, Manifest
from scrubjay_operator.plan.steps import Apply, Delete, Notice, Step

EMPTY: tuple[object, ...] = (None, "", [], {}, False, 0)


def digest(manifest: Manifest) -> str:
    """The same for the same content, whatever the order of its keys. 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]


def sealed(manifest: Manifest) -> tuple[Manifest, str]:
    """The manifest with its own digest as an annotation, and the digest."""
    mark = digest(manifest)
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), names.ANNOTATION_APPLIED: mark}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}, mark


def repair(snapshot: ClusterSnapshot, wanted: Sequence[Manifest]) -> list[Step]:
    """The steps that make the children as wanted, in the order of the manifests."""
    steps: list[Step] = []
    for manifest in wanted:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        complete, mark = sealed(manifest)
        child = snapshot.child(kind, name)
        if child is not None and snapshot.settled.get((kind, name)) == (child.version, mark):
            continue
        step = _step(complete, mark, child, known=(kind, name) in snapshot.settled)
        if step is not None:
            steps.append(step)
    return steps + _superfluous(snapshot, wanted)


def settled(
    snapshot: ClusterSnapshot, wanted: Iterable[Manifest], steps: Iterable[Step]
) -> dict[tuple[str, str], tuple[str, str]]:
    """The children that need no step, with the version and digest for which that was found."""
    busy = {(s.manifest["kind"], s.manifest["metadata"]["name"]) for s in steps if isinstance(s, Apply)}
    found = {}
    for manifest in wanted:
        key = (manifest["kind"], manifest["metadata"]["name"])
        child = snapshot.children.get(key)
        if child is not None and key not in busy:
            found[key] = (child.version, digest(manifest))
    return found


def _step(manifest: Manifest, mark: str, child: Child | None, *, known: bool) -> Apply | None:
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    if child is None:
        notice = Notice("Repaired", f"{what} was missing and was made again", warning=True) if known else None
        return Apply(words=f"made {what}", manifest=manifest, notice=notice)
    applied = (child.manifest["metadata"].get("annotations") or {}).get(names.ANNOTATION_APPLIED)
    if applied != mark:
        return Apply(words=f"changed {what}", manifest=manifest)
    difference = differs(manifest, child.manifest)
    if difference:
        text = f"{what} was changed by somebody else ({difference}) and was set back"
        return Apply(
            words=f"repaired {what}: {difference}", manifest=manifest, notice=Notice("Repaired", text, warning=True)
        )
    return None


def _superfluous(snapshot: ClusterSnapshot, wanted: Iterable[Manifest]) -> list[Step]:
    keep = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in wanted}
    owner = snapshot.view.metadata.uid
    return [
        Delete(
            words=f"deleted {child.kind} {child.name}, which is not wanted any more",
            kind=child.kind,
            namespace=snapshot.view.metadata.namespace,
            name=child.name,
            uid=child.uid,
        )
        for key, child in sorted(snapshot.children.items())
        if key not in keep and _owned_by(child, owner) and "deletionTimestamp" not in child.manifest["metadata"]
    ]


def _owned_by(child: Child, uid: str) -> bool:
    return any(reference.get("uid") == uid for reference in child.manifest["metadata"].get("ownerReferences") or ())


def differs(wanted: object, found: object, path: str = "") -> str:
    """Where `found` lacks what `wanted` asks for, as a path; nothing when it has it all. Quantities are compared as numbers."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return "" if wanted in EMPTY and found in EMPTY else path
        return next((w for key, value in wanted.items() if (w := differs(value, found.get(key), f"{path}.{key}"))), "")
    if isinstance(wanted, list):
        return _list_differs(wanted, found, path)
    if wanted == found or (wanted in EMPTY and found is None):
        return ""
    return "" if _number(wanted) is not None and _number(wanted) == _number(found) else path


def _list_differs(wanted: list[Any], found: object, path: str) -> str:
    if not isinstance(found, list):
        return "" if not wanted and found is None else path
    named = all(isinstance(item, dict) and "name" in item for item in [*wanted, *found])
    if named:
        by_name = {item["name"]: item for item in found}
        return next(
            (w for item in wanted if (w := differs(item, by_name.get(item["name"]), f"{path}[{item['name']}]"))), ""
        )
    if len(wanted) != len(found):
        return path
    pairs = enumerate(zip(wanted, found, strict=True))
    return next((w for i, (a, b) in pairs if (w := differs(a, b, f"{path}[{i}]"))), "")


def _number(value: object) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    try:
        return quantity.parse(str(value))
    except ValueError:
        return None
