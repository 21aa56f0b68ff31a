"""Lua's `bit` library: 32-bit operations with the semantics of LuaJIT's BitOp (https://bitop.luajit.org/semantics.html).

Arguments are reduced to 32 bits by rounding (half to even) and wrapping; results are signed.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy

from .lua51 cimport LUA_TNONE, load_api, lua, lua_CFunction, lua_State
from .interpreter import library

load_api(library())


cdef uint32_t argument(lua_State* L, int index) noexcept nogil:
    # Adding 2^52 + 2^51 leaves the rounded integer in the low bits of the double, for any argument below 2^51.
    cdef double number = lua.tonumber(L, index) + 6755399441055744.0
    cdef int64_t bits
    memcpy(&bits, &number, 8)
    if <uint32_t> bits == 0 and not lua.isnumber(L, index):
        lua.L_typerror(L, index, b"number")
    return <uint32_t> bits


cdef int result(lua_State* L, uint32_t bits) noexcept nogil:
    lua.pushnumber(L, <double> <int32_t> bits)
    return 1


cdef int bit_tobit(lua_State* L) noexcept nogil:
    return result(L, argument(L, 1))


cdef int bit_bnot(lua_State* L) noexcept nogil:
    return result(L, ~argument(L, 1))


cdef int bit_band(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    cdef int index
    for index in range(lua.gettop(L), 1, -1):
        bits &= argument(L, index)
    return result(L, bits)


cdef int bit_bor(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    cdef int index
    for index in range(lua.gettop(L), 1, -1):
        bits |= argument(L, index)
    return result(L, bits)


cdef int bit_bxor(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    cdef int index
    for index in range(lua.gettop(L), 1, -1):
        bits ^= argument(L, index)
    return result(L, bits)


cdef int bit_lshift(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    return result(L, bits << (argument(L, 2) & 31))


cdef int bit_rshift(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    return result(L, bits >> (argument(L, 2) & 31))


cdef int bit_arshift(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    return result(L, <uint32_t> (<int32_t> bits >> (argument(L, 2) & 31)))


cdef inline uint32_t rotate_left(uint32_t bits, uint32_t count) noexcept nogil:
    return (bits << count) | (bits >> ((32 - count) & 31))


cdef int bit_rol(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    return result(L, rotate_left(bits, argument(L, 2) & 31))


cdef int bit_ror(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    return result(L, rotate_left(bits, (32 - (argument(L, 2) & 31)) & 31))


cdef int bit_bswap(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    return result(L, (bits >> 24) | ((bits >> 8) & 0xFF00) | ((bits & 0xFF00) << 8) | (bits << 24))


cdef int bit_tohex(lua_State* L) noexcept nogil:
    cdef uint32_t bits = argument(L, 1)
    cdef int64_t digits = 8 if lua.type(L, 2) == LUA_TNONE else <int32_t> argument(L, 2)
    cdef const char* alphabet = b"0123456789abcdef"
    cdef char text[8]
    cdef int position
    if digits < 0:
        digits = -digits
        alphabet = b"0123456789ABCDEF"
    if digits > 8:
        digits = 8
    for position in range(<int> digits - 1, -1, -1):
        text[position] = alphabet[bits & 15]
        bits >>= 4
    lua.pushlstring(L, text, <size_t> digits)
    return 1


cdef void function(lua_State* L, const char* name, lua_CFunction body) noexcept nogil:
    lua.pushcclosure(L, body, 0)
    lua.setfield(L, -2, name)


cdef int open_bit(lua_State* L) noexcept nogil:
    """Push the library's table."""
    lua.createtable(L, 0, 12)
    function(L, b"tobit", bit_tobit)
    function(L, b"bnot", bit_bnot)
    function(L, b"band", bit_band)
    function(L, b"bor", bit_bor)
    function(L, b"bxor", bit_bxor)
    function(L, b"lshift", bit_lshift)
    function(L, b"rshift", bit_rshift)
    function(L, b"arshift", bit_arshift)
    function(L, b"rol", bit_rol)
    function(L, b"ror", bit_ror)
    function(L, b"bswap", bit_bswap)
    function(L, b"tohex", bit_tohex)
    return 1
