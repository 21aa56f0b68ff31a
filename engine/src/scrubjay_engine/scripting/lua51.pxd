"""The C interface of Lua 5.1, as every module of this package sees it.

lupa ships the interpreter (`lupa.lua51`) as an extension module that exports Lua's whole C interface; it has no header files and its names must
stay out of the process-wide symbol table (lupa ships other Lua versions with the same names). So the functions are looked up in that one file
with dlsym, into a table that each module keeps for itself: `from .lua51 cimport lua, load_api`, and at import `load_api(library())`.

Rules for functions that Lua calls (`lua_CFunction`): an error in Lua is a longjmp. A function that can raise one, or that calls Lua code, holds no Python
reference and no malloc'ed memory while it does; `nogil` makes the compiler check the first half of that (the GIL is in fact held throughout).
"""

cdef extern from * nogil:
    """
    #include <dlfcn.h>
    #include <stddef.h>

    typedef struct lua_State lua_State;
    typedef int (*lua_CFunction)(lua_State *L);
    typedef void *(*lua_Alloc)(void *ud, void *block, size_t old_size, size_t new_size);

    typedef struct lua_Debug {
        int event;
        const char *name, *namewhat, *what, *source;
        int currentline, nups, linedefined, lastlinedefined;
        char short_src[60];
        int i_ci;
    } lua_Debug;
    typedef void (*lua_Hook)(lua_State *L, lua_Debug *ar);

    #define LUA_INTERFACE(X) \\
        X(lua_State*, newstate, (lua_Alloc, void*)) X(void, close, (lua_State*)) \\
        X(int, gettop, (lua_State*)) X(void, settop, (lua_State*, int)) X(int, checkstack, (lua_State*, int)) \\
        X(void, pushvalue, (lua_State*, int)) X(void, remove, (lua_State*, int)) X(void, insert, (lua_State*, int)) X(void, replace, (lua_State*, int)) \\
        X(int, type, (lua_State*, int)) X(const char*, typename, (lua_State*, int)) X(int, isnumber, (lua_State*, int)) X(int, isstring, (lua_State*, int)) \\
        X(int, iscfunction, (lua_State*, int)) X(double, tonumber, (lua_State*, int)) X(ptrdiff_t, tointeger, (lua_State*, int)) X(int, toboolean, (lua_State*, int)) \\
        X(const char*, tolstring, (lua_State*, int, size_t*)) X(size_t, objlen, (lua_State*, int)) X(lua_CFunction, tocfunction, (lua_State*, int)) \\
        X(void*, touserdata, (lua_State*, int)) X(const void*, topointer, (lua_State*, int)) \\
        X(void, pushnil, (lua_State*)) X(void, pushnumber, (lua_State*, double)) X(void, pushinteger, (lua_State*, ptrdiff_t)) \\
        X(void, pushlstring, (lua_State*, const char*, size_t)) X(void, pushstring, (lua_State*, const char*)) X(void, pushboolean, (lua_State*, int)) \\
        X(const char*, pushfstring, (lua_State*, const char*, ...)) X(void, pushlightuserdata, (lua_State*, void*)) \\
        X(void, pushcclosure, (lua_State*, lua_CFunction, int)) \\
        X(void, gettable, (lua_State*, int)) X(void, getfield, (lua_State*, int, const char*)) X(void, rawget, (lua_State*, int)) \\
        X(void, rawgeti, (lua_State*, int, int)) X(void, createtable, (lua_State*, int, int)) X(void*, newuserdata, (lua_State*, size_t)) \\
        X(int, getmetatable, (lua_State*, int)) X(void, setfield, (lua_State*, int, const char*)) X(void, rawset, (lua_State*, int)) \\
        X(void, rawseti, (lua_State*, int, int)) X(int, setmetatable, (lua_State*, int)) X(int, next, (lua_State*, int)) X(void, concat, (lua_State*, int)) \\
        X(void, call, (lua_State*, int, int)) X(int, pcall, (lua_State*, int, int, int)) X(int, error, (lua_State*)) X(int, gc, (lua_State*, int, int)) \\
        X(int, getstack, (lua_State*, int, lua_Debug*)) X(int, getinfo, (lua_State*, const char*, lua_Debug*)) X(int, sethook, (lua_State*, lua_Hook, int, int))

    #define LUA_AUXILIARY(X) \\
        X(int, L_error, (lua_State*, const char*, ...)) X(int, L_argerror, (lua_State*, int, const char*)) X(int, L_typerror, (lua_State*, int, const char*)) \\
        X(void, L_where, (lua_State*, int)) X(const char*, L_checklstring, (lua_State*, int, size_t*)) X(double, L_checknumber, (lua_State*, int)) \\
        X(ptrdiff_t, L_checkinteger, (lua_State*, int)) X(ptrdiff_t, L_optinteger, (lua_State*, int, ptrdiff_t)) X(void, L_checktype, (lua_State*, int, int)) \\
        X(void, L_checkstack, (lua_State*, int, const char*)) X(int, L_checkoption, (lua_State*, int, const char*, const char *const*)) \\
        X(int, L_ref, (lua_State*, int)) X(void, L_unref, (lua_State*, int, int)) X(int, L_loadbuffer, (lua_State*, const char*, size_t, const char*))

    #define LUA_LIBRARIES(X) \\
        X(int, open_base, (lua_State*)) X(int, open_table, (lua_State*)) X(int, open_string, (lua_State*)) X(int, open_math, (lua_State*))

    #define LUA_FIELD(result, name, arguments) result (*name) arguments;
    typedef struct { LUA_INTERFACE(LUA_FIELD) LUA_AUXILIARY(LUA_FIELD) LUA_LIBRARIES(LUA_FIELD) } LuaApi;
    static LuaApi lua;

    #define LUA_FIND(symbol, field) if (!(*(void **)&lua.field = dlsym(handle, symbol))) return symbol;
    #define LUA_FIND_INTERFACE(result, name, arguments) LUA_FIND("lua_" #name, name)
    #define LUA_FIND_AUXILIARY(result, name, arguments) LUA_FIND("lua" #name, name)
    #define LUA_FIND_LIBRARY(result, name, arguments) LUA_FIND("lua" #name, name)

    /* Returns NULL, or the first symbol that is missing. */
    static const char *lua_api_find(void *handle) {
        LUA_INTERFACE(LUA_FIND_INTERFACE) LUA_AUXILIARY(LUA_FIND_AUXILIARY) LUA_LIBRARIES(LUA_FIND_LIBRARY)
        return NULL;
    }
    """
    ctypedef struct lua_State:
        pass
    ctypedef int (*lua_CFunction)(lua_State* L) noexcept nogil
    ctypedef void* (*lua_Alloc)(void* ud, void* block, size_t old_size, size_t new_size) noexcept nogil
    ctypedef struct lua_Debug:
        const char* what
        const char* source
        int currentline
    ctypedef void (*lua_Hook)(lua_State* L, lua_Debug* ar) noexcept nogil

    ctypedef struct LuaApi:
        lua_State* (*newstate)(lua_Alloc, void*) noexcept nogil
        void (*close)(lua_State*) noexcept nogil
        int (*gettop)(lua_State*) noexcept nogil
        void (*settop)(lua_State*, int) noexcept nogil
        int (*checkstack)(lua_State*, int) noexcept nogil
        void (*pushvalue)(lua_State*, int) noexcept nogil
        void (*remove)(lua_State*, int) noexcept nogil
        void (*insert)(lua_State*, int) noexcept nogil
        void (*replace)(lua_State*, int) noexcept nogil
        int (*type)(lua_State*, int) noexcept nogil
        const char* (*typename)(lua_State*, int) noexcept nogil
        int (*isnumber)(lua_State*, int) noexcept nogil
        int (*isstring)(lua_State*, int) noexcept nogil
        int (*iscfunction)(lua_State*, int) noexcept nogil
        double (*tonumber)(lua_State*, int) noexcept nogil
        Py_ssize_t (*tointeger)(lua_State*, int) noexcept nogil
        int (*toboolean)(lua_State*, int) noexcept nogil
        const char* (*tolstring)(lua_State*, int, size_t*) noexcept nogil
        size_t (*objlen)(lua_State*, int) noexcept nogil
        lua_CFunction (*tocfunction)(lua_State*, int) noexcept nogil
        void* (*touserdata)(lua_State*, int) noexcept nogil
        const void* (*topointer)(lua_State*, int) noexcept nogil
        void (*pushnil)(lua_State*) noexcept nogil
        void (*pushnumber)(lua_State*, double) noexcept nogil
        void (*pushinteger)(lua_State*, Py_ssize_t) noexcept nogil
        void (*pushlstring)(lua_State*, const char*, size_t) noexcept nogil
        void (*pushstring)(lua_State*, const char*) noexcept nogil
        void (*pushboolean)(lua_State*, int) noexcept nogil
        const char* (*pushfstring)(lua_State*, const char*, ...) noexcept nogil
        void (*pushlightuserdata)(lua_State*, void*) noexcept nogil
        void (*pushcclosure)(lua_State*, lua_CFunction, int) noexcept nogil
        void (*gettable)(lua_State*, int) noexcept nogil
        void (*getfield)(lua_State*, int, const char*) noexcept nogil
        void (*rawget)(lua_State*, int) noexcept nogil
        void (*rawgeti)(lua_State*, int, int) noexcept nogil
        void (*createtable)(lua_State*, int, int) noexcept nogil
        void* (*newuserdata)(lua_State*, size_t) noexcept nogil
        int (*getmetatable)(lua_State*, int) noexcept nogil
        void (*setfield)(lua_State*, int, const char*) noexcept nogil
        void (*rawset)(lua_State*, int) noexcept nogil
        void (*rawseti)(lua_State*, int, int) noexcept nogil
        int (*setmetatable)(lua_State*, int) noexcept nogil
        int (*next)(lua_State*, int) noexcept nogil
        void (*concat)(lua_State*, int) noexcept nogil
        void (*call)(lua_State*, int, int) noexcept nogil
        int (*pcall)(lua_State*, int, int, int) noexcept nogil
        int (*error)(lua_State*) noexcept nogil
        int (*gc)(lua_State*, int, int) noexcept nogil
        int (*getstack)(lua_State*, int, lua_Debug*) noexcept nogil
        int (*getinfo)(lua_State*, const char*, lua_Debug*) noexcept nogil
        int (*sethook)(lua_State*, lua_Hook, int, int) noexcept nogil
        int (*L_error)(lua_State*, const char*, ...) noexcept nogil
        int (*L_argerror)(lua_State*, int, const char*) noexcept nogil
        int (*L_typerror)(lua_State*, int, const char*) noexcept nogil
        void (*L_where)(lua_State*, int) noexcept nogil
        const char* (*L_checklstring)(lua_State*, int, size_t*) noexcept nogil
        double (*L_checknumber)(lua_State*, int) noexcept nogil
        Py_ssize_t (*L_checkinteger)(lua_State*, int) noexcept nogil
        Py_ssize_t (*L_optinteger)(lua_State*, int, Py_ssize_t) noexcept nogil
        void (*L_checktype)(lua_State*, int, int) noexcept nogil
        void (*L_checkstack)(lua_State*, int, const char*) noexcept nogil
        int (*L_checkoption)(lua_State*, int, const char*, const char**) noexcept nogil
        int (*L_ref)(lua_State*, int) noexcept nogil
        void (*L_unref)(lua_State*, int, int) noexcept nogil
        int (*L_loadbuffer)(lua_State*, const char*, size_t, const char*) noexcept nogil
        int (*open_base)(lua_State*) noexcept nogil
        int (*open_table)(lua_State*) noexcept nogil
        int (*open_string)(lua_State*) noexcept nogil
        int (*open_math)(lua_State*) noexcept nogil

    LuaApi lua
    const char* lua_api_find(void* handle)


cdef enum:
    LUA_REGISTRY = -10000
    LUA_GLOBALS = -10002
    LUA_MULTRET = -1
    LUA_TNONE = -1
    LUA_TNIL = 0
    LUA_TBOOLEAN = 1
    LUA_TLIGHTUSERDATA = 2
    LUA_TNUMBER = 3
    LUA_TSTRING = 4
    LUA_TTABLE = 5
    LUA_TFUNCTION = 6
    LUA_ERRRUN = 2
    LUA_GCSTOP = 0
    LUA_GCRESTART = 1
    LUA_GCCOUNT = 3
    LUA_GCCOUNTB = 4
    LUA_GCSTEP = 5
    LUA_MASKLINE = 4
    LUA_MASKCOUNT = 8


cdef inline int upvalue(int index) noexcept nogil:
    return LUA_GLOBALS - index


cdef inline int load_api(size_t handle) except -1:
    """Fill this module's table of Lua functions (once, at import)."""
    cdef const char* missing = lua_api_find(<void*> handle)
    if missing != NULL:
        raise ImportError("lupa's Lua 5.1 does not export " + missing.decode())
    return 0
