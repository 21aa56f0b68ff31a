"""Scripts that take long: others are served meanwhile, and the script can be ended whatever it does."""

from collections.abc import Callable

import pytest

from script_host import RecordedHost
from scrubjay_engine.scripting.vm import LoadError, LuaVM

Run = Callable[..., bytes]


class StoppingHost(RecordedHost):
    def __init__(self, turns: int) -> None:
        super().__init__({b"ping": b"+PONG\r\n"})
        self.busy_after_ms = 1
        self.turns = turns

    def busy(self) -> bool:
        self.turns -= 1
        return self.turns == 0


@pytest.mark.parametrize(
    "code",
    [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do redis.call('ping') end",
        "while true do local c = coroutine.wrap(function() while true do end end) pcall(c) end",
        "local f = function() while 1 do redis.pcall('ping') end end while 1 do pcall(f) end",
    ],
)
def test_a_script_is_ended(vm: LuaVM, code: str) -> None:
    host = StoppingHost(turns=3)
    reply = vm.run(vm.compile(code.encode(), b"@user_script"), [], 0, 0, host, b"sha")
    assert b"killed by user" in reply
    assert host.turns == 0
    assert (
        vm.run(
            vm.compile(b"local n = 0 for i = 1, 1000000 do n = n + 1 end return n", b"@s"),
            [],
            0,
            0,
            StoppingHost(-1),
            b"sha",
        )
        == b":1000000\r\n"
    )


def test_a_library_has_limited_time_to_load() -> None:
    libraries = LuaVM(functions=True)
    with pytest.raises(LoadError, match="ERR FUNCTION LOAD timeout"):
        libraries.load(b"while true do end", b"@user_function", lambda *_: None, 20)
