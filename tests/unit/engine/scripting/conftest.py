"""A Lua state and a host that answers commands from a dictionary."""

from collections.abc import Callable, Sequence

import pytest

from script_host import RecordedHost
from scrubjay_engine.scripting.vm import LuaVM

Run = Callable[..., bytes]


@pytest.fixture
def host() -> RecordedHost:
    return RecordedHost({b"ping": b"+PONG\r\n"})


@pytest.fixture(scope="session")
def vm() -> LuaVM:
    return LuaVM()


@pytest.fixture
def run(vm: LuaVM, host: RecordedHost) -> Run:
    """Run a script and return its reply; the name in error texts is `sha`."""

    def run_script(code: str, keys: Sequence[bytes] = (), args: Sequence[bytes] = ()) -> bytes:
        reference = vm.compile(code.encode("latin-1"), b"@user_script")
        try:
            return vm.run(reference, [*keys, *args], 0, len(keys), host, b"sha")
        finally:
            vm.release(reference)

    return run_script
