"""Keys of every type and encoding, put into any server that speaks RESP: what persistence and replication must carry."""

from __future__ import annotations

import resp


def fill(connection: resp.Connection, *, functions: bool = False, field_expiry: bool = False, big: int = 3000) -> None:
    """Fill databases 0 and 3. Values lie on both sides of the limits between compact and large encodings."""
    far = 4102444800000  # the year 2100
    commands: list[tuple[resp.Argument, ...]] = [("SELECT", 0)]
    texts: list[bytes | str] = [
        "",
        "0",
        "-1",
        "127",
        "-32768",
        "2147483647",
        "-2147483648",
        "2147483648",
        "007",
        "x" * 21,
    ]
    texts += [b"\x00\xff\r\n" * 10, "abc" * 1000, bytes(range(256)) * 300, "9223372036854775807", "-0", "3.14"]
    commands += [("SET", f"string:{i}", text) for i, text in enumerate(texts)]
    commands += [("SET", "expires", "soon", "PXAT", far), ("SET", b"\x00binary key\r\n", "v")]
    for size in (1, 5, 300, big):
        items = [f"{'item' if i % 3 else ''}{i * 7919 - 5000}" for i in range(size)]
        commands.append(("RPUSH", f"list:{size}", *items))
        commands.append(("SADD", f"set:{size}", *items))
        commands.append(("SADD", f"intset:{size}", *[i * 7919 - 5000 for i in range(size)]))
        commands.append(("HSET", f"hash:{size}", *[part for item in items for part in (item, item[::-1])]))
        scores = [float(i) * 1.25 - 100 for i in range(size)]
        commands.append(
            ("ZADD", f"zset:{size}", *[p for pair in zip(map(repr, scores), items, strict=True) for p in pair])
        )
        commands += [("XADD", f"stream:{size}", f"{i + 1}-{i % 3 + 1}", "field", item) for i, item in enumerate(items)]
    commands += [
        ("ZADD", "zset:edges", "-inf", "a", "inf", "b", "0", "c", "1048576", "d", "0.5", "e"),
        ("RPUSH", "list:large elements", "y" * 20000, "z" * 9000, "small"),
        ("HSET", "hash:long value", "f", "v" * 100, "g", "w" * 70),
        ("PEXPIREAT", "hash:5", far + 1),
        ("SADD", "intset:wide", 1, 70000, 5000000000),
        ("PFADD", "hll", *[f"element{i}" for i in range(500)]),
        ("XADD", "stream:mixed", "5-1", "a", "1", "b", "2"),
        ("XADD", "stream:mixed", "5-2", "other", "fields"),
        ("XADD", "stream:mixed", "6-1", "a", "-5", "b", "70000"),
        ("XDEL", "stream:mixed", "5-2"),
        ("XGROUP", "CREATE", "stream:300", "group", "0"),
        ("XGROUP", "CREATE", "stream:300", "idle", "$"),
        ("XREADGROUP", "GROUP", "group", "alice", "COUNT", "10", "STREAMS", "stream:300", ">"),
        ("XREADGROUP", "GROUP", "group", "bob", "COUNT", "20", "STREAMS", "stream:300", ">"),
        ("XACK", "stream:300", "group", "1-1"),
        ("XADD", "stream:empty", "7-7", "a", "b"),
        ("XDEL", "stream:empty", "7-7"),
        ("SELECT", 3),
        ("SET", "in three", "3"),
        ("SELECT", 0),
    ]
    if functions:
        commands.append(
            ("FUNCTION", "LOAD", "#!lua name=sample\nredis.register_function('answer', function() return 42 end)")
        )
    if field_expiry:
        commands += [
            ("HSET", "hash:fields expire", "a", "1", "b", "2"),
            ("HPEXPIREAT", "hash:fields expire", far, "FIELDS", 1, "a"),
        ]
    for frame in connection.pipeline(commands):
        assert not frame.is_error, frame


def contents(connection: resp.Connection, databases: tuple[int, ...] = (0, 3)) -> dict[tuple[int, bytes], object]:
    """Everything a client can see of the keys, as comparable Python values; the connection ends in database 0."""
    found: dict[tuple[int, bytes], object] = {}
    for db in databases:
        connection.call("SELECT", db)
        keys = connection.call("KEYS", "*")
        assert isinstance(keys, list)
        for key in keys:
            assert isinstance(key, bytes)
            found[db, key] = (
                connection.call("PEXPIRETIME" if _knows_expiretime(connection) else "PTTL", key),
                _value(connection, key),
            )
    connection.call("SELECT", 0)
    return found


def _knows_expiretime(connection: resp.Connection) -> bool:
    return not connection.frame("PEXPIRETIME", "").is_error


def _value(connection: resp.Connection, key: bytes) -> object:
    kind = connection.call("TYPE", key)
    match kind:
        case b"string":
            return connection.call("GET", key)
        case b"list":
            return connection.call("LRANGE", key, 0, -1)
        case b"set":
            members = connection.call("SMEMBERS", key)
            return sorted(m for m in members if isinstance(m, bytes)) if isinstance(members, list) else members
        case b"hash":
            flat = connection.call("HGETALL", key)
            assert isinstance(flat, list)
            return dict(zip(map(bytes, flat[::2]), flat[1::2], strict=True))  # type: ignore[arg-type]
        case b"zset":
            return connection.call("ZRANGE", key, 0, -1, "WITHSCORES")
        case b"stream":
            return connection.call("XRANGE", key, "-", "+"), _groups(connection, key)
    raise AssertionError(f"{key!r} is a {kind!r}")


def _groups(connection: resp.Connection, key: bytes) -> object:
    groups = connection.call("XINFO", "GROUPS", key)
    assert isinstance(groups, list)
    found = []
    for group in groups:
        assert isinstance(group, list)
        facts = dict(zip(map(bytes, group[::2]), group[1::2], strict=True))  # type: ignore[arg-type]
        name = facts[b"name"]
        assert isinstance(name, bytes)
        pending = connection.call("XPENDING", key, name, "-", "+", 1000)
        assert isinstance(pending, list)
        owners = [(row[0], row[1], row[3]) for row in pending if isinstance(row, list)]
        found.append((name, facts[b"last-delivered-id"], facts[b"pending"], owners))
    return found
