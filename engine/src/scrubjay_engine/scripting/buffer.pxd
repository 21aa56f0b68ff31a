"""A growing run of bytes, for what the Lua libraries and replies write.

One buffer belongs to one module and is reused from call to call: an error in Lua (a longjmp) then leaks nothing. `buffer_reset` begins a new text and gives
back memory that one unusually large text took. Running out of memory is a false return value, and `failed` from then until the next reset; never an exception.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

cdef enum:
    BUFFER_KEEP = 1 << 20

ctypedef struct Buffer:
    char* data
    size_t size
    size_t room
    bint failed


cdef inline void buffer_reset(Buffer* buffer) noexcept nogil:
    buffer.size = 0
    buffer.failed = False
    if buffer.room > BUFFER_KEEP:
        free(buffer.data)
        buffer.data = NULL
        buffer.room = 0


cdef inline bint buffer_reserve(Buffer* buffer, size_t more) noexcept nogil:
    cdef size_t room
    cdef char* data
    if buffer.size + more <= buffer.room:
        return True
    room = (buffer.size + more) * 2
    if room < 256:
        room = 256
    data = <char*> realloc(buffer.data, room)
    if data == NULL:
        buffer.failed = True
        return False
    buffer.data = data
    buffer.room = room
    return True


cdef inline bint buffer_add(Buffer* buffer, const char* data, size_t size) noexcept nogil:
    if not buffer_reserve(buffer, size):
        return False
    memcpy(buffer.data + buffer.size, data, size)
    buffer.size += size
    return True


cdef inline bint buffer_byte(Buffer* buffer, char byte) noexcept nogil:
    if not buffer_reserve(buffer, 1):
        return False
    buffer.data[buffer.size] = byte
    buffer.size += 1
    return True
