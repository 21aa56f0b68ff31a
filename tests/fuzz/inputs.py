"""Random inputs for the targets: from a seed, so that a run repeats."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import resp

LONGEST = 400
PIECES = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"*",
        b"$",
        b"*1\r\n",
        b"*3\r\n",
        b"$3\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"\x00",
    ),
    *(
        b"*2147483647\r\n",
        b"*1048577\r\n",
        b"$1048577\r\n",
        b"$4294967296\r\n",
        b"*99999999999999999999\r\n",
        b"$-2147483648\r\n",
    ),
    *(
        b'"',
        b"'",
        b"\\x",
        b"\\xff",
        b" ",
        b"PING\r\n",
        b"SET k v\r\n",
        b'GET "k"\r\n',
        b"set 'a b' \"\\x00\\n\"\r\n",
        b"\xff" * 5,
    ),
)
COMMANDS = (
    *(("PING",), ("SET", "k", "v"), ("GET", "k"), ("ECHO", "x" * 300), ("HELLO", "3"), ("HELLO", "2", "SETNAME", "me")),
    *(
        ("RPUSH", "l", *range(20)),
        ("LRANGE", "l", "0", "-1"),
        ("MULTI",),
        ("INCR", "n"),
        ("EXEC",),
        ("DISCARD",),
        ("WATCH", "k"),
    ),
    *(
        ("SUBSCRIBE", "ch"),
        ("UNSUBSCRIBE",),
        ("CLIENT", "REPLY", "OFF"),
        ("CLIENT", "REPLY", "ON"),
        ("CLIENT", "TRACKING", "ON"),
    ),
    *(
        ("BLPOP", "q", "0"),
        ("XREAD", "BLOCK", "0", "STREAMS", "s", "$"),
        ("RESET",),
        ("QUIT",),
        ("SELECT", "3"),
        ("MSET", *"abcdefgh"),
    ),
    *(
        ("INFO",),
        ("COMMAND", "COUNT"),
        ("CLIENT", "LIST"),
        ("CLIENT", "NO-EVICT", "on"),
        ("SORT", "l", "BY", "nosort", "GET", "#"),
    ),
)


def random_bytes(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(8, LONGEST))


def conversation(rng: random.Random) -> bytes:
    """Cuts, then some commands as they would be sent, with damage."""
    head = rng.randbytes(1) + rng.randbytes(8)
    stream = bytearray(b"".join(resp.encode(*rng.choice(COMMANDS)) for _ in range(rng.randrange(1, 8))))
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        at = rng.randrange(len(stream) + 1)
        change = rng.randrange(4)
        if change == 0:
            stream[at:at] = rng.choice(PIECES)
        elif change == 1:
            del stream[at : at + rng.randrange(1, 6)]
        elif change == 2:
            stream[at : at + 1] = rng.randbytes(1)
        else:
            del stream[at:]
    return head + bytes(stream)


MAKERS: dict[str, Callable[[random.Random], bytes]] = {
    "parser": conversation,
    "dispatch": random_bytes,
    "restore": random_bytes,
}


def inputs(target: str, seed: int) -> Iterator[bytes]:
    """Without end."""
    rng = random.Random(seed)
    while True:
        yield MAKERS[target](rng)
