from typing import Any

from scrubjay_engine.core.client import Client
from scrubjay_engine.core.command import Command
from scrubjay_engine.values.hash_value import HashValue

def read_hash(client: Client, name: bytes) -> HashValue | None:
    """The hash of a key for reading, without expired fields; None when there is none."""

def write_hash(client: Client, name: bytes) -> HashValue | None:
    """The hash of a key that is about to be changed, without expired fields; None when there is none."""

def install(server: Any) -> None: ...
def table() -> list[Command]: ...
