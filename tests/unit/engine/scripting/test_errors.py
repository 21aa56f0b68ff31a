"""Error replies have Redis' texts, with the place in the script."""

from collections.abc import Callable

import pytest

from script_host import RecordedHost
from scrubjay_engine.scripting.vm import CompileError, LuaVM

Run = Callable[..., bytes]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("error('boo')", "ERR user_script:1: boo script: sha, on @user_script:1."),
        ("\n\nerror('boo')", "ERR user_script:3: boo script: sha, on @user_script:3."),
        ("error('boo', 0)", "ERR boo script: sha, on @user_script:1."),
        ("error({err='My own'})", "My own script: sha, on @user_script:1."),
        ("error()", "ERR nil script: sha, on @user_script:1."),
        ("return {err='My own'}", "My own"),
        ("return redis.error_reply('My own')", "My own"),
        ("return redis.error_reply('one')", "ERR one"),
        ("return redis.error_reply('-CODE text\\r\\n')", "CODE text"),
        ("return redis.error_reply(1)", "ERR wrong number or type of arguments"),
        (
            "redis.call()",
            "ERR Please specify at least one argument for this redis lib call script: sha, on @user_script:1.",
        ),
        (
            "redis.call({})",
            "ERR Lua redis lib command arguments must be strings or integers script: sha, on @user_script:1.",
        ),
        ("return redis.pcall({})", "ERR Lua redis lib command arguments must be strings or integers"),
        ("redis.sha1hex()", "ERR wrong number of arguments script: sha, on @user_script:1."),
        ("redis.log(1)", "ERR redis.log() requires two arguments or more. script: sha, on @user_script:1."),
        ("redis.log(7, 'x')", "ERR Invalid debug level. script: sha, on @user_script:1."),
        ("redis.setresp(4)", "ERR RESP version must be 2 or 3. script: sha, on @user_script:1."),
        (
            "redis.set_repl(9)",
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE. script: sha, on @user_script:1.",
        ),
        (
            "redis.acl_check_cmd('nosuch')",
            "ERR Invalid command passed to redis.acl_check_cmd() script: sha, on @user_script:1.",
        ),
    ],
)
def test_texts(run: Run, code: str, text: str) -> None:
    assert run(code) == f"-{text}\r\n".encode()


def test_a_command_that_fails(run: Run, host: RecordedHost, vm: LuaVM) -> None:
    host.replies[b"incr"] = b"-WRONGTYPE Operation against a key\r\n"
    assert (
        run("return redis.call('incr', 'k')")
        == b"-WRONGTYPE Operation against a key script: sha, on @user_script:1.\r\n"
    )
    assert vm.outcome == 2
    assert run("return redis.pcall('incr', 'k')") == b"-WRONGTYPE Operation against a key\r\n"
    assert vm.outcome == 2
    assert run("return redis.pcall('incr', 'k').err") == b"$34\r\nWRONGTYPE Operation against a key\r\n".replace(
        b"34", b"33"
    )
    assert vm.outcome == 0
    assert (
        run("local ok, error = pcall(redis.call, 'incr', 'k') return error")
        == b"$33\r\nWRONGTYPE Operation against a key\r\n"
    )
    assert run("return redis.error_reply('MY code')") == b"-MY code\r\n"
    assert vm.outcome == 1


def test_text_that_does_not_compile(vm: LuaVM) -> None:
    with pytest.raises(CompileError, match=r"user_script:1: '=' expected near 'error'"):
        vm.compile(b"syntax error", b"@user_script")


def test_a_bug_in_the_host_ends_the_script_and_is_seen(run: Run) -> None:
    with pytest.raises(KeyError):
        run("pcall(redis.call, 'unprepared') return 1")
    assert run("return 1") == b":1\r\n"
