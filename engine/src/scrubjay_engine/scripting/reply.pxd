from .buffer cimport Buffer
from .lua51 cimport lua_State

# What a reply written for a client was, for the error counters: not an error, an error not counted yet, an error counted when its command ran.
cdef enum Outcome:
    REPLY
    NEW_ERROR
    COUNTED_ERROR

cdef const char* push_reply(lua_State* L, const char* data, const char* end) noexcept nogil
cdef void push_error(lua_State* L, const char* data, size_t size) noexcept nogil
cdef Outcome write_value(lua_State* L, Buffer* out, int client_resp, int script_resp) noexcept nogil
cdef void write_error(Buffer* out, const char* text, size_t size) noexcept nogil
