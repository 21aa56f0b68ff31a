"""Names of children: they fit Kubernetes' limits and never meet those of another cluster."""

import re

from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.api import names
from scrubjay_operator.api.spec import MAX_REPLICAS, MAX_SHARDS

LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")  # DNS label as Services need it
cluster_names = st.from_regex(r"[a-z][-a-z0-9]{0,44}[a-z0-9]", fullmatch=True).filter(
    lambda name: not name.endswith(names.RESERVED_SUFFIXES)
)


def services(cluster: str) -> set[str]:
    return {names.primary_service(cluster), names.reader_service(cluster), names.headless_service(cluster)}


def test_longest_names_fit() -> None:
    cluster = "c" * names.MAX_CLUSTER_NAME
    assert len(names.pod(cluster, MAX_SHARDS - 1, MAX_REPLICAS)) <= 63
    # a StatefulSet labels its pods with its name, "-" and a hash of at most 10
    assert len(names.stateful_set(cluster, MAX_SHARDS - 1)) + 11 <= 63
    assert all(LABEL.fullmatch(name) and len(name) <= 63 for name in services(cluster))


@given(cluster_names, cluster_names)
def test_no_two_clusters_of_a_namespace_share_a_name(one: str, other: str) -> None:
    if one == other:
        return
    assert services(one).isdisjoint(services(other))
    assert names.config_map(one) != names.config_map(other)
    assert names.auth_secret(one) != names.auth_secret(other)


def test_selectors_are_parts_of_the_labels() -> None:
    assert names.shard_selector("c", 2).items() <= names.shard_labels("c", 2).items()
    assert names.cluster_selector("c").items() <= names.labels("c").items()


def test_hosts_and_endpoints() -> None:
    assert names.pod_host("c", names.pod("c", 0, 1), "shop") == "c-0-1.c-nodes.shop.svc"
    assert names.endpoint(names.reader_service("c"), "shop") == "c-reader.shop.svc:6379"
