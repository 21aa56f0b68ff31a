"""`oom-score-adj`: the kernel's figure for a real process follows the options and the role."""

from __future__ import annotations

from pathlib import Path

import pytest

import resp
import servers


def score(server: servers.Server) -> int:
    return int(Path(f"/proc/{server.pid}/oom_score_adj").read_text())


def test_the_score_follows_the_role_and_is_put_back() -> None:
    with servers.scrubjay() as server, server.connect() as one:
        base = score(server)
        one.call("CONFIG", "SET", "oom-score-adj-values", "10 20 30")
        assert score(server) == base
        one.call("CONFIG", "SET", "oom-score-adj", "yes")
        assert score(server) == base + 10
        one.call("CONFIG", "SET", "oom-score-adj-values", "15 20 30")
        assert score(server) == base + 15
        one.call("REPLICAOF", "127.0.0.1", servers.free_port())
        assert score(server) == base + 20
        one.call("CONFIG", "SET", "oom-score-adj", "absolute", "oom-score-adj-values", f"{base + 3} {base + 7} 0")
        assert score(server) == base + 7


def test_a_score_that_was_there_before_comes_back() -> None:
    with (
        servers.scrubjay("--oom-score-adj", "yes", "--oom-score-adj-values", "5 6 7") as server,
        server.connect() as one,
    ):
        raised = score(server)
        one.call("CONFIG", "SET", "oom-score-adj", "no")
        assert score(server) == raised - 5


@pytest.mark.parametrize("values", ["-2001 0 0", "0 0 2001", "1 2", "a b c"])
def test_values_that_cannot_be(values: str) -> None:
    with (
        servers.scrubjay() as server,
        server.connect() as one,
        pytest.raises(resp.ErrorReply, match="oom-score-adj-values"),
    ):
        one.call("CONFIG", "SET", "oom-score-adj-values", values)
