"""Small readers: inline requests, glob patterns, options, key specifications, hash slots, SipHash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_engine.commands.glob import glob_matches
from scrubjay_engine.config import Config, ConfigError
from scrubjay_engine.core.command import command, key, keys, keyword, numkeys
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.core.inline import split_inline
from scrubjay_engine.core.slots import slot_of
from scrubjay_engine.values.hashing import siphash


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"SET a b", [b"SET", b"a", b"b"]),
        (b"  ", []),
        (b"SET \"a b\" 'c d'", [b"SET", b"a b", b"c d"]),
        (b'"\\x41\\n\\t\\\\\\""', [b'A\n\t\\"']),
        (b"'it\\'s'", [b"it's"]),
        (b'"unbalanced', None),
        (b'"a"b', None),
        (b"a'b c'", [b"ab c"]),
    ],
)
def test_inline_requests_are_read_as_a_shell_would(line: bytes, words: list[bytes] | None) -> None:
    assert split_inline(line) == words


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (b"*", b"", True),
        (b"h?llo", b"hello", True),
        (b"h[ae]llo", b"hillo", False),
        (b"h[^e]llo", b"hallo", True),
        (b"h[a-c]llo", b"hbllo", True),
        (b"h\\*llo", b"h*llo", True),
        (b"h\\*llo", b"hello", False),
        (b"a*b*c", b"a123b456c", True),
        (b"a*b*c", b"a123b456", False),
        (b"[", b"[", False),
        (b"[abc", b"c", True),
        (b"*a*a*a*a*a*a*a*b", b"a" * 2000, False),
    ],
)
def test_glob(pattern: bytes, text: bytes, matches: bool) -> None:
    assert glob_matches(pattern, text) is matches


@given(st.binary(max_size=20), st.binary(max_size=40))
def test_glob_never_fails(pattern: bytes, text: bytes) -> None:
    glob_matches(pattern, text)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_glob_agrees_with_fnmatch(pattern: str, text: str) -> None:
    import fnmatch

    assert glob_matches(pattern.encode(), text.encode()) == fnmatch.fnmatchcase(text, pattern)


def test_an_unknown_option_is_named_with_its_nearest_match() -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'max-memory'; did you mean 'maxmemory'\?"):
        Config().load(["--max-memory", "1gb"])


def test_a_bad_value_says_what_would_do() -> None:
    with pytest.raises(ConfigError, match="option 'appendonly' can't be 'maybe': argument must be 'yes' or 'no'"):
        Config().load(["--appendonly", "maybe"])


def test_config_set_is_all_or_nothing() -> None:
    config = Config()
    with pytest.raises(CommandError, match=r"CONFIG SET failed.*'maxmemory-policy'"):
        config.set_live([("maxmemory", "1mb"), ("maxmemory-policy", "nonsense")])
    assert config["maxmemory"] == 0


def test_old_names_and_new_names_are_one_option() -> None:
    config = Config()
    config.set_live([("slave-serve-stale-data", "no")])
    assert config.matching(["*-serve-stale-data"]) == {"replica-serve-stale-data": "no", "slave-serve-stale-data": "no"}


def test_memory_units() -> None:
    config = Config()
    config.load(["--maxmemory", "2gb", "--repl-backlog-size", "10k"])
    assert config["maxmemory"] == 2 * 1024**3
    assert config["repl-backlog-size"] == 10_000


def test_keys_are_found_by_specification() -> None:
    args = b"CMD a b c d e".split()
    assert command("x", None, -1, keys=keys(1, -1, 2)).keys(args) == [b"a", b"c", b"e"]
    assert command("x", None, -1, keys=[*key(1), *key(3)]).keys(args) == [b"a", b"c"]
    assert command("x", None, -1, keys=numkeys(1)).keys(b"CMD 2 k1 k2 rest".split()) == [b"k1", b"k2"]
    assert command("x", None, -1, keys=numkeys(1)).keys(b"CMD 9 k1 k2".split()) == []
    streams = command("xread", None, -1, keys=keyword("STREAMS", 1, "RO access", -1, 1, 2))
    assert streams.keys(b"XREAD COUNT 1 STREAMS s t 0 0".split()) == [b"s", b"t"]


def test_slots_are_those_of_the_cluster_specification() -> None:
    assert slot_of(b"123456789") == 12739
    assert slot_of(b"{user1000}.following") == slot_of(b"{user1000}.followers") == slot_of(b"user1000")
    assert slot_of(b"foo{}{bar}") != slot_of(b"bar")
    assert slot_of(b"foo{{bar}}zap") == slot_of(b"{bar")


def test_siphash_is_keyed() -> None:
    assert siphash(b"key", 1, 2) != siphash(b"key", 1, 3)
    assert siphash(b"key", 1, 2) == siphash(b"key", 1, 2)
