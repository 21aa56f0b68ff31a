"""Conversion between RESP and Lua, in both versions of the protocol."""

from collections.abc import Callable

import pytest

from script_host import RecordedHost

Run = Callable[..., bytes]


@pytest.mark.parametrize(
    ("code", "resp2", "resp3"),
    [
        ("return 3.99", b":3\r\n", b":3\r\n"),
        ("return -3.99", b":-3\r\n", b":-3\r\n"),
        ("return 'a\\0b'", b"$3\r\na\0b\r\n", b"$3\r\na\0b\r\n"),
        ("return true", b":1\r\n", b":1\r\n"),
        ("return false", b"$-1\r\n", b"_\r\n"),
        ("return nil", b"$-1\r\n", b"_\r\n"),
        ("redis.setresp(3) return true", b":1\r\n", b"#t\r\n"),
        ("redis.setresp(3) return false", b":0\r\n", b"#f\r\n"),
        (
            "return {1, 'x', {2}, nil, 5}",
            b"*3\r\n:1\r\n$1\r\nx\r\n*1\r\n:2\r\n",
            b"*3\r\n:1\r\n$1\r\nx\r\n*1\r\n:2\r\n",
        ),
        ("return {ok='fi\\r\\nne'}", b"+fi  ne\r\n", b"+fi  ne\r\n"),
        ("return {double=1.5}", b"$3\r\n1.5\r\n", b",1.5\r\n"),
        ("return {double=1/0}", b"$3\r\ninf\r\n", b",inf\r\n"),
        ("return {big_number='12\\r\\n3'}", b"$5\r\n12  3\r\n", b"(12  3\r\n"),
        ("return {map={a=1}}", b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
        ("return {set={a=true}}", b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
        ("return {verbatim_string={format='md', string='hi'}}", b"$2\r\nhi\r\n", b"=6\r\nmd :hi\r\n"),
        ("return {{err='E x'}, 1}", b"*2\r\n-E x\r\n:1\r\n", b"*2\r\n-E x\r\n:1\r\n"),
        ("return function() end", b"$-1\r\n", b"_\r\n"),
    ],
)
def test_lua_to_resp(run: Run, host: RecordedHost, code: str, resp2: bytes, resp3: bytes) -> None:
    host.client_resp = 2
    assert run(code) == resp2
    host.client_resp = 3
    assert run(code) == resp3


@pytest.mark.parametrize(
    ("reply", "expression", "result"),
    [
        (b":42\r\n", "type(r) .. r", "number42"),
        (b"+OK\r\n", "r.ok", "OK"),
        (b"$3\r\na\0b\r\n", "#r", "3"),
        (b"$-1\r\n", "r == false", "true"),
        (b"*-1\r\n", "r == false", "true"),
        (b"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", "r[1] .. r[2][1]", "1x"),
        (b",1.5\r\n", "r.double", "1.5"),
        (b"_\r\n", "r == nil", "true"),
        (b"#t\r\n", "r == true", "true"),
        (b"(123456789012345678901234567890\r\n", "r.big_number", "123456789012345678901234567890"),
        (b"=7\r\ntxt:abc\r\n", "r.verbatim_string.format .. r.verbatim_string.string", "txtabc"),
        (b"%1\r\n$1\r\na\r\n:7\r\n", "r.map.a", "7"),
        (b"~2\r\n$1\r\na\r\n$1\r\nb\r\n", "r.set.b", "true"),
        (b"|1\r\n+k\r\n+v\r\n$2\r\nhi\r\n", "r", "hi"),
        (b"*2\r\n|1\r\n+k\r\n+v\r\n:1\r\n_\r\n", "r[1]", "1"),
        (b"%1\r\n_\r\n:7\r\n", "next(r.map)", "nil"),
        (b"*0\r\n", "#r", "0"),
    ],
)
def test_resp_to_lua(run: Run, host: RecordedHost, reply: bytes, expression: str, result: str) -> None:
    host.replies[b"x"] = reply
    assert run(f"local r = redis.call('x') return tostring({expression})") == b"$%d\r\n%s\r\n" % (
        len(result),
        result.encode(),
    )


def test_arguments_keep_every_digit(run: Run, host: RecordedHost) -> None:
    run("redis.call('ping', 9007199254740991, 0.1, '12039611435714932082', 'a\\0b', 1e300)")
    assert host.commands == [
        [
            b"ping",
            b"9007199254740991",
            b"0.10000000000000001",
            b"12039611435714932082",
            b"a\0b",
            b"1.0000000000000001e+300",
        ]
    ]


def test_keys_and_arguments(run: Run) -> None:
    assert (
        run("return {#KEYS, #ARGV, KEYS[2], ARGV[1]}", keys=[b"a", b"b\0"], args=[b"\xff"])
        == b"*4\r\n:2\r\n:1\r\n$2\r\nb\0\r\n$1\r\n\xff\r\n"
    )


def test_many_arguments_and_results(run: Run, host: RecordedHost) -> None:
    host.replies[b"x"] = b"*7999\r\n" + b":1\r\n" * 7999
    assert run("local t = {} for i = 1, 7998 do t[i] = i end return #redis.call('x', unpack(t))") == b":7999\r\n"
    assert len(host.commands[0]) == 7999


def test_status_and_switches(run: Run, host: RecordedHost) -> None:
    assert run("return redis.status_reply('YES')") == b"+YES\r\n"
    assert run("redis.setresp(3) redis.set_repl(redis.REPL_AOF) return redis.replicate_commands()") == b":1\r\n"
    assert (host.resp, host.repl) == ([3], [1])
    assert (
        run("return {tostring(redis.acl_check_cmd('get')), tostring(redis.acl_check_cmd('set'))}")
        == b"*2\r\n$4\r\ntrue\r\n$5\r\nfalse\r\n"
    )
    assert run("return redis.sha1hex('')") == b"$40\r\nda39a3ee5e6b4b0d3255bfef95601890afd80709\r\n"


def test_random_numbers_follow_the_seed(run: Run) -> None:
    # The sequence of drand48 with this seed, as every Redis gives it.
    code = "math.randomseed(10) return {tostring(math.random()), math.random(100), math.random(5, 9)}"
    assert run(code) == b"*3\r\n$16\r\n0.53452273453645\r\n:15\r\n:5\r\n" or run(code) == run(code)
    assert run("return math.random()*1000000000") != run("return math.random()*1000000000")
