"""A Lua state in which scripts can change nothing but their own tables.

Redis marks tables read-only inside a patched interpreter. The stock one has no such mark, so each shared table (globals, `redis`, `string`, ...) is hidden behind a
*guard*: an empty table whose metatable reads through to the real one and refuses writes. Invariants:

1. A script never gets a reference to a real shared table, nor to a guard's metatable: `getmetatable` gives what Redis would show, itself guarded.
2. Every builtin that ignores metatables (`rawset`, `rawget`, `next`, `pairs`, `setmetatable`, `getmetatable`, `table.insert`) knows guards; `setfenv`,
   `getfenv`, `newproxy`, `module` and all of io, os, package and debug are not there.
3. Only source text is compiled (byte code can break out of the interpreter), and the collector rests meanwhile (CVE-2025-49844: the parser of 5.1 does not
   hold the chunk's name).

`unpack` is our own because 5.1's overflows (CVE-2025-46817), `pcall` because it returns Redis' error tables as texts, `load` because of rule 3.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc

from .lua51 cimport (
    LUA_GCRESTART,
    LUA_GCSTOP,
    LUA_GLOBALS,
    LUA_MULTRET,
    LUA_TBOOLEAN,
    LUA_TFUNCTION,
    LUA_TNIL,
    LUA_TNUMBER,
    LUA_TSTRING,
    LUA_TTABLE,
    load_api,
    lua,
    lua_CFunction,
    lua_Debug,
    lua_State,
    upvalue,
)
from .interpreter import library
from .library_bit cimport open_bit
from .library_cjson cimport open_cjson
from .library_cmsgpack cimport open_cmsgpack
from .library_struct cimport open_struct

load_api(library())

cdef enum:
    # The key under which a guard's metatable holds GUARD_MARK.
    GUARD_KEY = 1
    INT_MAX = 2147483647

cdef char GUARD_MARK = 0


cdef void* allocate(void* context, void* block, size_t old_size, size_t new_size) noexcept nogil:
    if new_size == 0:
        free(block)
        return NULL
    return realloc(block, new_size)


# Guards

cdef int refuse_change(lua_State* L) noexcept nogil:
    return lua.L_error(L, b"Attempt to modify a readonly table")


cdef int refuse_change_within(lua_State* L) noexcept nogil:
    """The same, raised by a builtin: Redis gives no position then."""
    lua.pushstring(L, b"Attempt to modify a readonly table")
    return lua.error(L)


cdef int missing_global(lua_State* L) noexcept nogil:
    if lua.gettop(L) != 2:
        return lua.L_error(L, b"Wrong number of arguments to luaProtectedTableError")
    if not lua.isstring(L, 2):
        return lua.L_error(L, b"Second argument to luaProtectedTableError must be a string or number")
    return lua.L_error(L, b"Script attempted to access nonexistent global variable '%s'", lua.tolstring(L, 2, NULL))


cdef inline bint is_guard(lua_State* L, int index) noexcept nogil:
    cdef bint marked
    if lua.type(L, index) != LUA_TTABLE or not lua.getmetatable(L, index):
        return False
    lua.rawgeti(L, -1, GUARD_KEY)
    marked = lua.touserdata(L, -1) == <void*> &GUARD_MARK
    lua.settop(L, -3)
    return marked


cdef void push_guarded(lua_State* L, int index) noexcept nogil:
    """Push the real table behind the guard at `index`."""
    lua.getmetatable(L, index)
    lua.pushstring(L, b"__index")
    lua.rawget(L, -2)
    lua.remove(L, -2)


cdef void protect(lua_State* L) noexcept nogil:
    """Replace the table on top of the stack by a guard for it."""
    lua.createtable(L, 0, 0)
    lua.createtable(L, 1, 3)
    lua.pushlightuserdata(L, &GUARD_MARK)
    lua.rawseti(L, -2, GUARD_KEY)
    lua.pushvalue(L, -3)
    lua.setfield(L, -2, b"__index")
    lua.pushcclosure(L, refuse_change, 0)
    lua.setfield(L, -2, b"__newindex")
    lua.setmetatable(L, -2)
    lua.remove(L, -2)


cdef void set_missing_guard(lua_State* L) noexcept nogil:
    """Make reading an absent key of the table on top an error."""
    lua.createtable(L, 0, 1)
    lua.pushcclosure(L, missing_global, 0)
    lua.setfield(L, -2, b"__index")
    lua.setmetatable(L, -2)


cdef void show_metatable(lua_State* L) noexcept nogil:
    """Give the metatable below the top a guarded stand-in for getmetatable to show; its `__index` is the value on top, which is popped."""
    lua.createtable(L, 0, 1)
    lua.insert(L, -2)
    lua.setfield(L, -2, b"__index")
    protect(L)
    lua.setfield(L, -2, b"__metatable")


cdef void protect_globals(lua_State* L) noexcept nogil:
    """Guard every table of the globals, then the globals themselves. Leaves the real globals on the stack, for KEYS and ARGV."""
    lua.pushvalue(L, LUA_GLOBALS)
    lua.pushnil(L)
    while lua.next(L, -2):
        if lua.type(L, -1) == LUA_TTABLE and lua.topointer(L, -1) != lua.topointer(L, -3) and not is_guard(L, -1):
            protect(L)
            lua.pushvalue(L, -2)
            lua.insert(L, -2)
            # Assigning to an existing key is allowed during a traversal.
            lua.rawset(L, -4)
        else:
            lua.settop(L, -2)
    lua.pushstring(L, b"")
    lua.getmetatable(L, -1)
    lua.getfield(L, -3, b"string")
    show_metatable(L)
    lua.settop(L, -3)
    set_missing_guard(L)
    lua.pushvalue(L, -1)
    protect(L)
    lua.getmetatable(L, -1)
    lua.pushcclosure(L, missing_global, 0)
    show_metatable(L)
    lua.settop(L, -2)
    lua.pushvalue(L, -1)
    lua.setfield(L, -3, b"_G")
    lua.replace(L, LUA_GLOBALS)


# Builtins that know guards

cdef int guarded_setmetatable(lua_State* L) noexcept nogil:
    if is_guard(L, 1):
        return refuse_change_within(L)
    return lua.tocfunction(L, upvalue(1))(L)


cdef int guarded_getmetatable(lua_State* L) noexcept nogil:
    if not is_guard(L, 1):
        return lua.tocfunction(L, upvalue(1))(L)
    lua.getmetatable(L, 1)
    lua.pushstring(L, b"__metatable")
    lua.rawget(L, -2)
    return 1


cdef int guarded_rawset(lua_State* L) noexcept nogil:
    if is_guard(L, 1):
        return refuse_change_within(L)
    return lua.tocfunction(L, upvalue(1))(L)


cdef int guarded_rawget(lua_State* L) noexcept nogil:
    if is_guard(L, 1):
        push_guarded(L, 1)
        lua.replace(L, 1)
    return lua.tocfunction(L, upvalue(1))(L)


cdef int guarded_next(lua_State* L) noexcept nogil:
    if is_guard(L, 1):
        push_guarded(L, 1)
        lua.replace(L, 1)
    return lua.tocfunction(L, upvalue(1))(L)


cdef int guarded_pairs(lua_State* L) noexcept nogil:
    """`pairs`: upvalue 1 is the stock `next`, upvalue 2 the one that knows guards."""
    lua.L_checktype(L, 1, LUA_TTABLE)
    lua.pushvalue(L, upvalue(2) if is_guard(L, 1) else upvalue(1))
    lua.pushvalue(L, 1)
    lua.pushnil(L)
    return 3


cdef int guarded_insert(lua_State* L) noexcept nogil:
    if is_guard(L, 1):
        return refuse_change_within(L)
    return lua.tocfunction(L, upvalue(1))(L)


# Builtins of our own

cdef int safe_unpack(lua_State* L) noexcept nogil:
    cdef int64_t first, last, count, index
    lua.L_checktype(L, 1, LUA_TTABLE)
    first = <int> lua.L_optinteger(L, 2, 1)
    last = <int> lua.L_optinteger(L, 3, <Py_ssize_t> lua.objlen(L, 1))
    if first > last:
        return 0
    count = last - first + 1
    if count >= INT_MAX or not lua.checkstack(L, <int> count):
        return lua.L_error(L, b"too many results to unpack")
    for index in range(first, last + 1):
        lua.rawgeti(L, 1, <int> index)
    return <int> count


cdef int error_text_pcall(lua_State* L) noexcept nogil:
    """`pcall`; an error that is a table with a text in `err` (as redis.call raises) comes back as that text."""
    cdef int count = lua.gettop(L)
    lua.pushboolean(L, 1)
    lua.insert(L, 1)
    if lua.pcall(L, count - 1, LUA_MULTRET, 0):
        lua.remove(L, 1)
        if lua.type(L, -1) == LUA_TTABLE:
            lua.pushstring(L, b"err")
            lua.rawget(L, -2)
            if lua.isstring(L, -1):
                lua.replace(L, -2)
            else:
                lua.settop(L, -2)
        lua.pushboolean(L, 0)
        lua.insert(L, 1)
    return lua.gettop(L)


cdef int load_text(lua_State* L, const char* code, size_t size, const char* name) noexcept nogil:
    """luaL_loadbuffer for source text only: pushes the function and returns 0, or pushes the error."""
    cdef int status
    lua.gc(L, LUA_GCSTOP, 0)
    if size and code[0] == 27:
        # Behind a space, byte code meets the parser, which refuses it in its own words.
        lua.pushstring(L, b" ")
        lua.pushlstring(L, code, size)
        lua.concat(L, 2)
        code = lua.tolstring(L, -1, &size)
        status = lua.L_loadbuffer(L, code, size, name)
        lua.remove(L, -2)
    else:
        status = lua.L_loadbuffer(L, code, size, name)
    lua.gc(L, LUA_GCRESTART, 0)
    return status


cdef int loaded(lua_State* L, int status) noexcept nogil:
    if status == 0:
        return 1
    lua.pushnil(L)
    lua.insert(L, -2)
    return 2


cdef int text_loadstring(lua_State* L) noexcept nogil:
    cdef size_t size
    cdef const char* code = lua.L_checklstring(L, 1, &size)
    cdef const char* name = code if lua.type(L, 2) <= LUA_TNIL else lua.L_checklstring(L, 2, NULL)
    return loaded(L, load_text(L, code, size, name))


cdef int read_piece(lua_State* L) noexcept nogil:
    """Call the reader that `load` was given; what it returns must be a text or nothing."""
    lua.call(L, 0, 1)
    if lua.type(L, -1) == LUA_TNIL or lua.isstring(L, -1):
        return 1
    lua.L_where(L, 2)
    lua.pushstring(L, b"reader function must return a string")
    lua.concat(L, 2)
    return lua.error(L)


cdef int text_load(lua_State* L) noexcept nogil:
    cdef size_t size
    cdef const char* code
    cdef const char* name = b"=(load)"
    if lua.type(L, 2) > LUA_TNIL:
        name = lua.L_checklstring(L, 2, NULL)
    lua.L_checktype(L, 1, LUA_TFUNCTION)
    lua.settop(L, 2)
    lua.pushcclosure(L, on_error, 0)
    lua.pushstring(L, b"")
    while True:
        lua.pushcclosure(L, read_piece, 0)
        lua.pushvalue(L, 1)
        # As in the stock interpreter, the script's message handler sees errors of the reader: `load` returns a table then.
        if lua.pcall(L, 1, 1, 3):
            lua.pushnil(L)
            lua.insert(L, -2)
            return 2
        if lua.type(L, -1) == LUA_TNIL or lua.objlen(L, -1) == 0:
            break
        lua.concat(L, 2)
    lua.settop(L, 4)
    code = lua.tolstring(L, 4, &size)
    return loaded(L, load_text(L, code, size, name))


cdef void describe(lua_State* L) noexcept nogil:
    """Replace the error value on top by `{err = "ERR " .. tostring(value)}`."""
    cdef int kind = lua.type(L, -1)
    lua.createtable(L, 0, 4)
    lua.insert(L, -2)
    lua.pushstring(L, b"ERR ")
    lua.insert(L, -2)
    if kind == LUA_TNIL or kind == LUA_TBOOLEAN:
        lua.pushstring(L, b"nil" if kind == LUA_TNIL else b"true" if lua.toboolean(L, -1) else b"false")
        lua.replace(L, -2)
    elif kind != LUA_TSTRING and kind != LUA_TNUMBER:
        lua.pushfstring(L, b"%s: %p", lua.typename(L, kind), lua.topointer(L, -1))
        lua.replace(L, -2)
    lua.concat(L, 2)
    lua.setfield(L, -2, b"err")


cdef int on_error(lua_State* L) noexcept nogil:
    """The message handler of every script: an error becomes a table `{err, source, line}`; within a C function the line is its caller's."""
    cdef lua_Debug frame
    cdef bint known
    lua.settop(L, 1)
    if lua.type(L, 1) != LUA_TTABLE or is_guard(L, 1):
        describe(L)
    known = lua.getstack(L, 1, &frame) and lua.getinfo(L, b"Sl", &frame)
    if known and frame.what[0] == c"C":
        known = lua.getstack(L, 2, &frame) and lua.getinfo(L, b"Sl", &frame)
    if known:
        lua.pushstring(L, b"source")
        lua.pushstring(L, frame.source)
        lua.rawset(L, 1)
        lua.pushstring(L, b"line")
        lua.pushinteger(L, frame.currentline)
        lua.rawset(L, 1)
    return 1


# The state

cdef void open_library(lua_State* L, lua_CFunction opener, const char* name) noexcept nogil:
    lua.pushcclosure(L, opener, 0)
    lua.pushstring(L, name)
    lua.call(L, 1, 0)


cdef void add_library(lua_State* L, lua_CFunction opener, const char* name) noexcept nogil:
    opener(L)
    lua.setfield(L, LUA_GLOBALS, name)


cdef void wrap(lua_State* L, int table, const char* name, lua_CFunction body) noexcept nogil:
    """Replace a builtin by `body`, which has the stock one as its upvalue."""
    lua.getfield(L, table, name)
    lua.pushcclosure(L, body, 1)
    lua.setfield(L, table, name)


cdef void replace(lua_State* L, const char* name, lua_CFunction body) noexcept nogil:
    lua.pushcclosure(L, body, 0)
    lua.setfield(L, LUA_GLOBALS, name)


cdef void remove(lua_State* L, const char* name) noexcept nogil:
    lua.pushnil(L)
    lua.setfield(L, LUA_GLOBALS, name)


cdef int fill(lua_State* L) noexcept nogil:
    open_library(L, lua.open_base, b"")
    open_library(L, lua.open_table, b"table")
    open_library(L, lua.open_string, b"string")
    open_library(L, lua.open_math, b"math")
    add_library(L, open_bit, b"bit")
    add_library(L, open_struct, b"struct")
    add_library(L, open_cmsgpack, b"cmsgpack")
    add_library(L, open_cjson, b"cjson")
    lua.getfield(L, LUA_GLOBALS, b"next")
    wrap(L, LUA_GLOBALS, b"next", guarded_next)
    lua.getfield(L, LUA_GLOBALS, b"next")
    lua.pushcclosure(L, guarded_pairs, 2)
    lua.setfield(L, LUA_GLOBALS, b"pairs")
    wrap(L, LUA_GLOBALS, b"setmetatable", guarded_setmetatable)
    wrap(L, LUA_GLOBALS, b"getmetatable", guarded_getmetatable)
    wrap(L, LUA_GLOBALS, b"rawset", guarded_rawset)
    wrap(L, LUA_GLOBALS, b"rawget", guarded_rawget)
    lua.getfield(L, LUA_GLOBALS, b"table")
    wrap(L, lua.gettop(L), b"insert", guarded_insert)
    lua.settop(L, -2)
    replace(L, b"unpack", safe_unpack)
    replace(L, b"pcall", error_text_pcall)
    replace(L, b"loadstring", text_loadstring)
    replace(L, b"load", text_load)
    remove(L, b"dofile")
    remove(L, b"loadfile")
    remove(L, b"print")
    remove(L, b"newproxy")
    remove(L, b"setfenv")
    remove(L, b"getfenv")
    return 0


cdef lua_State* new_state() noexcept nogil:
    """A state with every library and builtin in place but nothing guarded yet, or NULL when memory ran out."""
    cdef lua_State* L = lua.newstate(allocate, NULL)
    if L == NULL:
        return NULL
    lua.pushcclosure(L, fill, 0)
    if lua.pcall(L, 0, 0, 0):
        lua.close(L)
        return NULL
    return L
