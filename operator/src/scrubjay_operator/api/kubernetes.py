"""The parts of Kubernetes' own types that users write into a CacheCluster.

Spelled out, so that a typing mistake in them is refused. They follow core/v1 of Kubernetes 1.34 and are handed on to
the pod template as they are.
"""

from typing import Annotated, Literal

from pydantic import Field

from scrubjay_operator.api.model import Written


class Toleration(Written):
    """Lets pods be scheduled on nodes with a matching taint."""

    key: str | None = Field(default=None, description="Taint key; empty with operator Exists matches every taint.")
    operator: Literal["Exists", "Equal"] | None = Field(
        default=None, description="How the value is compared; Equal if left out."
    )
    value: str | None = Field(default=None, description="Taint value, with operator Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Taint effect; all of them if left out."
    )
    toleration_seconds: int | None = Field(
        default=None, description="With effect NoExecute: how long the pod stays after the taint appeared."
    )


class SelectorRequirement(Written):
    """One expression of a selector."""

    key: str = Field(description="Label key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(description="How it is compared.")
    values: list[str] | None = Field(default=None, description="What it is compared with.")


class LabelSelector(Written):
    """Selects objects by their labels; all conditions must hold."""

    match_labels: dict[str, str] | None = Field(default=None, description="Labels that must have these values.")
    match_expressions: list[SelectorRequirement] | None = Field(default=None, description="Expressions that must hold.")


class NodeSelectorTerm(Written):
    """Selects nodes; all conditions must hold."""

    match_expressions: list[SelectorRequirement] | None = Field(
        default=None, description="Conditions on the node's labels."
    )
    match_fields: list[SelectorRequirement] | None = Field(default=None, description="Conditions on the node's fields.")


class NodeSelector(Written):
    """Selects nodes; one of the terms must hold."""

    node_selector_terms: list[NodeSelectorTerm] = Field(description="Terms, any of which is enough.")


class PreferredNodes(Written):
    """A wish with a weight."""

    weight: Annotated[int, Field(ge=1, le=100)] = Field(description="1 to 100.")
    preference: NodeSelectorTerm = Field(description="The nodes that are preferred.")


class NodeAffinity(Written):
    """Which nodes the pods must or should run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = Field(
        default=None, description="Must hold."
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredNodes] | None = Field(
        default=None, description="Should hold."
    )


class PodAffinityTerm(Written):
    """Other pods, and how far "together" reaches."""

    topology_key: str = Field(
        description="Node label whose value counts as one place, such as topology.kubernetes.io/zone."
    )
    label_selector: LabelSelector | None = Field(default=None, description="The other pods.")
    namespaces: list[str] | None = Field(default=None, description="Where they are; this namespace if left out.")
    namespace_selector: LabelSelector | None = Field(
        default=None, description="Where they are, by labels of the namespace."
    )
    match_label_keys: list[str] | None = Field(
        default=None, description="Keys whose values are taken from the pod itself."
    )
    mismatch_label_keys: list[str] | None = Field(default=None, description="As matchLabelKeys, but must differ.")


class WeightedPodAffinityTerm(Written):
    """A wish with a weight."""

    weight: Annotated[int, Field(ge=1, le=100)] = Field(description="1 to 100.")
    pod_affinity_term: PodAffinityTerm = Field(description="The other pods.")


class PodAffinity(Written):
    """Which other pods the pods must or should run near to, or away from."""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] | None = Field(
        default=None, description="Must hold."
    )
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] | None = Field(
        default=None, description="Should hold."
    )


class Affinity(Written):
    """As in a pod's spec."""

    node_affinity: NodeAffinity | None = Field(default=None, description="Which nodes.")
    pod_affinity: PodAffinity | None = Field(default=None, description="Near which other pods.")
    pod_anti_affinity: PodAffinity | None = Field(default=None, description="Away from which other pods.")
