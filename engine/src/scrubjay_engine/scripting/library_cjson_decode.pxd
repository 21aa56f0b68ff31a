from .lua51 cimport lua_State

# One cjson module table's options (the first upvalue of its functions).
ctypedef struct Options:
    int sparse_convert
    int sparse_ratio
    int sparse_safe
    int encode_depth
    int decode_depth
    int precision
    int keep_buffer
    int encode_invalid
    int decode_invalid

cdef int json_decode(lua_State* L) noexcept nogil
