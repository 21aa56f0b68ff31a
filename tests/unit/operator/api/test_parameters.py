"""Parameters: what is taken, what is refused, and whether the refusal says what to do."""

import pytest

from scrubjay_operator.api import parameters
from scrubjay_operator.api.parameters import Option, ParameterProblem

OPTIONS = {
    row.name: row
    for row in (
        Option("hz", "integer", True, "10", False, minimum=1, maximum=500),
        Option("active-expire-effort", "integer", True, "1", False, minimum=1, maximum=10),
        Option("loglevel", "enum", True, "notice", False, enum=("debug", "notice")),
        Option("lazyfree-lazy-eviction", "boolean", True, "no", False),
        Option("proto-max-bulk-len", "memory", True, "512mb", False, minimum=2**20),
        Option("notify-keyspace-events", "string", True, "", False),
        Option("maxmemory-clients", "memory-or-percent", True, "0", False, minimum=-100),
        Option("replica-priority", "integer", True, "100", False, aliases=("slave-priority",)),
        Option("latency-ratio", "float", True, "1", False, minimum=0),
        Option("maxmemory", "memory", True, "0", True),
        Option("secret-handshake", "string", False, "", True),
    )
}


def message(name: str, value: str) -> str:
    (problem,) = parameters.problems({name: value}, OPTIONS)
    assert problem.name == name
    return problem.message


def test_good_ones_have_no_problems() -> None:
    good = {
        "hz": "50",
        "loglevel": "DEBUG",
        "lazyfree-lazy-eviction": "yes",
        "proto-max-bulk-len": "2gb",
        "notify-keyspace-events": "Ex",
        "latency-ratio": "0.5",
        "maxmemory-clients": "5%",
    }
    assert parameters.problems(good, OPTIONS) == []
    assert parameters.accepted(good, OPTIONS) == good


def test_unknown_one_is_named_with_its_nearest() -> None:
    assert message("activ-expire-efort", "1") == (
        'unknown parameter "activ-expire-efort": did you mean "active-expire-effort"?'
    )
    assert message("HZ", "1") == 'unknown parameter "HZ": did you mean "hz"?'
    assert message("flux-capacitor", "on") == 'unknown parameter "flux-capacitor": the engine has no such option'


def test_old_name_is_told_its_new_one() -> None:
    assert message("slave-priority", "10") == 'parameter "slave-priority" has a new name: "replica-priority"'


def test_managed_one_says_what_to_do_instead() -> None:
    assert message("maxmemory", "1gb") == (
        'parameter "maxmemory" is set by the operator: '
        "it is derived from resources.limits.memory and memory.reservedPercent"
    )
    assert "set by the operator" in message("tls-port", "6380")
    assert "set by the operator" in message("secret-handshake", "x")
    assert message("maxmemry", "1gb") == (
        'unknown parameter "maxmemry": did you mean "maxmemory"? That one is set by the operator.'
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("hz", "0", "it must be at least 1"),
        ("hz", "501", "it must be at most 500"),
        ("maxmemory-clients", "101%", "it must be 1% to 100%, or bytes"),
        ("maxmemory-clients", "some", "it must be a number of bytes"),
        ("hz", "ten", "it must be a number"),
        ("hz", "1.5", "it must be a number"),
        ("loglevel", "loud", "it must be one of debug, notice"),
        ("lazyfree-lazy-eviction", "true", 'it must be "yes" or "no"'),
        ("proto-max-bulk-len", "lots", "it must be a number of bytes such as 100mb"),
        ("proto-max-bulk-len", "1kb", "it must be at least 1048576"),
        ("notify-keyspace-events", "E\nrequirepass x", "it must be one line without control characters"),
    ],
)
def test_wrong_values(name: str, value: str, words: str) -> None:
    assert words in message(name, value)
    assert "\n" not in message(name, value)


def test_units_are_those_of_redis_conf() -> None:
    sized = {"sized": Option("sized", "memory", True, "0", False, minimum=1001, maximum=1024)}
    assert [problem.message for problem in parameters.problems({"sized": "1k"}, sized)]
    assert parameters.problems({"sized": "1kb"}, sized) == []


def test_one_mistake_does_not_stop_the_rest() -> None:
    given = {"hz": "20", "nonsense": "1", "loglevel": "loud"}
    assert parameters.accepted(given, OPTIONS) == {"hz": "20"}
    assert [problem.name for problem in parameters.problems(given, OPTIONS)] == ["loglevel", "nonsense"]
    assert parameters.problems({}, OPTIONS) == []
    assert isinstance(parameters.problems(given, OPTIONS)[0], ParameterProblem)


def test_table_is_sound() -> None:
    """Every default is a value that the check itself takes."""
    for name, row in parameters.table().items():
        assert row.type in ("boolean", "integer", "float", "memory", "memory-or-percent", "enum", "string"), name
        if not row.managed:
            assert parameters.problems({name: row.default}) == []
