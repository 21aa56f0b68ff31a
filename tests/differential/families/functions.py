"""Libraries of functions: loading, flags, calling, dumping and restoring, and what each refuses."""

from differential import compare
from differential.grammar import TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("k1", "k2", "list")
KEY = pool(*KEYS)
BODIES = (
    "return redis.call('set', keys[1], args[1])",
    "return {keys, args}",
    "return redis.call('incr', keys[1])",
    "return redis.call('lrange', 'list', 0, -1)",
    "error('raised')",
    "return {err='MY error'}",
    "return {double=1.5}",
    "return server",
    "x = 1",
    "return redis.setresp(3)",
    "return redis.register_function('late', function() end)",
)
FLAGS = (
    "",
    ", flags={'no-writes'}",
    ", flags={'allow-oom'}",
    ", flags={'allow-stale', 'no-cluster'}",
    ", flags={'bad'}",
    ", flags='x'",
    ", description='d'",
)
LIBRARY = pool(
    *(
        f"#!lua name={library}\nredis.register_function{{function_name='{name}', callback=function(keys, args) {body} end{flags}}}"
        for number, body in enumerate(BODIES)
        for library, name in (("one", "f1"), ("two", "f2"))
        for flags in (FLAGS[number % len(FLAGS)], FLAGS[0])
    ),
    "#!lua name=one\nlocal n = 0\nredis.register_function('f1', function() n = n + 1 return n end)\nredis.register_function('f3', function() return n end)",
    "#!lua name=two\nredis.register_function('f1', 1)", "#!lua name=two\nredis.register_function('f1')", "#!lua name=two\nredis.register_function({})",
    "#!lua name=two\nredis.register_function('bad name', function() end)", "#!lua name=two name=x\nreturn 1", "#!lua bad=two\nreturn 1",
    "#!lua name=\nreturn 1", "#!js name=two\nreturn 1", "#!lua name=two", "", "#!lua name=two\nreturn redis.call('get', 'k1')", "#!lua name=two\nx = 5",
    "#!lua name=two\nthis is no lua",
)  # fmt: skip
CALL = pool(
    ("0",), ("1", "k1", "v"), ("1", "k1"), ("2", "k1", "k2", "a", "b"), ("-1",), ("3", "k1"), ("x",), ("1", "list", "1")
)

FAMILY = Family(
    "functions",
    one_of(
        command("FUNCTION LOAD", maybe("REPLACE"), LIBRARY),
        command("FUNCTION LOAD", "REPLACE", LIBRARY),
        command("FCALL", pool("f1", "f2", "f3", "late", "nosuch", "F1"), CALL),
        command("FCALL_RO", pool("f1", "f2", "nosuch"), CALL),
        command("SET", KEY, TEXT),
        command("RPUSH", pool("list"), some(TEXT)),
        rare=(
            command("FUNCTION DELETE", pool("one", "two", "nosuch")),
            command("FUNCTION LIST", maybe(either("LIBRARYNAME one", "LIBRARYNAME one WITHCODE", "LIBRARYNAME", "BAD", "WITHCODE WITHCODE")), way=compare.unordered_throughout),
            command("FUNCTION FLUSH", maybe(either("SYNC", "ASYNC", "x"))),
            command("FUNCTION STATS"),
            command("FUNCTION KILL"),
            command("FUNCTION RESTORE", TEXT, maybe(either("APPEND", "FLUSH", "REPLACE", "BAD"))),
            command("FUNCTION", either("BAD", "LOAD", "DUMP x", "HELP x")),
            command("EVAL", "return redis.call('fcall', 'f1', 0)", "0"),
            command("CONFIG GET", "lua-time-limit"),
        ),
    ),
    KEYS,
)  # fmt: skip
