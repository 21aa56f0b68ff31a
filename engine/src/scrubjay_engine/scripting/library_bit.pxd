from .lua51 cimport lua_State

cdef int open_bit(lua_State* L) noexcept nogil
