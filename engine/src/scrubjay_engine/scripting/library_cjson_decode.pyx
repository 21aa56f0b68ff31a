"""`cjson.decode`: JSON text to Lua values, with the error texts and the leniency of lua-cjson 2.1 (hexadecimal, inf and nan while `decode_invalid_numbers` is on).

Positions in errors count from 1. The text ends with a zero byte (as every Lua string does), which stops every scan.
"""

from libc.stdlib cimport strtod
from libc.string cimport memchr, strncmp

from .buffer cimport Buffer, buffer_reserve, buffer_reset
from .lua51 cimport load_api, lua, lua_State, upvalue
from .interpreter import library

load_api(library())

cdef extern from "<strings.h>" nogil:
    int strncasecmp(const char* left, const char* right, size_t size)

ctypedef enum Kind:
    OBJECT_BEGIN
    OBJECT_END
    ARRAY_BEGIN
    ARRAY_END
    STRING
    NUMBER
    BOOLEAN
    NULL_VALUE
    COLON
    COMMA
    END
    FAULT

ctypedef struct Token:
    Kind kind
    size_t index
    # a string's bytes, or what is wrong
    const char* text
    size_t size
    # a number, or a boolean as 0 and 1
    double number

ctypedef struct Parser:
    const char* data
    const char* at
    Options* options
    int depth

# Strings with escapes are put together here.
cdef Buffer unescaped

cdef const char* KIND_NAMES[12]
KIND_NAMES[0] = b"T_OBJ_BEGIN"
KIND_NAMES[1] = b"T_OBJ_END"
KIND_NAMES[2] = b"T_ARR_BEGIN"
KIND_NAMES[3] = b"T_ARR_END"
KIND_NAMES[4] = b"T_STRING"
KIND_NAMES[5] = b"T_NUMBER"
KIND_NAMES[6] = b"T_BOOLEAN"
KIND_NAMES[7] = b"T_NULL"
KIND_NAMES[8] = b"T_COLON"
KIND_NAMES[9] = b"T_COMMA"
KIND_NAMES[10] = b"T_END"
KIND_NAMES[11] = b"T_ERROR"


cdef void fault(Parser* parser, Token* token, const char* what) noexcept nogil:
    token.kind = FAULT
    token.index = <size_t> (parser.at - parser.data)
    token.text = what


cdef inline int hex_digit(char byte) noexcept nogil:
    if c"0" <= byte <= c"9":
        return byte - c"0"
    byte |= 0x20
    if c"a" <= byte <= c"f":
        return byte - c"a" + 10
    return -1


cdef int hex4(const char* text) noexcept nogil:
    cdef int value = 0, digit, index
    for index in range(4):
        digit = hex_digit(text[index])
        if digit < 0:
            return -1
        value = (value << 4) | digit
    return value


cdef void put_utf8(int code) noexcept nogil:
    cdef char* to = unescaped.data + unescaped.size
    if code < 0x80:
        to[0] = <char> code
        unescaped.size += 1
    elif code < 0x800:
        to[0] = <char> (0xC0 | (code >> 6))
        to[1] = <char> (0x80 | (code & 0x3F))
        unescaped.size += 2
    elif code < 0x10000:
        to[0] = <char> (0xE0 | (code >> 12))
        to[1] = <char> (0x80 | ((code >> 6) & 0x3F))
        to[2] = <char> (0x80 | (code & 0x3F))
        unescaped.size += 3
    else:
        to[0] = <char> (0xF0 | (code >> 18))
        to[1] = <char> (0x80 | ((code >> 12) & 0x3F))
        to[2] = <char> (0x80 | ((code >> 6) & 0x3F))
        to[3] = <char> (0x80 | (code & 0x3F))
        unescaped.size += 4


cdef bint unicode_escape(Parser* parser) noexcept nogil:
    """One escape of four digits, or two that form a surrogate pair, at `parser.at`; False when it is malformed."""
    cdef int code = hex4(parser.at + 2)
    cdef int low
    cdef int length = 6
    if code < 0:
        return False
    if code & 0xF800 == 0xD800:
        if code & 0x400 or parser.at[6] != c"\\" or parser.at[7] != c"u":
            return False
        low = hex4(parser.at + 8)
        if low < 0 or low & 0xFC00 != 0xDC00:
            return False
        code = (((code & 0x3FF) << 10) | (low & 0x3FF)) + 0x10000
        length = 12
    put_utf8(code)
    parser.at += length
    return True


cdef inline char simple_escape(char byte) noexcept nogil:
    if byte == c'"' or byte == c"\\" or byte == c"/":
        return byte
    if byte == c"b":
        return 8
    if byte == c"t":
        return 9
    if byte == c"n":
        return 10
    if byte == c"f":
        return 12
    if byte == c"r":
        return 13
    return 0


cdef void string_token(Parser* parser, Token* token) noexcept nogil:
    cdef const char* start = parser.at + 1
    cdef char byte
    token.kind = STRING
    parser.at += 1
    while parser.at[0] != c'"' and parser.at[0] != c"\\" and parser.at[0] != 0:
        parser.at += 1
    if parser.at[0] == c'"':
        token.text = start
        token.size = <size_t> (parser.at - start)
        parser.at += 1
        return
    # There is an escape: from here on a copy. It never outgrows the room reserved for the whole text.
    unescaped.size = 0
    for index in range(parser.at - start):
        unescaped.data[index] = start[index]
    unescaped.size = <size_t> (parser.at - start)
    while parser.at[0] != c'"':
        byte = parser.at[0]
        if byte == 0:
            fault(parser, token, b"unexpected end of string")
            return
        if byte == c"\\":
            if parser.at[1] == c"u":
                if not unicode_escape(parser):
                    fault(parser, token, b"invalid unicode escape code")
                    return
                continue
            byte = simple_escape(parser.at[1])
            if byte == 0:
                fault(parser, token, b"invalid escape code")
                return
            parser.at += 1
        unescaped.data[unescaped.size] = byte
        unescaped.size += 1
        parser.at += 1
    parser.at += 1
    token.text = unescaped.data
    token.size = unescaped.size


cdef bint is_invalid_number(const char* at) noexcept nogil:
    """Whether strtod would take what JSON does not allow: a plus sign, leading zeros, hexadecimal, inf, nan."""
    if at[0] == c"+":
        return True
    if at[0] == c"-":
        at += 1
    if at[0] == c"0":
        return (at[1] | 0x20) == c"x" or c"0" <= at[1] <= c"9"
    if at[0] <= c"9":
        return False
    return strncasecmp(at, b"inf", 3) == 0 or strncasecmp(at, b"nan", 3) == 0


cdef void number_token(Parser* parser, Token* token) noexcept nogil:
    cdef char* end
    token.kind = NUMBER
    token.number = strtod(parser.at, &end)
    if end == parser.at:
        fault(parser, token, b"invalid number")
    else:
        parser.at = end


cdef inline bint word(Parser* parser, Token* token, const char* text, size_t size, Kind kind, double value) noexcept nogil:
    if strncmp(parser.at, text, size):
        return False
    token.kind = kind
    token.number = value
    parser.at += size
    return True


cdef inline bint symbol(Token* token, char byte) noexcept nogil:
    if byte == c"{":
        token.kind = OBJECT_BEGIN
    elif byte == c"}":
        token.kind = OBJECT_END
    elif byte == c"[":
        token.kind = ARRAY_BEGIN
    elif byte == c"]":
        token.kind = ARRAY_END
    elif byte == c",":
        token.kind = COMMA
    elif byte == c":":
        token.kind = COLON
    else:
        return False
    return True


cdef void next_token(Parser* parser, Token* token) noexcept nogil:
    cdef char byte
    while parser.at[0] == c" " or parser.at[0] == c"\t" or parser.at[0] == c"\n" or parser.at[0] == c"\r":
        parser.at += 1
    byte = parser.at[0]
    token.index = <size_t> (parser.at - parser.data)
    if byte == c'"':
        string_token(parser, token)
    elif symbol(token, byte):
        parser.at += 1
    elif byte == 0:
        token.kind = END
    elif byte == c"-" or c"0" <= byte <= c"9":
        if not parser.options.decode_invalid and is_invalid_number(parser.at):
            fault(parser, token, b"invalid number")
        else:
            number_token(parser, token)
    elif (word(parser, token, b"true", 4, BOOLEAN, 1) or word(parser, token, b"false", 5, BOOLEAN, 0)
          or word(parser, token, b"null", 4, NULL_VALUE, 0)):
        pass
    elif (parser.options.decode_invalid and (byte == c"+" or byte == c"i" or byte == c"I" or byte == c"n" or byte == c"N")
          and is_invalid_number(parser.at)):
        number_token(parser, token)
    else:
        fault(parser, token, b"invalid token")


cdef int expected(lua_State* L, const char* what, Token* token) noexcept nogil:
    return lua.L_error(L, b"Expected %s but found %s at character %d", what,
                       token.text if token.kind == FAULT else KIND_NAMES[<int> token.kind], <int> token.index + 1)


cdef void descend(lua_State* L, Parser* parser, int slots) noexcept nogil:
    parser.depth += 1
    if parser.depth > parser.options.decode_depth or not lua.checkstack(L, slots):
        lua.L_error(L, b"Found too many nested data structures (%d) at character %d", parser.depth, <int> (parser.at - parser.data))


cdef void object_value(lua_State* L, Parser* parser) noexcept nogil:
    cdef Token token
    descend(L, parser, 3)
    lua.createtable(L, 0, 0)
    next_token(parser, &token)
    while token.kind != OBJECT_END:
        if token.kind != STRING:
            expected(L, b"object key string", &token)
        lua.pushlstring(L, token.text, token.size)
        next_token(parser, &token)
        if token.kind != COLON:
            expected(L, b"colon", &token)
        next_token(parser, &token)
        value(L, parser, &token)
        lua.rawset(L, -3)
        next_token(parser, &token)
        if token.kind == OBJECT_END:
            break
        if token.kind != COMMA:
            expected(L, b"comma or object end", &token)
        next_token(parser, &token)
        if token.kind == OBJECT_END:
            expected(L, b"object key string", &token)
    parser.depth -= 1


cdef void array_value(lua_State* L, Parser* parser) noexcept nogil:
    cdef Token token
    cdef int index = 0
    descend(L, parser, 2)
    lua.createtable(L, 0, 0)
    next_token(parser, &token)
    while token.kind != ARRAY_END:
        index += 1
        value(L, parser, &token)
        lua.rawseti(L, -2, index)
        next_token(parser, &token)
        if token.kind == ARRAY_END:
            break
        if token.kind != COMMA:
            expected(L, b"comma or array end", &token)
        next_token(parser, &token)
        if token.kind == ARRAY_END:
            expected(L, b"value", &token)
    parser.depth -= 1


cdef void value(lua_State* L, Parser* parser, Token* token) noexcept nogil:
    """Push the value that begins with `token`."""
    if token.kind == STRING:
        lua.pushlstring(L, token.text, token.size)
    elif token.kind == NUMBER:
        lua.pushnumber(L, token.number)
    elif token.kind == BOOLEAN:
        lua.pushboolean(L, <int> token.number)
    elif token.kind == OBJECT_BEGIN:
        object_value(L, parser)
    elif token.kind == ARRAY_BEGIN:
        array_value(L, parser)
    elif token.kind == NULL_VALUE:
        lua.pushlightuserdata(L, NULL)
    else:
        expected(L, b"value", token)


cdef int json_decode(lua_State* L) noexcept nogil:
    """Lua's `cjson.decode(text)`."""
    cdef Parser parser
    cdef Token token
    cdef size_t size
    if lua.gettop(L) != 1:
        lua.L_argerror(L, 1, b"expected 1 argument")
    parser.options = <Options*> lua.touserdata(L, upvalue(1))
    parser.data = parser.at = lua.L_checklstring(L, 1, &size)
    parser.depth = 0
    if size >= 2 and (parser.data[0] == 0 or parser.data[1] == 0):
        lua.L_error(L, b"JSON parser does not support UTF-16 or UTF-32")
    buffer_reset(&unescaped)
    if memchr(parser.data, c"\\", size) != NULL and not buffer_reserve(&unescaped, size):
        lua.L_error(L, b"not enough memory")
    next_token(&parser, &token)
    value(L, &parser, &token)
    next_token(&parser, &token)
    if token.kind != END:
        expected(L, b"the end", &token)
    return 1
