"""The `redis` table of scripts and functions, and the watch over the time they take.

The functions reach the engine through the `ScriptHost` of the running script (see host.py). Each is two functions: one that may touch Python objects and
leaves its result or an error table on the stack, and the one Lua calls, which raises the error when nothing of Python is held any more.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.math cimport floor
from libc.stdint cimport int32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport realloc
from libc.time cimport time

from scrubjay_engine.core.command cimport Arg

from .lua51 cimport (
    LUA_GLOBALS,
    LUA_MASKCOUNT,
    LUA_MASKLINE,
    LUA_REGISTRY,
    LUA_TFUNCTION,
    LUA_TNIL,
    LUA_TNUMBER,
    LUA_TSTRING,
    LUA_TTABLE,
    load_api,
    lua,
    lua_CFunction,
    lua_Debug,
    lua_Hook,
    lua_State,
)
from .reply cimport push_error, push_reply
from .sandbox cimport protect, set_missing_guard
from .interpreter import library

import hashlib

load_api(library())

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec* now)
    enum:
        CLOCK_MONOTONIC

cdef enum:
    # The hook runs once in this many instructions of the interpreter.
    HOOK_INSTRUCTIONS = 100000
    VERSION_NUMBER = 0x0007000F

cdef const char* VERSION = b"7.0.15"

# The words of the command that a script runs; one script runs at a time.
cdef Arg* words = NULL
cdef int words_room = 0


cdef class Running:
    pass


cdef class WordsHost:
    cdef int run_words(self, Arg* words, int count, const char** reply, size_t* size) except -1:
        raise NotImplementedError


cdef Running running = None


cdef void set_running(Running script) noexcept:
    global running
    running = script


cdef long long monotonic_ms() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000LL + now.tv_nsec // 1000000


# Errors

cdef int fail(lua_State* L, const char* text) noexcept nogil:
    """Raise a table `{err = "ERR text"}`."""
    cdef size_t size = 0
    while text[size]:
        size += 1
    push_error(L, text, size)
    return lua.error(L)


cdef void push_text_error(lua_State* L, const char* text) noexcept nogil:
    cdef size_t size = 0
    while text[size]:
        size += 1
    push_error(L, text, size)


# redis.call, redis.pcall, redis.acl_check_cmd

cdef bint place_words(lua_State* L, int count) noexcept nogil:
    """Fill `words` with the arguments, which stay on the stack (numbers as texts of 17 digits). False, with an error table alone on the stack, when they are no command."""
    global words, words_room
    cdef char number[64]
    cdef int index, size
    cdef Arg* grown
    if count == 0:
        push_text_error(L, b"Please specify at least one argument for this redis lib call")
        return False
    if count > words_room:
        grown = <Arg*> realloc(words, count * sizeof(Arg))
        if grown == NULL:
            lua.L_error(L, b"not enough memory")
        words = grown
        words_room = count
    for index in range(count):
        if lua.type(L, index + 1) == LUA_TNUMBER:
            size = snprintf(number, sizeof(number), b"%.17g", lua.tonumber(L, index + 1))
            lua.pushlstring(L, number, <size_t> size)
            lua.replace(L, index + 1)
        words[index].data = lua.tolstring(L, index + 1, <size_t*> &words[index].size)
        if words[index].data == NULL:
            lua.settop(L, 0)
            push_text_error(L, b"Lua redis lib command arguments must be strings or integers")
            return False
    return True


cdef list word_list(int count):
    cdef int index
    return [PyBytes_FromStringAndSize(words[index].data, words[index].size) for index in range(count)]


cdef int run_command(lua_State* L) noexcept:
    """Run the command on the stack and push its reply; 1 when that is an error."""
    cdef int count = lua.gettop(L)
    cdef bytes text
    cdef const char* data
    cdef size_t size
    cdef object host = running.host
    if not place_words(L, count):
        return 1
    try:
        if isinstance(host, WordsHost):
            (<WordsHost> host).run_words(words, count, &data, &size)
        else:
            text = host.call(word_list(count))
            data = PyBytes_AS_STRING(text)
            size = <size_t> PyBytes_GET_SIZE(text)
    except BaseException as error:
        # Given to the caller of the script once Lua is off the stack; for Lua it is an error like any other.
        running.fault = error
        running.killed = True
        data = b"-ERR internal error\r\n"
        size = 21
    lua.settop(L, 0)
    push_reply(L, data, data + size)
    return data[0] == c"-"


cdef int redis_call(lua_State* L) noexcept:
    if running is None or running.host is None:
        return fail(L, b"redis.call/pcall can only be called inside a script invocation")
    if run_command(L):
        return lua.error(L)
    return 1


cdef int redis_pcall(lua_State* L) noexcept:
    if running is None or running.host is None:
        return fail(L, b"redis.call/pcall can only be called inside a script invocation")
    run_command(L)
    return 1


cdef int check_command(lua_State* L) noexcept:
    cdef int count = lua.gettop(L)
    if not place_words(L, count):
        return 1
    try:
        allowed = running.host.acl_check(word_list(count))
    except BaseException as error:
        running.fault = error
        running.killed = True
        allowed = None
    lua.settop(L, 0)
    if allowed is None:
        push_text_error(L, b"Invalid command passed to redis.acl_check_cmd()")
        return 1
    lua.pushboolean(L, <bint> allowed)
    return 0


cdef int redis_acl_check_cmd(lua_State* L) noexcept:
    if running is None or running.host is None:
        return fail(L, b"redis.acl_check_cmd can only be called inside a script invocation")
    if check_command(L):
        return lua.error(L)
    return 1


# Small functions

cdef void sha1_hex(lua_State* L) noexcept:
    cdef size_t size
    cdef const char* data = lua.tolstring(L, 1, &size)
    cdef bytes digest = hashlib.sha1(data[:size] if data != NULL else b"").hexdigest().encode()
    lua.pushlstring(L, PyBytes_AS_STRING(digest), 40)


cdef int redis_sha1hex(lua_State* L) noexcept:
    if lua.gettop(L) != 1:
        return fail(L, b"wrong number of arguments")
    sha1_hex(L)
    return 1


cdef int redis_error_reply(lua_State* L) noexcept nogil:
    cdef size_t size
    cdef const char* text
    if lua.gettop(L) != 1 or lua.type(L, 1) != LUA_TSTRING:
        push_text_error(L, b"wrong number or type of arguments")
        return 1
    if lua.tolstring(L, 1, NULL)[0] != c"-":
        lua.pushstring(L, b"-")
        lua.insert(L, 1)
        lua.concat(L, 2)
    text = lua.tolstring(L, 1, &size)
    push_error(L, text, size)
    return 1


cdef int redis_status_reply(lua_State* L) noexcept nogil:
    if lua.gettop(L) != 1 or lua.type(L, 1) != LUA_TSTRING:
        push_text_error(L, b"wrong number or type of arguments")
        return 1
    lua.createtable(L, 0, 1)
    lua.pushvalue(L, 1)
    lua.setfield(L, -2, b"ok")
    return 1


cdef void tell_host_repl(int flags) noexcept:
    running.host.set_repl(flags)


cdef int redis_set_repl(lua_State* L) noexcept:
    cdef int flags
    if running is None or running.host is None:
        return fail(L, b"redis.set_repl can only be called inside a script invocation")
    if lua.gettop(L) != 1:
        return fail(L, b"redis.set_repl() requires two arguments.")
    flags = <int> lua.tonumber(L, 1)
    if flags & ~3:
        return fail(L, b"Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
    tell_host_repl(flags)
    return 0


cdef void tell_host_resp(int version) noexcept:
    running.script_resp = version
    running.host.set_resp(version)


cdef int redis_setresp(lua_State* L) noexcept:
    cdef int version
    if running is None or running.host is None:
        return fail(L, b"redis.setresp can only be called inside a script invocation")
    if lua.gettop(L) != 1:
        return fail(L, b"redis.setresp() requires one argument.")
    version = <int> lua.tonumber(L, 1)
    if version != 2 and version != 3:
        return fail(L, b"RESP version must be 2 or 3.")
    tell_host_resp(version)
    return 0


cdef void write_log(lua_State* L, int level) noexcept:
    cdef size_t size
    cdef const char* data
    cdef int index
    cdef list parts = []
    for index in range(2, lua.gettop(L) + 1):
        data = lua.tolstring(L, index, &size)
        if data != NULL:
            parts.append(data[:size])
    script_log(level, b" ".join(parts))


cdef int redis_log(lua_State* L) noexcept:
    cdef int level
    if lua.gettop(L) < 2:
        return fail(L, b"redis.log() requires two arguments or more.")
    if not lua.isnumber(L, 1):
        return fail(L, b"First argument must be a number (log level).")
    level = <int> lua.tonumber(L, 1)
    if level < 0 or level > 3:
        return fail(L, b"Invalid debug level.")
    write_log(L, level)
    return 0


cdef int redis_replicate_commands(lua_State* L) noexcept nogil:
    lua.pushboolean(L, 1)
    return 1


cdef int redis_breakpoint(lua_State* L) noexcept nogil:
    # No debugger: a breakpoint never stops.
    lua.pushboolean(L, 0)
    return 1


cdef int redis_debug(lua_State* L) noexcept nogil:
    return 0


def _discard(level: int, text: bytes) -> None:
    """Where `redis.log` writes until the server sets its logger with `set_log`."""


script_log = _discard


def set_log(write) -> None:
    """Send what scripts log to `write(level, text)`; levels are Redis' 0 (debug) to 3 (warning)."""
    global script_log
    script_log = write


# math.random: the generator of drand48, so that a seed gives the same numbers on every machine (and the same as in Redis)

cdef uint64_t random_state = 0x1234ABCD330E ^ (<uint64_t> time(NULL) << 16)


cdef inline int32_t next_random() noexcept nogil:
    global random_state
    random_state = (random_state * 0x5DEECE66DULL + 0xB) & 0xFFFFFFFFFFFFULL
    return <int32_t> (random_state >> 17)


cdef int math_random(lua_State* L) noexcept:
    cdef double share
    cdef int low = 1, high
    cdef int count = lua.gettop(L)
    if running is None or running.host is None:
        return lua.L_error(L, b"math.random can only be called inside a script invocation")
    share = <double> (next_random() % 0x7FFFFFFF) / <double> 0x7FFFFFFF
    if count == 0:
        lua.pushnumber(L, share)
        return 1
    if count > 2:
        return lua.L_error(L, b"wrong number of arguments")
    high = <int> lua.L_checkinteger(L, count)
    if count == 2:
        low = <int> lua.L_checkinteger(L, 1)
    if low > high:
        return lua.L_argerror(L, count, b"interval is empty")
    lua.pushnumber(L, floor(share * (<double> high - low + 1)) + low)
    return 1


cdef int math_randomseed(lua_State* L) noexcept:
    global random_state
    if running is None or running.host is None:
        return lua.L_error(L, b"math.randomseed can only be called inside a script invocation")
    random_state = ((<uint64_t> <unsigned int> <int> lua.L_checkinteger(L, 1)) << 16) | 0x330E
    return 0


# redis.register_function

cdef bytes text_of(lua_State* L, int index):
    """The text (or number) at `index`, or None."""
    cdef size_t size
    cdef const char* data
    if not lua.isstring(L, index):
        return None
    # A copy is converted: lua_next must see its key unchanged.
    lua.pushvalue(L, index)
    data = lua.tolstring(L, -1, &size)
    found = data[:size]
    lua.settop(L, -2)
    return found


cdef list flags_of(lua_State* L, int index):
    """The flags in the table at `index` (absolute), or None when one is not a text."""
    cdef list flags = []
    cdef int position = 1
    while True:
        lua.rawgeti(L, index, position)
        if lua.type(L, -1) == LUA_TNIL:
            lua.settop(L, -2)
            return flags
        flag = text_of(L, -1)
        lua.settop(L, -2)
        if flag is None:
            return None
        flags.append(flag)
        position += 1


cdef str named_argument(lua_State* L, dict found):
    """Take the pair on top of the stack (key, value), pop the value, and return what is wrong with it."""
    cdef bytes key = text_of(L, -2)
    cdef int value = lua.gettop(L)
    cdef str wrong = None
    if key is None:
        return "named argument key given to redis.register_function is not a string"
    name = key.lower()
    if name == b"function_name" or name == b"description":
        text = text_of(L, value)
        if text is None:
            return f"{name.decode()} argument given to redis.register_function must be a string"
        found[name] = text
    elif name == b"callback":
        if lua.type(L, value) != LUA_TFUNCTION:
            return "callback argument given to redis.register_function must be a function"
        found[name] = lua.L_ref(L, LUA_REGISTRY)
        return None
    elif name == b"flags":
        if lua.type(L, value) != LUA_TTABLE:
            return "flags argument to redis.register_function must be a table representing function flags"
        flags = flags_of(L, value)
        if flags is None:
            return "unknown flag given"
        found[name] = flags
    else:
        return "unknown argument given to redis.register_function"
    lua.settop(L, -2)
    return None


cdef str register_named(lua_State* L, dict found):
    cdef str wrong
    if lua.type(L, 1) != LUA_TTABLE:
        return ("calling redis.register_function with a single argument is only applicable to Lua table"
                " (representing named arguments).")
    lua.pushnil(L)
    while lua.next(L, 1):
        wrong = named_argument(L, found)
        if wrong is not None:
            return wrong
    if b"function_name" not in found:
        return "redis.register_function must get a function name argument"
    if b"callback" not in found:
        return "redis.register_function must get a callback argument"
    return None


cdef str register_positional(lua_State* L, dict found):
    name = text_of(L, 1)
    if name is None:
        return "first argument to redis.register_function must be a string"
    if lua.type(L, 2) != LUA_TFUNCTION:
        return "second argument to redis.register_function must be a function"
    found[b"function_name"] = name
    found[b"callback"] = lua.L_ref(L, LUA_REGISTRY)
    return None


cdef int register(lua_State* L) noexcept:
    """Register what the arguments say; 1, with an error table pushed, when something is wrong."""
    cdef int count = lua.gettop(L)
    cdef dict found = {}
    cdef str wrong
    try:
        if count < 1 or count > 2:
            wrong = "wrong number of arguments to redis.register_function"
        else:
            wrong = register_named(L, found) if count == 1 else register_positional(L, found)
        if wrong is None:
            wrong = running.register(found[b"function_name"], found[b"callback"], found.get(b"description"), found.get(b"flags", []))
    except BaseException as error:
        running.fault = error
        wrong = "internal error"
    if wrong is None:
        return 0
    if b"callback" in found:
        lua.L_unref(L, LUA_REGISTRY, found[b"callback"])
    text = wrong.encode()
    push_error(L, PyBytes_AS_STRING(text), <size_t> PyBytes_GET_SIZE(text))
    return 1


cdef int redis_register_function(lua_State* L) noexcept:
    if running is None or running.register is None:
        return fail(L, b"redis.register_function can only be called on FUNCTION LOAD command")
    if register(L):
        return lua.error(L)
    return 0


# The watch

cdef bint should_stop() noexcept:
    """Whether the running script is to be ended: asked once in HOOK_INSTRUCTIONS, and at every line once it is."""
    cdef long long now
    if running is None:
        return False
    if running.killed:
        return True
    now = monotonic_ms()
    if running.stop_at and now > running.stop_at:
        running.killed = True
        return True
    if running.busy_at and now >= running.busy_at and running.host is not None:
        try:
            running.killed = running.host.busy()
        except BaseException as error:
            running.fault = error
            running.killed = True
    return running.killed


cdef void on_count(lua_State* L, lua_Debug* frame) noexcept:
    if not should_stop():
        return
    # From now on at every line: catching the error with pcall does not help a script to live on.
    lua.sethook(L, <lua_Hook> on_count, LUA_MASKLINE, 0)
    if running.register is not None:
        fail(L, b"FUNCTION LOAD timeout")
    else:
        fail(L, b"Script killed by user with SCRIPT KILL...")


cdef void watch(lua_State* L) noexcept nogil:
    """Set the hook that watches time. Coroutines inherit it."""
    lua.sethook(L, <lua_Hook> on_count, LUA_MASKCOUNT, HOOK_INSTRUCTIONS)


# The tables

cdef void function(lua_State* L, const char* name, lua_CFunction body) noexcept nogil:
    lua.pushcclosure(L, body, 0)
    lua.setfield(L, -2, name)


cdef void number(lua_State* L, const char* name, double value) noexcept nogil:
    lua.pushnumber(L, value)
    lua.setfield(L, -2, name)


cdef void common_fields(lua_State* L) noexcept nogil:
    function(L, b"log", <lua_CFunction> redis_log)
    number(L, b"LOG_DEBUG", 0)
    number(L, b"LOG_VERBOSE", 1)
    number(L, b"LOG_NOTICE", 2)
    number(L, b"LOG_WARNING", 3)
    number(L, b"REDIS_VERSION_NUM", VERSION_NUMBER)
    lua.pushstring(L, VERSION)
    lua.setfield(L, -2, b"REDIS_VERSION")


cdef void open_redis(lua_State* L, bint functions) noexcept nogil:
    """Set the global `redis` (functions lack the debugging names), and math.random."""
    lua.createtable(L, 0, 24)
    common_fields(L)
    function(L, b"call", <lua_CFunction> redis_call)
    function(L, b"pcall", <lua_CFunction> redis_pcall)
    function(L, b"acl_check_cmd", <lua_CFunction> redis_acl_check_cmd)
    function(L, b"sha1hex", <lua_CFunction> redis_sha1hex)
    function(L, b"error_reply", redis_error_reply)
    function(L, b"status_reply", redis_status_reply)
    function(L, b"setresp", <lua_CFunction> redis_setresp)
    function(L, b"set_repl", <lua_CFunction> redis_set_repl)
    number(L, b"REPL_NONE", 0)
    number(L, b"REPL_AOF", 1)
    number(L, b"REPL_SLAVE", 2)
    number(L, b"REPL_REPLICA", 2)
    number(L, b"REPL_ALL", 3)
    if not functions:
        function(L, b"replicate_commands", redis_replicate_commands)
        function(L, b"breakpoint", redis_breakpoint)
        function(L, b"debug", redis_debug)
    lua.setfield(L, LUA_GLOBALS, b"redis")
    lua.getfield(L, LUA_GLOBALS, b"math")
    function(L, b"random", <lua_CFunction> math_random)
    function(L, b"randomseed", <lua_CFunction> math_randomseed)
    lua.settop(L, -2)


cdef void open_loading(lua_State* L) noexcept nogil:
    """Push the globals that a library sees while it is loaded: nothing but `redis`, with what a library may do then."""
    lua.createtable(L, 0, 1)
    lua.createtable(L, 0, 8)
    common_fields(L)
    function(L, b"register_function", <lua_CFunction> redis_register_function)
    set_missing_guard(L)
    protect(L)
    lua.setfield(L, -2, b"redis")
    set_missing_guard(L)
