"""Lua's `cjson` library (https://kyne.au/~mark/software/lua-cjson-manual.html), version 2.1 as Redis ships it.

`cjson.new()` gives a table with options of its own. Options live in a userdata, the first upvalue of every function. Null is a light userdata NULL.
This file is the module, its options and encoding; decoding is in library_cjson_decode.
"""

from libc.math cimport floor, isinf, isnan
from libc.stdio cimport snprintf

from .buffer cimport Buffer, buffer_add, buffer_byte, buffer_reserve, buffer_reset
from .library_cjson_decode cimport json_decode
from .lua51 cimport (
    LUA_TBOOLEAN,
    LUA_TLIGHTUSERDATA,
    LUA_TNIL,
    LUA_TNUMBER,
    LUA_TSTRING,
    LUA_TTABLE,
    load_api,
    lua,
    lua_CFunction,
    lua_State,
    upvalue,
)
from .interpreter import library

load_api(library())

cdef enum:
    INT_MAX = 2147483647
    DEPTH = 1000
    PRECISION = 14

cdef Buffer encoded

cdef const char* ON_OFF[3]
ON_OFF[0] = b"off"
ON_OFF[1] = b"on"
ON_OFF[2] = NULL
cdef const char* ON_OFF_NULL[4]
ON_OFF_NULL[0] = b"off"
ON_OFF_NULL[1] = b"on"
ON_OFF_NULL[2] = b"null"
ON_OFF_NULL[3] = NULL


# Options

cdef Options* options_of(lua_State* L, int arguments) noexcept nogil:
    """The options, after a check that there are at most `arguments` arguments; missing ones become nil."""
    if lua.gettop(L) > arguments:
        lua.L_argerror(L, arguments + 1, b"found too many arguments")
    lua.settop(L, arguments)
    return <Options*> lua.touserdata(L, upvalue(1))


cdef int integer_option(lua_State* L, int index, int* setting, int low, int high) noexcept nogil:
    cdef Py_ssize_t value
    if lua.type(L, index) != LUA_TNIL:
        value = <int> lua.L_checkinteger(L, index)
        if value < low or value > high:
            lua.L_argerror(L, 1, lua.pushfstring(L, b"expected integer between %d and %d", low, high))
        setting[0] = <int> value
    lua.pushinteger(L, setting[0])
    return 1


cdef int choice_option(lua_State* L, int index, int* setting, const char** choices) noexcept nogil:
    if lua.type(L, index) == LUA_TBOOLEAN:
        setting[0] = lua.toboolean(L, index)
    elif lua.type(L, index) != LUA_TNIL:
        setting[0] = lua.L_checkoption(L, index, NULL, choices)
    if setting[0] <= 1:
        lua.pushboolean(L, setting[0])
    else:
        lua.pushstring(L, choices[setting[0]])
    return 1


cdef int json_encode_sparse_array(lua_State* L) noexcept nogil:
    cdef Options* options = options_of(L, 3)
    choice_option(L, 1, &options.sparse_convert, ON_OFF)
    integer_option(L, 2, &options.sparse_ratio, 0, INT_MAX)
    integer_option(L, 3, &options.sparse_safe, 0, INT_MAX)
    return 3


cdef int json_encode_max_depth(lua_State* L) noexcept nogil:
    return integer_option(L, 1, &options_of(L, 1).encode_depth, 1, INT_MAX)


cdef int json_decode_max_depth(lua_State* L) noexcept nogil:
    return integer_option(L, 1, &options_of(L, 1).decode_depth, 1, INT_MAX)


cdef int json_encode_number_precision(lua_State* L) noexcept nogil:
    return integer_option(L, 1, &options_of(L, 1).precision, 1, PRECISION)


cdef int json_encode_keep_buffer(lua_State* L) noexcept nogil:
    # The buffer is always kept (up to a limit): the option is accepted and remembered.
    return choice_option(L, 1, &options_of(L, 1).keep_buffer, ON_OFF)


cdef int json_encode_invalid_numbers(lua_State* L) noexcept nogil:
    return choice_option(L, 1, &options_of(L, 1).encode_invalid, ON_OFF_NULL)


cdef int json_decode_invalid_numbers(lua_State* L) noexcept nogil:
    return choice_option(L, 1, &options_of(L, 1).decode_invalid, ON_OFF)


# Encoding

cdef int refuse(lua_State* L, int index, const char* reason) noexcept nogil:
    return lua.L_error(L, b"Cannot serialise %s: %s", lua.typename(L, lua.type(L, index)), reason)


cdef inline const char* escape(unsigned char byte) noexcept nogil:
    """The short escape of a byte, or NULL."""
    if byte == c'"':
        return b'\\"'
    if byte == c"\\":
        return b"\\\\"
    if byte == c"/":
        return b"\\/"
    if byte == 8:
        return b"\\b"
    if byte == 9:
        return b"\\t"
    if byte == 10:
        return b"\\n"
    if byte == 12:
        return b"\\f"
    if byte == 13:
        return b"\\r"
    return NULL


cdef bint add_string(lua_State* L, int index) noexcept nogil:
    cdef size_t size, position
    cdef const unsigned char* data = <const unsigned char*> lua.tolstring(L, index, &size)
    cdef const char* short
    cdef const char* digits = b"0123456789abcdef"
    cdef char* to
    cdef unsigned char byte
    # Worst case: six bytes for one, and the quotes.
    if not buffer_reserve(&encoded, size * 6 + 2):
        return False
    to = encoded.data + encoded.size
    to[0] = c'"'
    to += 1
    for position in range(size):
        byte = data[position]
        short = escape(byte) if byte < 0x20 or byte == c'"' or byte == c"\\" or byte == c"/" else NULL
        if short != NULL:
            to[0] = short[0]
            to[1] = short[1]
            to += 2
        elif byte < 0x20 or byte == 0x7F:
            to[0] = c"\\"
            to[1] = c"u"
            to[2] = to[3] = c"0"
            to[4] = digits[byte >> 4]
            to[5] = digits[byte & 15]
            to += 6
        else:
            to[0] = <char> byte
            to += 1
    to[0] = c'"'
    encoded.size = <size_t> (to + 1 - encoded.data)
    return True


cdef bint add_number(lua_State* L, Options* options, int index) noexcept nogil:
    cdef double number = lua.tonumber(L, index)
    cdef char text[40]
    cdef int size
    if isinf(number) or isnan(number):
        if options.encode_invalid == 0:
            refuse(L, index, b"must not be NaN or Inf")
        if options.encode_invalid == 2:
            return buffer_add(&encoded, b"null", 4)
        if isnan(number):
            return buffer_add(&encoded, b"nan", 3)
    size = snprintf(text, sizeof(text), b"%.*g", options.precision, number)
    return buffer_add(&encoded, text, <size_t> size)


cdef int array_length(lua_State* L, Options* options) noexcept nogil:
    """The array length of the table on top of the stack (its highest index), or -1 when it is to be an object."""
    cdef double key
    cdef int highest = 0, items = 0
    lua.pushnil(L)
    while lua.next(L, -2):
        key = lua.tonumber(L, -2) if lua.type(L, -2) == LUA_TNUMBER else 0
        if key < 1 or floor(key) != key or key > INT_MAX:
            lua.settop(L, -3)
            return -1
        if key > highest:
            highest = <int> key
        items += 1
        lua.settop(L, -2)
    if options.sparse_ratio > 0 and highest > <long long> items * options.sparse_ratio and highest > options.sparse_safe:
        if not options.sparse_convert:
            refuse(L, -1, b"excessively sparse array")
        return -1
    return highest


cdef bint add_array(lua_State* L, Options* options, int depth, int length) noexcept nogil:
    cdef int index
    if not buffer_byte(&encoded, c"["):
        return False
    for index in range(1, length + 1):
        if index > 1 and not buffer_byte(&encoded, c","):
            return False
        lua.rawgeti(L, -1, index)
        if not add_value(L, options, depth):
            return False
        lua.settop(L, -2)
    return buffer_byte(&encoded, c"]")


cdef bint add_key(lua_State* L, Options* options) noexcept nogil:
    cdef int kind = lua.type(L, -2)
    if kind == LUA_TSTRING:
        return add_string(L, -2) and buffer_byte(&encoded, c":")
    if kind != LUA_TNUMBER:
        refuse(L, -2, b"table key must be a number or string")
    return buffer_byte(&encoded, c'"') and add_number(L, options, -2) and buffer_add(&encoded, b'":', 2)


cdef bint add_object(lua_State* L, Options* options, int depth) noexcept nogil:
    cdef bint first = True
    if not buffer_byte(&encoded, c"{"):
        return False
    lua.pushnil(L)
    while lua.next(L, -2):
        if not first and not buffer_byte(&encoded, c","):
            return False
        first = False
        if not add_key(L, options) or not add_value(L, options, depth):
            return False
        lua.settop(L, -2)
    return buffer_byte(&encoded, c"}")


cdef bint add_value(lua_State* L, Options* options, int depth) noexcept nogil:
    """Append the value on top of the stack, which stays there; False when memory ran out."""
    cdef int kind = lua.type(L, -1)
    cdef int length
    if kind == LUA_TSTRING:
        return add_string(L, -1)
    if kind == LUA_TNUMBER:
        return add_number(L, options, -1)
    if kind == LUA_TBOOLEAN:
        return buffer_add(&encoded, b"true", 4) if lua.toboolean(L, -1) else buffer_add(&encoded, b"false", 5)
    if kind == LUA_TTABLE:
        depth += 1
        if depth > options.encode_depth or not lua.checkstack(L, 3):
            lua.L_error(L, b"Cannot serialise, excessive nesting (%d)", depth)
        length = array_length(L, options)
        return add_array(L, options, depth, length) if length > 0 else add_object(L, options, depth)
    if kind == LUA_TNIL or (kind == LUA_TLIGHTUSERDATA and lua.touserdata(L, -1) == NULL):
        return buffer_add(&encoded, b"null", 4)
    refuse(L, -1, b"type not supported")
    return False


cdef int json_encode(lua_State* L) noexcept nogil:
    if lua.gettop(L) != 1:
        lua.L_argerror(L, 1, b"expected 1 argument")
    buffer_reset(&encoded)
    if not add_value(L, <Options*> lua.touserdata(L, upvalue(1)), 0):
        lua.L_error(L, b"not enough memory")
    lua.pushlstring(L, encoded.data, encoded.size)
    return 1


# The module

cdef void function(lua_State* L, const char* name, lua_CFunction body) noexcept nogil:
    """Add a function to the table below the options, which are on top."""
    lua.pushvalue(L, -1)
    lua.pushcclosure(L, body, 1)
    lua.setfield(L, -3, name)


cdef int open_cjson(lua_State* L) noexcept nogil:
    """Push a new module table with default options (this is `cjson.new` too)."""
    cdef Options* options
    lua.createtable(L, 0, 13)
    options = <Options*> lua.newuserdata(L, sizeof(Options))
    options[0] = Options(0, 2, 10, DEPTH, DEPTH, PRECISION, 1, 0, 1)
    function(L, b"encode", json_encode)
    function(L, b"decode", json_decode)
    function(L, b"encode_sparse_array", json_encode_sparse_array)
    function(L, b"encode_max_depth", json_encode_max_depth)
    function(L, b"decode_max_depth", json_decode_max_depth)
    function(L, b"encode_number_precision", json_encode_number_precision)
    function(L, b"encode_keep_buffer", json_encode_keep_buffer)
    function(L, b"encode_invalid_numbers", json_encode_invalid_numbers)
    function(L, b"decode_invalid_numbers", json_decode_invalid_numbers)
    function(L, b"new", open_cjson)
    lua.settop(L, -2)
    lua.pushlightuserdata(L, NULL)
    lua.setfield(L, -2, b"null")
    lua.pushstring(L, b"cjson")
    lua.setfield(L, -2, b"_NAME")
    lua.pushstring(L, b"2.1.0")
    lua.setfield(L, -2, b"_VERSION")
    return 1
