"""EVAL and functions: conversions between Lua and RESP, errors, KEYS and ARGV, redis.* calls."""

from hypothesis import strategies as st

from differential import compare
from differential.grammar import TEXT, Family, command, either, maybe, one_of, pool, some

KEYS = ("k1", "k2", "list", "hash", "zset")
KEY = pool(*KEYS)
RETURNS = pool(
    *(
        "1",
        "3.99",
        "-0",
        "nil",
        "true",
        "false",
        "'text'",
        "''",
        "{}",
        "{1,2,{3,'x'}}",
        "{1,nil,3}",
        "{ok='fine'}",
        "{err='ERR bad'}",
    ),
    *(
        "{err='bad'}",
        "{double=3.5}",
        "{map={a=1}}",
        "{set={a=true}}",
        "{1, {err='ERR x'}}",
        "redis.status_reply('S')",
        "redis.error_reply('E text')",
    ),
    *(
        "redis.error_reply('MY CODE')",
        "#KEYS",
        "KEYS[1]",
        "ARGV[1]",
        "ARGV",
        "redis.sha1hex('a')",
        "tostring(1e15)",
        "2^53",
        "1/0",
        "tonumber('0x10')",
    ),
    *(
        "cjson.encode({1,2,{a='b'}})",
        "cjson.decode('[1,{\"a\":null}]')[1]",
        "cmsgpack.unpack(cmsgpack.pack({1,'x'}))",
        "bit.band(12, 10)",
    ),
    *(
        "bit.tohex(255)",
        "struct.pack('>I2', 258)",
        "{struct.unpack('<i4', '\\1\\2\\3\\4')}",
        "string.format('%5.2f|%q', 3.14159, 'a\"b')",
    ),
    *(
        "redis.REPL_ALL",
        "redis.LOG_WARNING",
        "type(redis.breakpoint)",
        "undefined_variable",
        "type(os.clock())",
        "math.floor(-3.5)",
        "print",
    ),
    *(
        "table.concat({1,2,3}, ',')",
        "select('#', unpack({1,nil,3}))",
        "string.rep('a', 3)",
        "pcall(error, 'x')",
        "{pcall(error, {err='ERR y'})}",
        "_G",
    ),
)
CALLS = pool(
    *(
        "redis.call('get', KEYS[1])",
        "redis.call('set', KEYS[1], ARGV[1])",
        "redis.call('incr', KEYS[1])",
        "redis.call('lrange', 'list', 0, -1)",
    ),
    *(
        "redis.call('hgetall', 'hash')",
        "redis.pcall('incr', 'list')",
        "redis.call('incr', 'list')",
        "redis.call('nosuch')",
        "redis.call('get')",
    ),
    *(
        "redis.call()",
        "redis.call('zscore', 'zset', 'a')",
        "redis.call('zrange', 'zset', 0, -1, 'withscores')",
        "redis.call('set', KEYS[1], 10)",
    ),
    *(
        "redis.call('set', KEYS[1], 1.5)",
        "redis.call('ping')",
        "redis.call('blpop', 'list', 0)",
        "redis.call('subscribe', 'a')",
        "redis.call('eval', 'return 1', 0)",
    ),
    *(
        "redis.call('exists', KEYS[1], KEYS[2])",
        "redis.call('rpush', 'list', unpack(ARGV))",
        "redis.pcall('nosuch')['err']",
        "redis.call('set', 'k1', {})",
    ),
    *(
        "redis.call('multi')",
        "redis.call('script', 'flush')",
        "redis.call('config', 'get', 'maxmemory')",
        "redis.call('mget', KEYS[1], 'list')",
    ),
)
WHOLE = pool(
    "for i=1,3 do redis.call('rpush', 'list', i) end return redis.call('llen', 'list')",
    "redis.setresp(3) return redis.call('hgetall', 'hash')",
    "redis.setresp(3) return redis.call('zscore', 'zset', 'a')",
    "redis.setresp(4)",
    "local t = {} for i=1,#KEYS do t[i] = redis.call('type', KEYS[i]) end return t",
    "global = 1",
    "error('raised')",
    "error({err='ERR table'})",
    "return syntax error",
    "#!lua\nreturn redis.call('set', 'k1', 'v')",
    "#!lua flags=no-writes\nreturn redis.call('set', 'k1', 'v')",
    "#!lua flags=bad\nreturn 1",
    "#!js\nreturn 1",
    "redis.replicate_commands() return 1",
    "return redis.set_repl(redis.REPL_NONE)",
    "local a = {} ; a[1] = a ; return 1",
    "return loadstring('return 5')()",
    "return redis.acl_check_cmd('set', 'a', 'b')",
)
SCRIPT = st.one_of(RETURNS.map(lambda text: f"return {text}"), CALLS.map(lambda text: f"return {text}"), WHOLE)
ARGUMENTS = st.one_of(
    st.tuples(pool(1), KEY, some(TEXT, least=0, most=2)),
    st.tuples(pool(2), KEY, KEY, some(TEXT, least=0, most=2)),
    st.tuples(pool(0, -1, 5, "x")),
)
LIBRARY = pool(
    "#!lua name=one\nredis.register_function('f1', function(keys, args) return redis.call('set', keys[1], args[1]) end)",
    "#!lua name=one\nredis.register_function{function_name='f2', callback=function(keys, args) return {keys, args} end, flags={'no-writes'}}",
    "#!lua name=two\nredis.register_function('f1', function() return 1 end)",
    "#!lua name=two\nreturn 1",
    "#!lua\nreturn 1",
    "return 1",
    "#!lua name=bad-name\nredis.register_function('f', function() end)",
    "#!lua name=three\nredis.call('ping')",
)

FAMILY = Family(
    "scripts",
    one_of(
        command("EVAL", SCRIPT, ARGUMENTS),
        command("EVAL", SCRIPT, ARGUMENTS),
        command("EVAL_RO", SCRIPT, ARGUMENTS),
        command("SCRIPT LOAD", SCRIPT),
        command(
            "EVALSHA",
            pool("e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "ffffffffffffffffffffffffffffffffffffffff", "x"),
            ARGUMENTS,
        ),
        command(
            "SCRIPT EXISTS",
            some(pool("e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "a5260dd66ce02462c5b5231c727b3f7772c0bcc5", "x")),
        ),
        command("FUNCTION LOAD", maybe("REPLACE"), LIBRARY),
        command("FCALL", pool("f1", "f2", "nosuch"), ARGUMENTS),
        command("FCALL_RO", pool("f1", "f2"), ARGUMENTS),
        rare=(
            command(
                "FUNCTION LIST",
                maybe(either("WITHCODE", "LIBRARYNAME one", "LIBRARYNAME t* WITHCODE")),
                way=compare.unordered_throughout,
            ),
            command("FUNCTION DELETE", pool("one", "two", "nosuch")),
            command("FUNCTION FLUSH", maybe(either("SYNC", "ASYNC", "x"))),
            command("SCRIPT FLUSH"),
            command("SCRIPT KILL"),
            command("FUNCTION KILL"),
            command("HSET", pool("hash"), "f", pool(1, "x")),
            command("ZADD", pool("zset"), pool(1.5, 2), "a"),
            command("RPUSH", pool("list"), TEXT),
            command("SET", pool("k1", "k2"), TEXT),
        ),
    ),
    KEYS,
)
