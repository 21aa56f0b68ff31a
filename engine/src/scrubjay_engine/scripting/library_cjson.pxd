from .library_cjson_decode cimport Options
from .lua51 cimport lua_State

cdef int open_cjson(lua_State* L) noexcept nogil
