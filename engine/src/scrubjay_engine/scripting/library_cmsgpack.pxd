from .lua51 cimport lua_State

cdef int open_cmsgpack(lua_State* L) noexcept nogil
