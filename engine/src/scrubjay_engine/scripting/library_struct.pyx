"""Lua's `struct` library: pack, unpack and size of binary structures (http://www.inf.puc-rio.br/~roberto/struct/, with Redis' offset check).

Formats: `>` `<` `!n` byte order and alignment, `b/B` `h/H` `l/L` `T` `i[n]/I[n]` integers, `f` `d` floats, `s` zero-terminated, `c[n]` fixed string (`c0`: size before it), `x` padding.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcpy

from .buffer cimport Buffer, buffer_add, buffer_byte, buffer_reset
from .lua51 cimport load_api, lua, lua_State
from .interpreter import library

load_api(library())

cdef enum:
    MAX_INTEGER_SIZE = 32
    NATIVE_ALIGNMENT = 8
    INT_MAX = 2147483647

# The state of a walk through a format.
ctypedef struct Format:
    const char* at
    bint big
    int align

cdef Buffer packed


cdef inline bint is_digit(char byte) noexcept nogil:
    return c"0" <= byte <= c"9"


cdef inline bint is_alphanumeric(char byte) noexcept nogil:
    return is_digit(byte) or c"a" <= (byte | 0x20) <= c"z"


cdef int number_in(lua_State* L, Format* form, int default) noexcept nogil:
    cdef int64_t number = 0
    if not is_digit(form.at[0]):
        return default
    while is_digit(form.at[0]):
        number = number * 10 + (form.at[0] - c"0")
        if number > INT_MAX:
            lua.L_error(L, b"integral size overflow")
        form.at += 1
    return <int> number


cdef size_t option_size(lua_State* L, char option, Format* form) noexcept nogil:
    cdef int size
    if option == c"b" or option == c"B" or option == c"x":
        return 1
    if option == c"h" or option == c"H":
        return 2
    if option == c"l" or option == c"L" or option == c"T" or option == c"d":
        return 8
    if option == c"f":
        return 4
    if option == c"c":
        return <size_t> number_in(L, form, 1)
    if option == c"i" or option == c"I":
        size = number_in(L, form, 4)
        if size > MAX_INTEGER_SIZE:
            lua.L_error(L, b"integral size %d is larger than limit of %d", size, <int> MAX_INTEGER_SIZE)
        return <size_t> size
    return 0


cdef size_t padding(size_t position, Format* form, char option, size_t size) noexcept nogil:
    if size == 0 or option == c"c":
        return 0
    if size > <size_t> form.align:
        size = <size_t> form.align
    return (size - (position & (size - 1))) & (size - 1)


cdef int control(lua_State* L, char option, Format* form) noexcept nogil:
    cdef int align
    if option == c" ":
        return 0
    if option == c">":
        form.big = True
    elif option == c"<":
        form.big = False
    elif option == c"!":
        align = number_in(L, form, NATIVE_ALIGNMENT)
        if align <= 0 or align & (align - 1):
            lua.L_error(L, b"alignment %d is not a power of 2", align)
        form.align = align
    else:
        lua.L_argerror(L, 1, lua.pushfstring(L, b"invalid format option '%c'", <int> option))
    return 0


cdef inline bint is_integer(char option) noexcept nogil:
    return (option == c"b" or option == c"B" or option == c"h" or option == c"H" or option == c"l" or option == c"L"
            or option == c"T" or option == c"i" or option == c"I")


cdef bint put_integer(lua_State* L, int argument, bint big, int size) noexcept nogil:
    cdef double number = lua.L_checknumber(L, argument)
    cdef uint64_t bits = <uint64_t> <int64_t> number if number < 0 else <uint64_t> number
    cdef char data[MAX_INTEGER_SIZE]
    cdef int index
    for index in range(size):
        data[size - 1 - index if big else index] = <char> (bits & 0xFF)
        bits >>= 8
    return buffer_add(&packed, data, <size_t> size)


cdef void reverse(char* data, int size, bint big) noexcept nogil:
    cdef int index
    if big:
        for index in range(size // 2):
            data[index], data[size - 1 - index] = data[size - 1 - index], data[index]


cdef bint put_string(lua_State* L, int argument, char option, size_t* size) noexcept nogil:
    cdef size_t length
    cdef const char* data = lua.L_checklstring(L, argument, &length)
    if size[0] == 0:
        size[0] = length
    if length < size[0]:
        lua.L_argerror(L, argument + 1, b"string too short")
    if not buffer_add(&packed, data, size[0]):
        return False
    if option == c"s":
        size[0] += 1
        return buffer_byte(&packed, 0)
    return True


cdef int struct_pack(lua_State* L) noexcept nogil:
    cdef Format form = Format(lua.L_checklstring(L, 1, NULL), False, 1)
    cdef int argument = 2
    cdef size_t size, gap, total = 0
    cdef char option
    cdef float single
    cdef double number
    cdef bint room = True
    buffer_reset(&packed)
    while form.at[0]:
        option = form.at[0]
        form.at += 1
        size = option_size(L, option, &form)
        gap = padding(total, &form, option, size)
        total += gap
        while gap > 0 and room:
            room = buffer_byte(&packed, 0)
            gap -= 1
        if is_integer(option):
            room = room and put_integer(L, argument, form.big, <int> size)
            argument += 1
        elif option == c"x":
            room = room and buffer_byte(&packed, 0)
        elif option == c"f":
            single = <float> lua.L_checknumber(L, argument)
            argument += 1
            reverse(<char*> &single, 4, form.big)
            room = room and buffer_add(&packed, <char*> &single, 4)
        elif option == c"d":
            number = lua.L_checknumber(L, argument)
            argument += 1
            reverse(<char*> &number, 8, form.big)
            room = room and buffer_add(&packed, <char*> &number, 8)
        elif option == c"c" or option == c"s":
            room = room and put_string(L, argument, option, &size)
            argument += 1
        else:
            control(L, option, &form)
        total += size
        if not room:
            lua.L_error(L, b"not enough memory")
    lua.pushlstring(L, packed.data, packed.size)
    return 1


cdef double get_integer(const char* data, bint big, bint signed_, int size) noexcept nogil:
    cdef uint64_t bits = 0
    cdef uint64_t mask
    cdef int index
    for index in range(size):
        bits = (bits << 8) | <unsigned char> data[index if big else size - 1 - index]
    if not signed_:
        return <double> bits
    if size < 8 and size > 0:
        mask = ~(<uint64_t> 0) << (size * 8 - 1)
        if bits & mask:
            bits |= mask
    return <double> <int64_t> bits


cdef size_t counted_size(lua_State* L, int* results, size_t position, size_t length) noexcept nogil:
    """The size for `c0`: the number unpacked last, which it takes off the results."""
    cdef double number
    if results[0] == 0 or not lua.isnumber(L, -1):
        lua.L_error(L, b"format 'c0' needs a previous size")
    number = lua.tonumber(L, -1)
    lua.settop(L, -2)
    results[0] -= 1
    if number < 0 or number > <double> length or position > length - <size_t> number:
        lua.L_argerror(L, 2, b"data string too short")
    return <size_t> number


cdef int struct_unpack(lua_State* L) noexcept nogil:
    cdef Format form = Format(lua.L_checklstring(L, 1, NULL), False, 1)
    cdef size_t length, size
    cdef const char* data = lua.L_checklstring(L, 2, &length)
    cdef Py_ssize_t start = lua.L_optinteger(L, 3, 1)
    cdef size_t position
    cdef const char* end
    cdef int results = 0
    cdef char option
    cdef float single
    cdef double number
    if start == 0:
        lua.L_argerror(L, 3, b"offset must be 1 or greater")
    # A negative offset becomes a huge one, and is refused below.
    position = <size_t> start - 1
    while form.at[0]:
        option = form.at[0]
        form.at += 1
        size = option_size(L, option, &form)
        position += padding(position, &form, option, size)
        if size > length or position > length - size:
            lua.L_argerror(L, 2, b"data string too short")
        lua.L_checkstack(L, 2, b"too many results")
        if is_integer(option):
            lua.pushnumber(L, get_integer(data + position, form.big, option & 0x20 != 0, <int> size))
            results += 1
        elif option == c"x":
            pass
        elif option == c"f":
            memcpy(&single, data + position, 4)
            reverse(<char*> &single, 4, form.big)
            lua.pushnumber(L, single)
            results += 1
        elif option == c"d":
            memcpy(&number, data + position, 8)
            reverse(<char*> &number, 8, form.big)
            lua.pushnumber(L, number)
            results += 1
        elif option == c"c":
            if size == 0:
                size = counted_size(L, &results, position, length)
            lua.pushlstring(L, data + position, size)
            results += 1
        elif option == c"s":
            end = <const char*> memchr(data + position, 0, length - position)
            if end == NULL:
                lua.L_error(L, b"unfinished string in data")
            size = <size_t> (end - (data + position)) + 1
            lua.pushlstring(L, data + position, size - 1)
            results += 1
        else:
            control(L, option, &form)
        position += size
    lua.pushinteger(L, <Py_ssize_t> position + 1)
    return results + 1


cdef int struct_size(lua_State* L) noexcept nogil:
    cdef Format form = Format(lua.L_checklstring(L, 1, NULL), False, 1)
    cdef size_t size, position = 0
    cdef char option
    while form.at[0]:
        option = form.at[0]
        form.at += 1
        size = option_size(L, option, &form)
        position += padding(position, &form, option, size)
        if option == c"s":
            lua.L_argerror(L, 1, b"option 's' has no fixed size")
        elif option == c"c" and size == 0:
            lua.L_argerror(L, 1, b"option 'c0' has no fixed size")
        if not is_alphanumeric(option):
            control(L, option, &form)
        position += size
    lua.pushinteger(L, <Py_ssize_t> position)
    return 1


cdef int open_struct(lua_State* L) noexcept nogil:
    """Push the library's table."""
    lua.createtable(L, 0, 3)
    lua.pushcclosure(L, struct_pack, 0)
    lua.setfield(L, -2, b"pack")
    lua.pushcclosure(L, struct_unpack, 0)
    lua.setfield(L, -2, b"unpack")
    lua.pushcclosure(L, struct_size, 0)
    lua.setfield(L, -2, b"size")
    return 1
