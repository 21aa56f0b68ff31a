"""Libraries change all or nothing."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from script_host import RecordedHost
from scrubjay_engine.core.errors import CommandError
from scrubjay_engine.scripting.libraries import Libraries
from scrubjay_engine.scripting.payload import dump_payload, payload_codes


def library(name: str, *functions: str) -> bytes:
    body = "".join(f"redis.register_function('{each}', function() return '{name}.{each}' end)\n" for each in functions)
    return f"#!lua name={name}\n{body}".encode()


def call(libraries: Libraries, name: str) -> bytes:
    function = libraries.function(name.encode())
    return libraries.vm.run(function.reference, [], 0, 0, RecordedHost({}), function.name)


def test_load_and_call_in_either_case() -> None:
    libraries = Libraries()
    assert libraries.load(library("lib", "one", "Two")) == b"lib"
    assert call(libraries, "ONE") == b"$7\r\nlib.one\r\n"
    assert call(libraries, "two") == b"$7\r\nlib.Two\r\n"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"#!lua name=l\nbad(", "ERR Error compiling function: user_function:2: unexpected symbol near '<eof>'"),
        (
            b"#!lua name=l\nlocal x = nil; x.y = 1",
            "ERR Error registering functions: ERR user_function:2: attempt to index local 'x'",
        ),
        (b"#!lua name=l\nreturn 1", "ERR No functions registered"),
        (
            b"#!lua name=l\nredis.call('ping')",
            "ERR Error registering functions: ERR user_function:2: Script attempted to access",
        ),
        (
            b"#!lua name=l\npairs({})",
            "ERR Error registering functions: ERR user_function:2: Script attempted to access",
        ),
        (b"#!js name=l\n", "ERR Engine 'js' not found"),
        (b"#!lua name=taken\nredis.register_function('x', function() end)", "ERR Library 'taken' already exists"),
        (b"#!lua name=l\nredis.register_function('F', function() end)", "ERR Function F already exists"),
    ],
)
def test_a_failed_load_changes_nothing(code: bytes, text: str) -> None:
    libraries = Libraries()
    libraries.load(library("taken", "f"))
    with pytest.raises(CommandError) as refused:
        libraries.load(code)
    assert str(refused.value).startswith(text)
    assert libraries.codes() == [library("taken", "f")]
    assert call(libraries, "f") == b"$7\r\ntaken.f\r\n"


def test_what_a_library_keeps_to_itself_lasts_from_call_to_call() -> None:
    libraries = Libraries()
    libraries.load(b"#!lua name=l\nlocal n = 0\nredis.register_function('count', function() n = n + 1 return n end)")
    assert [call(libraries, "count") for _ in range(3)] == [b":1\r\n", b":2\r\n", b":3\r\n"]


def test_payloads() -> None:
    codes = [library("a", "x"), library("b", "y" * 300)]
    assert payload_codes(dump_payload(codes)) == codes
    assert payload_codes(dump_payload([])) == []
    payload = dump_payload(codes)
    for damaged in (b"", b"short", payload[:-1], payload[:20] + b"\0" + payload[21:]):
        with pytest.raises(CommandError, match="DUMP payload version or checksum are wrong"):
            payload_codes(damaged)


class LibrariesAgainstAModel(RuleBasedStateMachine):
    """Loads, restores and deletions against a dictionary of names."""

    names = st.sampled_from(["a", "b", "c"])
    functions = st.sets(st.sampled_from(["f", "g", "h", "F"]), min_size=1, max_size=2)

    def __init__(self) -> None:
        super().__init__()
        self.libraries = Libraries()
        self.model: dict[str, frozenset[str]] = {}

    def taken(self, names: set[str], model: dict[str, frozenset[str]]) -> bool:
        held = [each.lower() for functions in model.values() for each in functions]
        lowered = [each.lower() for each in names]
        return len(set(held + lowered)) < len(held) + len(lowered)

    @rule(name=names, functions=functions, replace=st.booleans())
    def load(self, name: str, functions: set[str], replace: bool) -> None:
        others = {key: value for key, value in self.model.items() if key != name}
        refused = (name in self.model and not replace) or self.taken(functions, others)
        try:
            self.libraries.load(library(name, *sorted(functions)), replace)
        except CommandError:
            assert refused
        else:
            assert not refused
            self.model = {**others, name: frozenset(functions)}

    @rule(name=names)
    def delete(self, name: str) -> None:
        try:
            self.libraries.delete(name.encode())
        except CommandError:
            assert name not in self.model
        else:
            del self.model[name]

    @rule(added=st.dictionaries(names, functions, max_size=2), policy=st.sampled_from(["append", "replace", "flush"]))
    def restore(self, added: dict[str, set[str]], policy: str) -> None:
        kept = {} if policy == "flush" else {key: value for key, value in self.model.items() if key not in added}
        wanted = dict(kept)
        refused = policy == "append" and any(name in self.model for name in added)
        for name, functions in added.items():
            refused = refused or self.taken(functions, wanted)
            wanted[name] = frozenset(functions)
        try:
            self.libraries.restore([library(name, *sorted(each)) for name, each in added.items()], policy)
        except CommandError:
            assert refused
        else:
            assert not refused
            self.model = wanted

    @invariant()
    def the_same_functions_answer(self) -> None:
        assert {name.decode() for name in self.libraries.libraries} == set(self.model)
        assert self.libraries.function_count == sum(len(functions) for functions in self.model.values())
        for name, functions in self.model.items():
            for each in functions:
                text = f"{name}.{each}".encode()
                assert call(self.libraries, each) == b"$%d\r\n%s\r\n" % (len(text), text)


LibrariesAgainstAModel.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestLibraries = LibrariesAgainstAModel.TestCase
