from .lua51 cimport lua_State

cdef int open_struct(lua_State* L) noexcept nogil
