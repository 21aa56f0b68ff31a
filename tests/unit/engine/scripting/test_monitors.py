"""MONITOR and scripts: the line of a call is made when somebody watches, and only then."""

from scrubjay_engine.commands.scripting import show_monitors
from scrubjay_engine.core import gates
from scrubjay_engine.core.client import Client
from scrubjay_engine.core.engine import Engine
from scrubjay_engine.core.keyspace import Keyspace


def test_a_call_is_shown_only_to_watchers() -> None:
    engine = Engine(Keyspace(1))
    shown: list[list[bytes]] = []
    engine.on_monitor = lambda client, args: shown.append(args)
    client = Client.detached(engine)
    show_monitors(client, [b"EVAL", b"return 1", b"0"])
    assert not shown, "a line was made for nobody"
    engine.set_gate(gates.MONITORS, True)
    show_monitors(client, [b"EVAL", b"return 1", b"0"])
    assert shown == [[b"EVAL", b"return 1", b"0"]]
