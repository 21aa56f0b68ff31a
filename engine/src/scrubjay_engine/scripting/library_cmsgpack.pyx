"""Lua's `cmsgpack` library: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) to and from Lua values.

A table with the keys 1..n becomes an array, any other a map; tables nested more than 16 deep (cycles) become nil, as do functions.
Integral doubles become integers, others the shortest float that holds them. Extension and bin types are refused.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from .buffer cimport Buffer, buffer_add, buffer_byte, buffer_reset
from .lua51 cimport LUA_TBOOLEAN, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, load_api, lua, lua_State
from .interpreter import library

load_api(library())

cdef enum:
    MAX_NESTING = 16
    INT_MAX = 2147483647

ctypedef enum Fault:
    NO_FAULT
    MISSING_BYTES
    BAD_FORMAT

ctypedef struct Cursor:
    const uint8_t* at
    size_t left
    Fault fault

cdef Buffer packed


cdef inline bint put_head(uint8_t head, uint64_t value, int size) noexcept nogil:
    """One type byte, then `value` in `size` bytes, big-endian."""
    cdef char data[9]
    cdef int index
    data[0] = <char> head
    for index in range(size, 0, -1):
        data[index] = <char> (value & 0xFF)
        value >>= 8
    return buffer_add(&packed, data, <size_t> size + 1)


cdef bint put_string(const char* data, size_t size) noexcept nogil:
    cdef bint room
    if size < 32:
        room = put_head(<uint8_t> (0xA0 | size), 0, 0)
    elif size <= 0xFF:
        room = put_head(0xD9, size, 1)
    elif size <= 0xFFFF:
        room = put_head(0xDA, size, 2)
    else:
        room = put_head(0xDB, size, 4)
    return room and buffer_add(&packed, data, size)


cdef bint put_integer(int64_t number) noexcept nogil:
    if number >= 0:
        if number <= 127:
            return put_head(<uint8_t> number, 0, 0)
        if number <= 0xFF:
            return put_head(0xCC, <uint64_t> number, 1)
        if number <= 0xFFFF:
            return put_head(0xCD, <uint64_t> number, 2)
        if number <= <int64_t> 0xFFFFFFFFLL:
            return put_head(0xCE, <uint64_t> number, 4)
        return put_head(0xCF, <uint64_t> number, 8)
    if number >= -32:
        return put_head(<uint8_t> <int8_t> number, 0, 0)
    if number >= -128:
        return put_head(0xD0, <uint64_t> number, 1)
    if number >= -32768:
        return put_head(0xD1, <uint64_t> number, 2)
    if number >= -<int64_t> 2147483648LL:
        return put_head(0xD2, <uint64_t> number, 4)
    return put_head(0xD3, <uint64_t> number, 8)


cdef bint put_number(double number) noexcept nogil:
    cdef float single
    cdef uint32_t bits32
    cdef uint64_t bits64
    # 2^63 itself is not an int64: the comparison is strict, and false for NaN.
    if -9223372036854775808.0 <= number < 9223372036854775808.0 and <double> <int64_t> number == number:
        return put_integer(<int64_t> number)
    single = <float> number
    if <double> single == number:
        memcpy(&bits32, &single, 4)
        return put_head(0xCA, bits32, 4)
    memcpy(&bits64, &number, 8)
    return put_head(0xCB, bits64, 8)


cdef bint put_count(size_t count, uint8_t small, uint8_t large) noexcept nogil:
    if count <= 15:
        return put_head(<uint8_t> (small | count), 0, 0)
    if count <= 0xFFFF:
        return put_head(large, count, 2)
    return put_head(large + 1, count, 4)


cdef int64_t array_length(lua_State* L, size_t* keys) noexcept nogil:
    """The length of the table on top when its keys are exactly 1..n, else -1; `keys` counts all keys."""
    cdef int64_t highest = 0
    cdef bint integral = True
    cdef double key
    lua.L_checkstack(L, 2, b"in function table_is_an_array")
    keys[0] = 0
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.settop(L, -2)
        keys[0] += 1
        if integral:
            key = lua.tonumber(L, -1) if lua.type(L, -1) == LUA_TNUMBER else 0
            if key <= 0 or key > INT_MAX or <double> <int64_t> key != key:
                integral = False
            elif <int64_t> key > highest:
                highest = <int64_t> key
    return highest if integral and highest == <int64_t> keys[0] else -1


cdef bint put_table(lua_State* L, int level) noexcept nogil:
    cdef size_t keys
    cdef int64_t length = array_length(L, &keys)
    cdef int64_t index
    if length >= 0:
        if not put_count(<size_t> length, 0x90, 0xDC):
            return False
        lua.L_checkstack(L, 1, b"in function mp_encode_lua_table_as_array")
        for index in range(1, length + 1):
            lua.rawgeti(L, -1, <int> index)
            if not put_value(L, level + 1):
                return False
        return True
    if not put_count(keys, 0x80, 0xDE):
        return False
    lua.L_checkstack(L, 3, b"in function mp_encode_lua_table_as_map")
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.pushvalue(L, -2)
        if not put_value(L, level + 1) or not put_value(L, level + 1):
            return False
    return True


cdef bint put_value(lua_State* L, int level) noexcept nogil:
    """Append the value on top of the stack and pop it; False when memory ran out."""
    cdef int kind = lua.type(L, -1)
    cdef const char* data
    cdef size_t size
    cdef bint room
    if kind == LUA_TSTRING:
        data = lua.tolstring(L, -1, &size)
        room = put_string(data, size)
    elif kind == LUA_TBOOLEAN:
        room = buffer_byte(&packed, <char> 0xC3 if lua.toboolean(L, -1) else <char> 0xC2)
    elif kind == LUA_TNUMBER:
        room = put_number(lua.tonumber(L, -1))
    elif kind == LUA_TTABLE and level < MAX_NESTING:
        room = put_table(L, level)
    else:
        room = buffer_byte(&packed, <char> 0xC0)
    lua.settop(L, -2)
    return room


cdef int msgpack_pack(lua_State* L) noexcept nogil:
    cdef int count = lua.gettop(L)
    cdef int index
    if count == 0:
        return lua.L_argerror(L, 0, b"MessagePack pack needs input.")
    buffer_reset(&packed)
    for index in range(1, count + 1):
        lua.L_checkstack(L, 1, b"in function mp_check")
        lua.pushvalue(L, index)
        if not put_value(L, 0):
            return lua.L_error(L, b"not enough memory")
    lua.pushlstring(L, packed.data, packed.size)
    return 1


cdef inline bint need(Cursor* cursor, size_t size) noexcept nogil:
    if cursor.left < size:
        cursor.fault = MISSING_BYTES
        return False
    return True


cdef inline void take(Cursor* cursor, size_t size) noexcept nogil:
    cursor.at += size
    cursor.left -= size


cdef uint64_t get_number(Cursor* cursor, int size) noexcept nogil:
    """The `size` bytes after the type byte, big-endian, taken together with it."""
    cdef uint64_t value = 0
    cdef int index
    if not need(cursor, <size_t> size + 1):
        return 0
    for index in range(1, size + 1):
        value = (value << 8) | cursor.at[index]
    take(cursor, <size_t> size + 1)
    return value


cdef void get_string(lua_State* L, Cursor* cursor, size_t size) noexcept nogil:
    if cursor.fault == NO_FAULT and need(cursor, size):
        lua.pushlstring(L, <const char*> cursor.at, size)
        take(cursor, size)


cdef void get_array(lua_State* L, Cursor* cursor, size_t count) noexcept nogil:
    cdef int index = 0
    if cursor.fault != NO_FAULT:
        return
    lua.createtable(L, 0, 0)
    lua.L_checkstack(L, 1, b"in function mp_decode_to_lua_array")
    while count:
        count -= 1
        index += 1
        get_value(L, cursor)
        if cursor.fault != NO_FAULT:
            return
        lua.rawseti(L, -2, index)


cdef void get_map(lua_State* L, Cursor* cursor, size_t count) noexcept nogil:
    if cursor.fault != NO_FAULT:
        return
    lua.createtable(L, 0, 0)
    while count:
        count -= 1
        get_value(L, cursor)
        if cursor.fault != NO_FAULT:
            return
        get_value(L, cursor)
        if cursor.fault != NO_FAULT:
            return
        lua.rawset(L, -3)


cdef void get_float(lua_State* L, Cursor* cursor, int size) noexcept nogil:
    cdef uint64_t bits = get_number(cursor, size)
    cdef uint32_t bits32 = <uint32_t> bits
    cdef float single
    cdef double number
    if cursor.fault != NO_FAULT:
        return
    if size == 4:
        memcpy(&single, &bits32, 4)
        number = single
    else:
        memcpy(&number, &bits, 8)
    lua.pushnumber(L, number)


cdef void get_integer(lua_State* L, Cursor* cursor, int size, bint signed_) noexcept nogil:
    cdef uint64_t bits = get_number(cursor, size)
    cdef int64_t number
    if cursor.fault != NO_FAULT:
        return
    if not signed_:
        # Redis' Lua pushes unsigned values by way of a signed integer.
        lua.pushnumber(L, <double> <int64_t> bits)
        return
    if size == 1:
        number = <int8_t> bits
    elif size == 2:
        number = <int16_t> bits
    elif size == 4:
        number = <int32_t> bits
    else:
        number = <int64_t> bits
    lua.pushnumber(L, <double> number)


cdef void get_short(lua_State* L, Cursor* cursor, uint8_t head) noexcept nogil:
    """The types whose first byte holds a value or a size too."""
    if head < 0x80:
        lua.pushnumber(L, head)
        take(cursor, 1)
    elif head >= 0xE0:
        lua.pushnumber(L, <int8_t> head)
        take(cursor, 1)
    elif head >= 0xA0 and head < 0xC0:
        take(cursor, 1)
        get_string(L, cursor, head & 0x1F)
    elif head >= 0x90 and head < 0xA0:
        take(cursor, 1)
        get_array(L, cursor, head & 0xF)
    elif head < 0x90:
        take(cursor, 1)
        get_map(L, cursor, head & 0xF)
    else:
        cursor.fault = BAD_FORMAT


cdef void get_value(lua_State* L, Cursor* cursor) noexcept nogil:
    """Push one value; on a fault what was pushed stays on the stack, for the error to clear."""
    cdef uint8_t head
    if not need(cursor, 1):
        return
    lua.L_checkstack(L, 1, b"too many return values at once; use unpack_one or unpack_limit instead.")
    head = cursor.at[0]
    if head < 0xC0 or head >= 0xE0:
        get_short(L, cursor, head)
    elif head == 0xC0:
        lua.pushnil(L)
        take(cursor, 1)
    elif head == 0xC2 or head == 0xC3:
        lua.pushboolean(L, head & 1)
        take(cursor, 1)
    elif head == 0xCA or head == 0xCB:
        get_float(L, cursor, 4 if head == 0xCA else 8)
    elif 0xCC <= head <= 0xCF:
        get_integer(L, cursor, 1 << (head - 0xCC), False)
    elif 0xD0 <= head <= 0xD3:
        get_integer(L, cursor, 1 << (head - 0xD0), True)
    elif 0xD9 <= head <= 0xDB:
        get_string(L, cursor, get_number(cursor, 1 << (head - 0xD9)))
    elif head == 0xDC or head == 0xDD:
        get_array(L, cursor, get_number(cursor, 2 if head == 0xDC else 4))
    elif head == 0xDE or head == 0xDF:
        get_map(L, cursor, get_number(cursor, 2 if head == 0xDE else 4))
    else:
        cursor.fault = BAD_FORMAT


cdef int unpack(lua_State* L, Py_ssize_t limit, Py_ssize_t offset) noexcept nogil:
    """Push up to `limit` values of argument 1 from `offset`, and before them the next offset (-1 at the end). Both 0: all values, no offset."""
    cdef size_t size
    cdef const char* data = lua.L_checklstring(L, 1, &size)
    cdef bint everything = limit == 0 and offset == 0
    cdef Cursor cursor
    cdef Py_ssize_t count = 0
    if offset < 0 or limit < 0:
        return lua.L_error(L, b"Invalid request to unpack with offset of %d and limit of %d.", <int> offset, <int> size)
    if <size_t> offset > size:
        return lua.L_error(L, b"Start offset %d greater than input length %d.", <int> offset, <int> size)
    if everything:
        limit = INT_MAX
    cursor.at = <const uint8_t*> data + offset
    cursor.left = size - <size_t> offset
    cursor.fault = NO_FAULT
    while cursor.left > 0 and count < limit:
        get_value(L, &cursor)
        if cursor.fault == MISSING_BYTES:
            return lua.L_error(L, b"Missing bytes in input.")
        if cursor.fault == BAD_FORMAT:
            return lua.L_error(L, b"Bad data format in input.")
        count += 1
    if not everything:
        lua.L_checkstack(L, 1, b"in function mp_unpack_full")
        lua.pushinteger(L, -1 if cursor.left == 0 else <Py_ssize_t> (size - cursor.left))
        lua.insert(L, 2)
        count += 1
    return <int> count


cdef int msgpack_unpack(lua_State* L) noexcept nogil:
    return unpack(L, 0, 0)


cdef int msgpack_unpack_one(lua_State* L) noexcept nogil:
    cdef Py_ssize_t offset = lua.L_optinteger(L, 2, 0)
    lua.settop(L, 1)
    return unpack(L, 1, offset)


cdef int msgpack_unpack_limit(lua_State* L) noexcept nogil:
    cdef Py_ssize_t limit = lua.L_checkinteger(L, 2)
    cdef Py_ssize_t offset = lua.L_optinteger(L, 3, 0)
    lua.settop(L, 1)
    return unpack(L, limit, offset)


cdef int open_cmsgpack(lua_State* L) noexcept nogil:
    """Push the library's table."""
    lua.createtable(L, 0, 8)
    lua.pushcclosure(L, msgpack_pack, 0)
    lua.setfield(L, -2, b"pack")
    lua.pushcclosure(L, msgpack_unpack, 0)
    lua.setfield(L, -2, b"unpack")
    lua.pushcclosure(L, msgpack_unpack_one, 0)
    lua.setfield(L, -2, b"unpack_one")
    lua.pushcclosure(L, msgpack_unpack_limit, 0)
    lua.setfield(L, -2, b"unpack_limit")
    lua.pushstring(L, b"cmsgpack")
    lua.setfield(L, -2, b"_NAME")
    lua.pushstring(L, b"lua-cmsgpack 0.4.0")
    lua.setfield(L, -2, b"_VERSION")
    return 1
