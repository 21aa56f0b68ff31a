from .lua51 cimport lua_State

cdef lua_State* new_state() noexcept nogil
cdef void protect(lua_State* L) noexcept nogil
cdef void protect_globals(lua_State* L) noexcept nogil
cdef void set_missing_guard(lua_State* L) noexcept nogil
cdef int load_text(lua_State* L, const char* code, size_t size, const char* name) noexcept nogil
cdef int on_error(lua_State* L) noexcept nogil
