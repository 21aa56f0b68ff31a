"""What is fuzzed: the protocol parser, the dispatch of commands with all their options, and RESTORE of damaged payloads.

A target takes one input (bytes), does what it says to a `World`, and raises AssertionError where something is wrong: a reply that is
not RESP, a handler that failed, a value whose invariants are broken. A crash of the process is found by whoever runs it.
"""

from __future__ import annotations

import io

from fuzz.source import Source
from fuzz.world import FORBIDDEN, World
from scrubjay_engine.persistence.checksum import crc64

KEYS = [b"k%d" % index for index in range(6)]
WORDS = (
    b"0 1 2 3 -1 5 10 100 -100 255 1000 65536 4294967296 9223372036854775807 -9223372036854775808 1.5 -2.25 1e3 nan inf -inf +inf "
    b"a b c abc field member 0-0 1-1 5-5 0-1 18446744073709551615-1 $ > * - + (1 (a [a [c ( [ u8 i16 u63 i64 #1 AND OR XOR NOT "
    b"EX PX EXAT PXAT NX XX GT LT CH INCR GET KEEPTTL PERSIST LEFT RIGHT BEFORE AFTER RANK COUNT MAXLEN MINID LIMIT MATCH TYPE "
    b"STREAMS GROUP CREATE MKSTREAM SETID DESTROY CREATECONSUMER DELCONSUMER ENTRIESREAD NOACK BLOCK ID IDLE TIME RETRYCOUNT FORCE "
    b"JUSTID LASTID ~ = NOMKSTREAM BYSCORE BYLEX REV WITHSCORES WITHVALUES WITHSCORE WEIGHTS AGGREGATE SUM MIN MAX STORE BY ALPHA "
    b"ASC DESC FROMLONLAT FROMMEMBER BYRADIUS BYBOX WITHCOORD WITHDIST WITHHASH STOREDIST ANY m km ft mi 13.361389 38.115556 180 "
    b"REPLACE ABSTTL IDLETIME FREQ DB COPY SET OVERFLOW WRAP SAT FAIL INCRBY BIT BYTE LEN IDX MINMATCHLEN WITHMATCHLEN FIELDS FNX "
    b"FXX FULL STREAM GROUPS CONSUMERS HELP ENCODING REFCOUNT ON OFF SKIP YES NO g c * ? h*llo [a-c]* async sync"
).split()


def is_resp(reader: io.BytesIO) -> bool:
    """Reads one reply; False where the bytes are no RESP."""
    line = reader.readline()
    kind, rest = line[:1], line[1:-2]
    if not line.endswith(b"\r\n") or kind not in b"+-:,#_($=!*~>%|":
        return False
    if kind in b"+-:,#_(":
        return True
    size = int(rest)
    if kind in b"$=!":
        return size < 0 or len(reader.read(size + 2)) == size + 2
    if kind in b"*~>%|":
        return all(is_resp(reader) for _ in range(size * (2 if kind in b"%|" else 1)))
    return False


def assert_replies(data: bytes, what: object) -> None:
    """Every byte belongs to a whole reply."""
    reader = io.BytesIO(data)
    while reader.tell() < len(data):
        assert is_resp(reader), f"no RESP before byte {reader.tell()} of {data[-300:]!r} after {what!r}"


# -- the parser --------------------------------------------------------------------------------------------------------


def parser(world: World, data: bytes) -> None:
    """The input's bytes arrive at a connection, cut into pieces at places that the input itself names."""
    source = Source(data)
    cuts = [source.below(64) for _ in range(source.below(8))]
    connection, peer = world.connect()
    if source.byte() & 1:
        connection.set_protocol(3)
    stream = source.rest()
    replies = bytearray()
    with peer:
        for size in [*cuts, len(stream)]:
            piece, stream = stream[: size + 1], stream[size + 1 :]
            replies += world.exchange(connection, peer, piece)
        if b"REPLY" not in data.upper():  # within MULTI it cuts EXEC's reply short, in Redis, too
            assert_replies(bytes(replies), data)
        connection.close()
    world.check()


# -- dispatch ----------------------------------------------------------------------------------------------------------


def dispatch(world: World, data: bytes) -> None:
    """The input chooses commands and their arguments, mostly of the right kind; they run one after another on the same keys."""
    source = Source(data)
    table = world.server.engine.commands
    names = sorted(command.name for command in table.all if command.name.split("|")[0] not in FORBIDDEN)
    world.renew()
    world.client.set_protocol(2 + (source.byte() & 1))
    ran: list[list[bytes]] = []
    while source and len(ran) < 30:
        name = source.choice(names)
        words = [word.encode() for word in name.split("|")]
        if source.byte() % 4:
            words.append(source.choice(KEYS))
        words += [argument(source) for _ in range(source.below(8))]
        ran.append(words)
        assert_replies(world.run(words), ran)
    world.check()


def argument(source: Source) -> bytes:
    kind = source.below(8)
    if kind < 2:
        return source.choice(KEYS)
    return source.piece() if kind == 2 else source.choice(WORDS)


# -- RESTORE -----------------------------------------------------------------------------------------------------------

BUILDERS = (
    (b"SET k text", b"DUMP k"),
    (b"RPUSH k a 1 22 4444444444 long-" + b"x" * 100, b"DUMP k"),
    (b"HSET k a 1 b 2 c text", b"DUMP k"),
    (b"HSET k f " + b"y" * 100, b"DUMP k"),
    (b"SADD k 1 2 300 70000 5000000000", b"DUMP k"),
    (b"SADD k a b c 1", b"DUMP k"),
    (b"ZADD k 1 a 2 b -inf c 3.25 d", b"DUMP k"),
    (b"ZADD k 1 " + b"z" * 100, b"DUMP k"),
    (b"XADD k 1-1 f v", b"XADD k 2-1 f v g w", b"XADD k 3-0 h x", b"XDEL k 2-1", b"XGROUP CREATE k g 0", b"DUMP k"),
    (b"XADD k 1-1 f v", b"XGROUP CREATE k g 0", b"XREADGROUP GROUP g c STREAMS k >", b"DUMP k"),
    (b"PFADD k a b c", b"DUMP k"),
)
PROBES = (
    *(
        b"TYPE k",
        b"OBJECT ENCODING k",
        b"MEMORY USAGE k",
        b"STRLEN k",
        b"LRANGE k 0 -1",
        b"LINSERT k BEFORE a z",
        b"LPOP k",
    ),
    *(b"HGETALL k", b"HSET k a 5", b"HDEL k b", b"SMEMBERS k", b"SADD k zz", b"SREM k a 1", b"SPOP k"),
    *(
        b"ZRANGE k 0 -1 WITHSCORES",
        b"ZADD k 9 a",
        b"ZREM k b",
        b"ZPOPMIN k",
        b"XRANGE k - +",
        b"XADD k * f v",
        b"XDEL k 1-1",
    ),
    *(
        b"XINFO STREAM k FULL",
        b"XREADGROUP GROUP g c STREAMS k 0",
        b"XTRIM k MAXLEN 1",
        b"PFCOUNT k",
        b"PFADD k q",
        b"COPY k k2",
    ),
    *(b"DUMP k", b"DEL k"),
)


def restore(world: World, data: bytes) -> None:
    """A real payload with some bytes changed and its checksum made right again is either refused or a sound value."""
    source = Source(data)
    for line in (builder := source.choice(BUILDERS))[:-1]:
        world.run(line.split(b" "))
    reply = world.run(builder[-1].split(b" "))
    payload = bytearray(reply[reply.index(b"\n") + 1 : -2])
    world.run([b"DEL", b"k"])
    for _ in range(1 + source.below(6)):
        payload[source.below(len(payload) - 8)] = source.byte()
    if source.byte() % 8 == 0:
        del payload[source.below(len(payload) - 10) : -10]
    payload[-8:] = crc64(bytes(payload[:-8])).to_bytes(8, "little")
    replies = world.run([b"RESTORE", b"k", b"0", bytes(payload)])
    for probe in PROBES:
        replies += world.run(probe.split(b" "))
    assert_replies(replies, bytes(payload))
    world.check()


TARGETS = {"parser": parser, "dispatch": dispatch, "restore": restore}
