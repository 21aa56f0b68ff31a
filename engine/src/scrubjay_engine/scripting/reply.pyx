"""Replies between RESP and Lua, both ways, as Redis converts them (https://redis.io/docs/latest/develop/interact/programmability/lua-api/#data-type-conversion).

`push_reply` turns what a command answered into a Lua value; `write_value` turns what a script returned into the reply for its caller, in RESP2 or RESP3.
Both are called by `vm` and `redis_library`, in protected mode: running out of Lua memory is a longjmp, and nothing here holds anything while it may happen.
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport strtod
from libc.string cimport memchr, strlen

from .buffer cimport Buffer, buffer_add, buffer_byte, buffer_reserve
from .lua51 cimport (
    LUA_TBOOLEAN,
    LUA_TNIL,
    LUA_TNUMBER,
    LUA_TSTRING,
    LUA_TTABLE,
    load_api,
    lua,
    lua_State,
)
from .interpreter import library

load_api(library())


# RESP to Lua

cdef long long parse_integer(const char* data, const char** line_end) noexcept nogil:
    """The integer at `data`, which ends with CRLF; `line_end` becomes the byte after that."""
    cdef long long value = 0
    cdef bint negative = data[0] == c"-"
    if negative or data[0] == c"+":
        data += 1
    while c"0" <= data[0] <= c"9":
        value = value * 10 + (data[0] - c"0")
        data += 1
    line_end[0] = data + 2
    return -value if negative else value


cdef const char* end_of_line(const char* data, const char* end) noexcept nogil:
    cdef const char* found = <const char*> memchr(data, c"\r", <size_t> (end - data))
    return found if found != NULL else end


cdef void push_error(lua_State* L, const char* data, size_t size) noexcept nogil:
    """Push `{err = "CODE text"}`. `data` is "-CODE text", or a text alone, which gets the code ERR; a line end is left out."""
    cdef const char* space
    while size and (data[size - 1] == c"\r" or data[size - 1] == c"\n"):
        size -= 1
    lua.createtable(L, 0, 4)
    if size and data[0] == c"-":
        data += 1
        size -= 1
        space = <const char*> memchr(data, c" ", size)
        if space != NULL:
            lua.pushlstring(L, data, size)
            lua.setfield(L, -2, b"err")
            return
    lua.pushstring(L, b"ERR ")
    lua.pushlstring(L, data, size)
    lua.concat(L, 2)
    lua.setfield(L, -2, b"err")


cdef void push_field(lua_State* L, const char* name, const char* data, size_t size) noexcept nogil:
    """Push `{[name] = data}`."""
    lua.createtable(L, 0, 1)
    lua.pushlstring(L, data, size)
    lua.setfield(L, -2, name)


cdef const char* push_line(lua_State* L, const char* data, const char* end) noexcept nogil:
    """The types of one line: status, error, integer, double, boolean, null, big number."""
    cdef char kind = data[0]
    cdef const char* after
    cdef const char* line_end
    if kind == c":":
        lua.pushnumber(L, <double> parse_integer(data + 1, &after))
        return after
    line_end = end_of_line(data, end)
    if kind == c"+":
        push_field(L, b"ok", data + 1, <size_t> (line_end - data - 1))
    elif kind == c"-":
        push_error(L, data, <size_t> (line_end - data))
        lua.pushboolean(L, 1)
        lua.setfield(L, -2, b"ignore_error_stats_update")
    elif kind == c",":
        lua.createtable(L, 0, 1)
        lua.pushnumber(L, strtod(data + 1, NULL))
        lua.setfield(L, -2, b"double")
    elif kind == c"#":
        lua.pushboolean(L, data[1] == c"t")
    elif kind == c"(":
        push_field(L, b"big_number", data + 1, <size_t> (line_end - data - 1))
    else:
        lua.pushnil(L)
    return line_end + 2


cdef const char* push_bulk(lua_State* L, const char* data) noexcept nogil:
    cdef const char* start
    cdef long long size = parse_integer(data + 1, &start)
    if size < 0:
        lua.pushboolean(L, 0)
        return start
    if data[0] == c"=":
        lua.createtable(L, 0, 1)
        push_field(L, b"format", start, 3)
        lua.pushlstring(L, start + 4, <size_t> size - 4)
        lua.setfield(L, -2, b"string")
        lua.setfield(L, -2, b"verbatim_string")
    else:
        lua.pushlstring(L, start, <size_t> size)
    return start + size + 2


cdef void set_pair(lua_State* L) noexcept nogil:
    """Move the key and value on top into the table below; a key that cannot be one (null) is left out."""
    if lua.type(L, -2) == LUA_TNIL:
        lua.settop(L, -3)
    else:
        lua.rawset(L, -3)


cdef const char* push_aggregate(lua_State* L, const char* data, const char* end) noexcept nogil:
    cdef char kind = data[0]
    cdef const char* at
    cdef long long count = parse_integer(data + 1, &at)
    cdef long long index
    if count < 0:
        lua.pushboolean(L, 0)
        return at
    if kind == c"|":
        # Attributes are not shown to scripts.
        for index in range(2 * count):
            at = push_reply(L, at, end)
            lua.settop(L, -2)
        return push_reply(L, at, end)
    if kind == c"%" or kind == c"~":
        lua.createtable(L, 0, 1)
        lua.createtable(L, 0, <int> count)
        for index in range(count):
            at = push_reply(L, at, end)
            if kind == c"%":
                at = push_reply(L, at, end)
            else:
                lua.pushboolean(L, 1)
            set_pair(L)
        lua.setfield(L, -2, b"map" if kind == c"%" else b"set")
        return at
    lua.createtable(L, <int> count, 0)
    for index in range(count):
        at = push_reply(L, at, end)
        lua.rawseti(L, -2, <int> index + 1)
    return at


cdef const char* push_reply(lua_State* L, const char* data, const char* end) noexcept nogil:
    """Push the RESP value at `data` and return where the next one begins."""
    cdef char kind = data[0]
    if not lua.checkstack(L, 6):
        lua.L_error(L, b"lua stack limit reach when parsing redis.call reply")
    if kind == c"$" or kind == c"=":
        return push_bulk(L, data)
    if kind == c"*" or kind == c"%" or kind == c"~" or kind == c"|" or kind == c">":
        return push_aggregate(L, data, end)
    return push_line(L, data, end)


# Lua to RESP

cdef void write_head(Buffer* out, char kind, long long number) noexcept nogil:
    cdef char text[24]
    cdef int at = sizeof(text)
    cdef unsigned long long rest = <unsigned long long> number if number >= 0 else 0 - <unsigned long long> number
    while True:
        at -= 1
        text[at] = <char> (c"0" + rest % 10)
        rest //= 10
        if rest == 0:
            break
    if number < 0:
        at -= 1
        text[at] = c"-"
    buffer_byte(out, kind)
    buffer_add(out, text + at, sizeof(text) - <size_t> at)
    buffer_add(out, b"\r\n", 2)


cdef void write_bulk(Buffer* out, const char* data, size_t size) noexcept nogil:
    write_head(out, c"$", <long long> size)
    buffer_add(out, data, size)
    buffer_add(out, b"\r\n", 2)


cdef void write_line(Buffer* out, char kind, const char* data, size_t size) noexcept nogil:
    """A one-line type; line ends within the text become spaces."""
    cdef size_t start, index
    buffer_byte(out, kind)
    start = out.size
    buffer_add(out, data, size)
    for index in range(start, out.size):
        if out.data[index] == c"\r" or out.data[index] == c"\n":
            out.data[index] = c" "
    buffer_add(out, b"\r\n", 2)


cdef void write_error(Buffer* out, const char* text, size_t size) noexcept nogil:
    """An error line from "CODE text"."""
    while size and (text[size - 1] == c"\r" or text[size - 1] == c"\n"):
        size -= 1
    write_line(out, c"-", text, size)


cdef void write_double(Buffer* out, double number, int resp) noexcept nogil:
    cdef char text[64]
    cdef int size = snprintf(text, sizeof(text), b"%.17g", number)
    if resp == 2:
        write_bulk(out, text, <size_t> size)
    else:
        write_line(out, c",", text, <size_t> size)


cdef void write_null(Buffer* out, int resp) noexcept nogil:
    if resp == 2:
        buffer_add(out, b"$-1\r\n", 5)
    else:
        buffer_add(out, b"_\r\n", 3)


cdef void write_boolean(Buffer* out, bint value, int client_resp, int script_resp) noexcept nogil:
    if script_resp == 2:
        if value:
            buffer_add(out, b":1\r\n", 4)
        else:
            write_null(out, client_resp)
    elif client_resp == 2:
        buffer_add(out, b":1\r\n" if value else b":0\r\n", 4)
    else:
        buffer_add(out, b"#t\r\n" if value else b"#f\r\n", 4)


cdef bint write_verbatim(lua_State* L, Buffer* out, int resp) noexcept nogil:
    """The `{format = , string = }` table on top; False when it is not one. The stack stays as it was."""
    cdef const char* form
    cdef const char* data
    cdef size_t size
    cdef int index
    cdef int top = lua.gettop(L)
    if not raw_field(L, b"format", LUA_TSTRING):
        return False
    form = lua.tolstring(L, -1, NULL)
    lua.insert(L, -2)
    if not raw_field(L, b"string", LUA_TSTRING):
        lua.insert(L, -2)
        lua.settop(L, top)
        return False
    data = lua.tolstring(L, -1, &size)
    if resp == 2:
        write_bulk(out, data, size)
    else:
        write_head(out, c"=", <long long> size + 4)
        for index in range(3):
            if form[0]:
                buffer_byte(out, form[0])
                form += 1
            else:
                buffer_byte(out, c" ")
        buffer_byte(out, c":")
        buffer_add(out, data, size)
        buffer_add(out, b"\r\n", 2)
    lua.settop(L, -2)
    lua.insert(L, -2)
    lua.settop(L, top)
    return True


cdef bint raw_field(lua_State* L, const char* name, int kind) noexcept nogil:
    """Push the field of the table on top if it has the type `kind`; push nothing otherwise."""
    lua.pushstring(L, name)
    lua.rawget(L, -2)
    if lua.type(L, -1) == kind:
        return True
    lua.settop(L, -2)
    return False


cdef long long count_keys(lua_State* L) noexcept nogil:
    cdef long long count = 0
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.settop(L, -2)
        count += 1
    return count


cdef void write_map(lua_State* L, Buffer* out, int client_resp, int script_resp) noexcept nogil:
    cdef long long count = count_keys(L)
    write_head(out, c"*" if client_resp == 2 else c"%", 2 * count if client_resp == 2 else count)
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.pushvalue(L, -2)
        write_value(L, out, client_resp, script_resp)
        write_value(L, out, client_resp, script_resp)


cdef void write_set(lua_State* L, Buffer* out, int client_resp, int script_resp) noexcept nogil:
    write_head(out, c"*" if client_resp == 2 else c"~", count_keys(L))
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.settop(L, -2)
        lua.pushvalue(L, -1)
        write_value(L, out, client_resp, script_resp)


cdef void write_array(lua_State* L, Buffer* out, int client_resp, int script_resp) noexcept nogil:
    cdef int count = 0
    cdef int index
    while True:
        lua.rawgeti(L, -1, count + 1)
        if lua.type(L, -1) == LUA_TNIL:
            lua.settop(L, -2)
            break
        lua.settop(L, -2)
        count += 1
    write_head(out, c"*", count)
    for index in range(1, count + 1):
        lua.rawgeti(L, -1, index)
        write_value(L, out, client_resp, script_resp)


cdef Outcome write_table(lua_State* L, Buffer* out, int client_resp, int script_resp) noexcept nogil:
    cdef const char* data
    cdef size_t size
    cdef Outcome outcome
    cdef int top = lua.gettop(L)
    if raw_field(L, b"err", LUA_TSTRING):
        data = lua.tolstring(L, -1, NULL)
        write_error(out, data, strlen(data))
        lua.settop(L, top)
        outcome = COUNTED_ERROR if raw_field(L, b"ignore_error_stats_update", LUA_TBOOLEAN) else NEW_ERROR
        lua.settop(L, top)
        return outcome
    if raw_field(L, b"ok", LUA_TSTRING):
        data = lua.tolstring(L, -1, NULL)
        write_line(out, c"+", data, strlen(data))
        lua.settop(L, top)
        return REPLY
    if raw_field(L, b"double", LUA_TNUMBER):
        write_double(out, lua.tonumber(L, -1), client_resp)
        lua.settop(L, top)
        return REPLY
    if raw_field(L, b"big_number", LUA_TSTRING):
        data = lua.tolstring(L, -1, &size)
        write_big_number(out, data, size, client_resp)
        lua.settop(L, top)
        return REPLY
    if raw_field(L, b"verbatim_string", LUA_TTABLE):
        if write_verbatim(L, out, client_resp):
            lua.settop(L, top)
            return REPLY
        lua.settop(L, top)
    if raw_field(L, b"map", LUA_TTABLE):
        write_map(L, out, client_resp, script_resp)
        lua.settop(L, top)
        return REPLY
    if raw_field(L, b"set", LUA_TTABLE):
        write_set(L, out, client_resp, script_resp)
        lua.settop(L, top)
        return REPLY
    write_array(L, out, client_resp, script_resp)
    return REPLY


cdef void write_big_number(Buffer* out, const char* data, size_t size, int resp) noexcept nogil:
    cdef size_t start, index
    if resp == 3:
        write_line(out, c"(", data, size)
        return
    write_head(out, c"$", <long long> size)
    start = out.size
    buffer_add(out, data, size)
    for index in range(start, out.size):
        if out.data[index] == c"\r" or out.data[index] == c"\n":
            out.data[index] = c" "
    buffer_add(out, b"\r\n", 2)


cdef Outcome write_value(lua_State* L, Buffer* out, int client_resp, int script_resp) noexcept nogil:
    """Append the value on top of the stack, as a reply, and pop it."""
    cdef int kind = lua.type(L, -1)
    cdef const char* data
    cdef size_t size
    cdef Outcome outcome = REPLY
    if not lua.checkstack(L, 4):
        write_error(out, b"ERR reached lua stack limit", 27)
        outcome = NEW_ERROR
    elif kind == LUA_TSTRING:
        data = lua.tolstring(L, -1, &size)
        write_bulk(out, data, size)
    elif kind == LUA_TNUMBER:
        write_head(out, c":", <long long> lua.tonumber(L, -1))
    elif kind == LUA_TBOOLEAN:
        write_boolean(out, lua.toboolean(L, -1), client_resp, script_resp)
    elif kind == LUA_TTABLE:
        outcome = write_table(L, out, client_resp, script_resp)
    else:
        write_null(out, client_resp)
    lua.settop(L, -2)
    return outcome
