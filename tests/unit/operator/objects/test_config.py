"""The configuration: what stands in the file, what is told live, and what makes pods start anew."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clusters import cache_cluster
from scrubjay_operator.api import parameters
from scrubjay_operator.objects import config


def file_of(spec: dict[str, Any]) -> dict[str, str]:
    lines = config.render(cache_cluster(spec)).splitlines()
    return dict(line.split(" ", 1) for line in lines if not line.startswith("#"))


def test_file_has_the_operators_options_and_the_users() -> None:
    options = file_of(
        {"parameters": {"maxclients": 5000, "notify-keyspace-events": "Ex"}, "resources": {"limits": {"memory": "1Gi"}}}
    )
    assert options["port"] == "6379"
    assert options["admin-port"] == "7379"
    assert options["dir"] == "/data"
    assert options["save"] == '""'
    assert options["maxmemory"] == str(2**30 - -(-(2**30) // 10))
    assert options["maxmemory-policy"] == "volatile-lru"
    assert options["maxclients"] == "5000"
    assert options["notify-keyspace-events"] == "Ex"
    assert options["include"] == "/etc/scrubjay-auth/auth.conf"


def test_refused_parameters_stay_out_of_the_file() -> None:
    spec = {"parameters": {"maxclients": "many", "maxmemory": "5gb", "nonsense": "1", "timeout": "10"}}
    options = file_of(spec)
    assert "maxclients" not in options
    assert "nonsense" not in options
    assert options["maxmemory"] != "5gb"
    assert options["timeout"] == "10"


def test_live_options_return_to_their_defaults_when_taken_out() -> None:
    default = parameters.table()["maxclients"].default
    assert config.live_options(cache_cluster({"parameters": {"maxclients": 77}}))["maxclients"] == "77"
    assert config.live_options(cache_cluster())["maxclients"] == default


def test_own_defaults_go_behind_the_users_and_before_the_engines() -> None:
    spec: dict[str, Any] = {"resources": {"limits": {"memory": "1Gi"}}}
    for read in (config.live_options(cache_cluster(spec)), file_of(spec)):
        assert read["repl-backlog-size"] == str(32 * 2**20)
        assert read["repl-diskless-sync-delay"] == "0"
    spec["parameters"] = {"repl-backlog-size": "2mb"}
    assert config.live_options(cache_cluster(spec))["repl-backlog-size"] == "2mb"
    assert file_of(spec)["repl-backlog-size"] == "2mb"


def test_live_options_hold_the_memory_and_nothing_that_is_managed() -> None:
    live = config.live_options(cache_cluster({"memory": {"evictionPolicy": "allkeys-lfu"}}))
    assert live["maxmemory-policy"] == "allkeys-lfu"
    assert int(live["maxmemory"]) > 0
    assert not {"port", "dir", "requirepass"} & set(live)


def test_only_options_that_need_a_restart_change_the_hash() -> None:
    plain = config.restart_hash(cache_cluster())
    assert config.restart_hash(cache_cluster({"parameters": {"maxclients": 77}})) == plain
    assert config.restart_hash(cache_cluster({"memory": {"reservedPercent": 50}})) == plain
    assert config.restart_hash(cache_cluster({"parameters": {"nonsense": 1}})) == plain
    assert config.restart_hash(cache_cluster({"parameters": {"databases": 3}})) != plain
    assert re.fullmatch(r"[0-9a-f]{16}", plain)


@given(st.text(max_size=40))
def test_a_quoted_value_is_one_argument_on_one_line(value: str) -> None:
    """Read back by the rules of redis.conf (sdssplitargs): whatever the value, nothing escapes from it."""
    text = config.quoted(value)
    assert "\n" not in text
    assert text.isascii()
    assert split_arguments(text) == [value.encode()]


def split_arguments(line: str) -> list[bytes]:
    """What redis-server makes of a line that holds plain or double-quoted arguments."""
    arguments = []
    for quoted, plain in re.findall(r'"((?:\\.|[^"\\])*)"|(\S+)', line):
        if plain:
            arguments.append(plain.encode())
            continue
        pieces = re.findall(r"\\x([0-9a-f]{2})|\\(.)|([^\\])", quoted)
        arguments.append(
            b"".join(bytes.fromhex(code) if code else (escaped or other).encode() for code, escaped, other in pieces)
        )
    return arguments
