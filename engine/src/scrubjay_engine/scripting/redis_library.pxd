from scrubjay_engine.core.command cimport Arg

from .lua51 cimport lua_State

cdef class Running:
    """What the one script in execution works with; `host` is None while a library is being loaded."""
    cdef public object host
    # While a library loads: takes (name, reference, description, flags) and returns an error text or None.
    cdef public object register
    cdef public int script_resp
    cdef public object fault
    # Milliseconds of CLOCK_MONOTONIC: when to call host.busy() first (0: never), and when a loading library is stopped.
    cdef public long long busy_at
    cdef public long long stop_at
    cdef public bint killed

cdef class WordsHost:
    """A `ScriptHost` that takes a command as words in memory (Lua's own strings), and leaves the reply where `reply` points until the next call."""
    cdef int run_words(self, Arg* words, int count, const char** reply, size_t* size) except -1

cdef void set_running(Running running) noexcept
cdef long long monotonic_ms() noexcept nogil
cdef void open_redis(lua_State* L, bint functions) noexcept nogil
cdef void open_loading(lua_State* L) noexcept nogil
cdef void watch(lua_State* L) noexcept nogil
