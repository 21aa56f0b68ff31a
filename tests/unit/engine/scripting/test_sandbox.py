"""Scripts can change nothing but their own tables, and get at nothing outside the interpreter."""

from collections.abc import Callable

import pytest

from scrubjay_engine.scripting.vm import LuaVM

Run = Callable[..., bytes]
READONLY = b"Attempt to modify a readonly table"


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "_G = {}",
        "redis = 1",
        "redis.call = 1",
        "string.format = 1",
        "math.random = 1",
        "KEYS = {}",
        "cjson.encode = 1",
        "cmsgpack.pack = 1",
        "bit.band = 1",
        "struct.pack = 1",
        "table.insert = 1",
        "coroutine.wrap = 1",
        "_G.x = 1",
        "_G._G._G.x = 1",
        "setmetatable(_G, {})",
        "setmetatable(redis, {})",
        "getmetatable(_G).__index = {}",
        "getmetatable(_G)[1] = 1",
        "getmetatable('').__index = 1",
        "getmetatable('').__index.upper = 1",
        "rawset(_G, 'x', 1)",
        "rawset(string, 'x', 1)",
        "rawset(getmetatable(''), '__index', 1)",
        "table.insert(_G, 1)",
        "table.insert(redis, 1)",
        "for _, value in pairs(_G) do if type(value) == 'table' then value.x = 1 end end",
        "for _, value in next, _G do if type(value) == 'table' then rawset(value, 'x', 1) end end",
        "setmetatable({}, {__newindex = redis}).x = 1",
    ],
)
def test_shared_tables_cannot_be_changed(run: Run, code: str) -> None:
    assert READONLY in run(code)
    assert (
        run("local count = 0 for _ in pairs(_G) do count = count + 1 end return type(redis.call)")
        == b"$8\r\nfunction\r\n"
    )


@pytest.mark.parametrize(
    "name",
    [
        "print",
        "dofile",
        "loadfile",
        "require",
        "module",
        "package",
        "io",
        "os",
        "debug",
        "newproxy",
        "setfenv",
        "getfenv",
    ],
)
def test_there_is_no_way_out(run: Run, name: str) -> None:
    assert (
        run(f"return {name}")
        == (
            f"-ERR user_script:1: Script attempted to access nonexistent global variable '{name}' script: sha, on @user_script:1.\r\n"
        ).encode()
    )


def test_byte_code_is_not_loaded(run: Run, vm: LuaVM) -> None:
    assert b"char(27)" in run("local _, error = loadstring(string.dump(function() return 1 end)) return error")
    assert b"char(27)" in run(
        "local code = string.dump(function() end) local done local _, error = load(function() if not done then done = 1 return code end end) return error"
    )


def test_source_is_loaded(run: Run) -> None:
    assert run("return loadstring('return 5')()") == b":5\r\n"
    assert run("local i = 0 return load(function() i = i + 1 return ({'return ', '7'})[i] end)()") == b":7\r\n"
    assert run("local f = load(function() error('no') end) return tostring(f)") == b"$3\r\nnil\r\n"


def test_guards_are_invisible_to_readers(run: Run) -> None:
    assert run("return rawget(redis, 'LOG_WARNING')") == b":3\r\n"
    assert run("return tostring(next(string) ~= nil)") == b"$4\r\ntrue\r\n"
    assert run("local names = {} for name in pairs(bit) do names[#names + 1] = name end return #names") == b":12\r\n"
    assert run("return ('abc'):upper()") == b"$3\r\nABC\r\n"
    assert run("return tostring(getmetatable(redis))") == b"$3\r\nnil\r\n"


def test_own_tables_are_free(run: Run) -> None:
    assert run(
        "local t = setmetatable({}, {__index = function(_, key) return key .. '!' end}) rawset(t, 'a', 1) return {t.a, t.b}"
    ) == (b"*2\r\n:1\r\n$2\r\nb!\r\n")
    assert run("local t = {3, 1, 2} table.sort(t) table.insert(t, 9) return t") == b"*4\r\n:1\r\n:2\r\n:3\r\n:9\r\n"


def test_nothing_is_left_for_the_next_script(run: Run) -> None:
    run("KEYS[1] = 'changed' KEYS.extra = redis", keys=[b"k"])
    assert run("return {KEYS[1], tostring(KEYS.extra)}", keys=[b"k"]) == b"*2\r\n$1\r\nk\r\n$3\r\nnil\r\n"


def test_unpack_does_not_overflow(run: Run) -> None:
    assert b"too many results to unpack" in run("return unpack({}, -2147483648, 2147483647)")
    assert b"too many results to unpack" in run("return unpack({}, 0, 2147483647)")


def test_memory_is_given_back(vm: LuaVM, run: Run) -> None:
    for _ in range(200):
        run("local t = {} for i = 1, 1000 do t[i] = i end return #t")
    before = vm.memory()
    for _ in range(2000):
        run("local t = {} for i = 1, 1000 do t[i] = i end return #t")
    assert vm.memory() < before * 3


def test_stack_overflow_and_deep_results_are_errors(run: Run) -> None:
    assert b"stack overflow" in run("local function f() return 1 + f() end return f()")
    assert b"-ERR reached lua stack limit\r\n" in run("local t = {} t[1] = t return t")
