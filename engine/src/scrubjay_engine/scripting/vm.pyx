"""One Lua state that compiles and runs scripts (EVAL), or libraries and their functions (FCALL).

Everything is done in protected mode: each method packs what it wants into a `Task` and calls one C function through `protected`, so that an error in Lua
(memory included) always comes back here, as an exception of Python or as the reply for the caller. `LuaVM` knows nothing of clients and keys: commands
run through the `ScriptHost` it is given (host.py).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject

from .buffer cimport Buffer, buffer_add, buffer_byte, buffer_reset
from .lua51 cimport (
    LUA_GCCOUNT,
    LUA_GCCOUNTB,
    LUA_GCSTEP,
    LUA_REGISTRY,
    LUA_TTABLE,
    load_api,
    lua,
    lua_CFunction,
    lua_State,
)
from .redis_library cimport Running, monotonic_ms, open_loading, open_redis, set_running, watch
from .reply cimport COUNTED_ERROR, NEW_ERROR, REPLY, Outcome, write_error, write_value
from .sandbox cimport load_text, new_state, on_error, protect_globals
from .interpreter import library

load_api(library())

cdef enum:
    # Fixed references in the registry, made in this order when a state is opened.
    REF_HANDLER = 1
    REF_GLOBALS = 2
    REF_GUARD = 3
    REF_LOADING = 4
    # A step of garbage collection after so many runs, this large.
    COLLECT_EVERY = 50

# The reply that is being written, and the text of the error that a protected call ended with.
cdef Buffer out

ctypedef struct Task:
    int reference
    const char* code
    size_t code_size
    const char* name
    PyObject* arguments
    Py_ssize_t first_key
    Py_ssize_t first_argument
    bint as_function
    int client_resp
    Outcome outcome


class CompileError(Exception):
    """A script or library that Lua's parser refuses; the text is Lua's."""


class LoadError(Exception):
    """A library whose code failed while it was loaded; the text has its error code."""


cdef int set_up(lua_State* L) noexcept nogil:
    cdef Task* task = <Task*> lua.touserdata(L, 1)
    lua.settop(L, 0)
    open_redis(L, task.as_function)
    protect_globals(L)
    # The references are given out from 1 on, in a new state.
    lua.pushcclosure(L, on_error, 0)
    lua.L_ref(L, LUA_REGISTRY)
    lua.L_ref(L, LUA_REGISTRY)
    lua.pushvalue(L, -10002)
    lua.getmetatable(L, -1)
    lua.L_ref(L, LUA_REGISTRY)
    open_loading(L)
    lua.L_ref(L, LUA_REGISTRY)
    watch(L)
    return 0


cdef int compile_task(lua_State* L) noexcept nogil:
    cdef Task* task = <Task*> lua.touserdata(L, 1)
    if load_text(L, task.code, task.code_size, task.name):
        return lua.error(L)
    task.reference = lua.L_ref(L, LUA_REGISTRY)
    return 0


cdef int release_task(lua_State* L) noexcept nogil:
    cdef Task* task = <Task*> lua.touserdata(L, 1)
    lua.L_unref(L, LUA_REGISTRY, task.reference)
    return 0


cdef int collect_task(lua_State* L) noexcept nogil:
    lua.gc(L, LUA_GCSTEP, COLLECT_EVERY)
    return 0


cdef void push_texts(lua_State* L, PyObject* texts, Py_ssize_t first, Py_ssize_t last) noexcept:
    """Push a table of some items of a Python list of bytes. The list is held by the caller; no reference is taken here."""
    cdef Py_ssize_t index
    cdef PyObject* text
    lua.createtable(L, <int> (last - first), 0)
    for index in range(first, last):
        text = PyList_GET_ITEM(<list> texts, index)
        lua.pushlstring(L, PyBytes_AS_STRING(<object> text), <size_t> PyBytes_GET_SIZE(<object> text))
        lua.rawseti(L, -2, <int> (index - first + 1))


cdef bint add_field(lua_State* L, const char* name, int index) noexcept nogil:
    """Append a field of the table at `index`, if it is a text or a number."""
    cdef size_t size
    cdef const char* data
    cdef bint found
    lua.pushstring(L, name)
    lua.rawget(L, index - 1 if index < 0 else index)
    found = lua.isstring(L, -1)
    if found:
        data = lua.tolstring(L, -1, &size)
        buffer_add(&out, data, size)
    lua.settop(L, -2)
    return found


cdef void add_text(const char* text) noexcept nogil:
    cdef size_t size = 0
    while text[size]:
        size += 1
    buffer_add(&out, text, size)


cdef bint counted(lua_State* L) noexcept nogil:
    cdef bint yes
    lua.pushstring(L, b"ignore_error_stats_update")
    lua.rawget(L, -2)
    yes = lua.toboolean(L, -1)
    lua.settop(L, -2)
    return yes


cdef int run_task(lua_State* L) noexcept:
    """Run a script or function and leave its reply, or (outcome not REPLY) its error line, in `out`."""
    cdef Task* task = <Task*> lua.touserdata(L, 1)
    cdef Py_ssize_t size = PyList_GET_SIZE(<list> task.arguments)
    cdef int status
    lua.settop(L, 0)
    lua.rawgeti(L, LUA_REGISTRY, REF_HANDLER)
    lua.rawgeti(L, LUA_REGISTRY, task.reference)
    if task.as_function:
        push_texts(L, task.arguments, task.first_key, task.first_argument)
        push_texts(L, task.arguments, task.first_argument, size)
        status = lua.pcall(L, 2, 1, 1)
    else:
        lua.rawgeti(L, LUA_REGISTRY, REF_GLOBALS)
        push_texts(L, task.arguments, task.first_key, task.first_argument)
        lua.setfield(L, -2, b"KEYS")
        push_texts(L, task.arguments, task.first_argument, size)
        lua.setfield(L, -2, b"ARGV")
        lua.settop(L, -2)
        status = lua.pcall(L, 0, 1, 1)
    if status == 0:
        task.outcome = write_value(L, &out, task.client_resp, script_resp())
        return 0
    task.outcome = NEW_ERROR
    if lua.type(L, -1) != LUA_TTABLE:
        # Out of memory, or an error within the handler: no table was made. The text stays for `failure`.
        return lua.error(L)
    if counted(L):
        task.outcome = COUNTED_ERROR
    return lua.error(L)


cdef int script_resp() noexcept:
    return current.script_resp


cdef Running current = Running()


cdef int load_task(lua_State* L) noexcept nogil:
    cdef Task* task = <Task*> lua.touserdata(L, 1)
    if load_text(L, task.code, task.code_size, task.name):
        return lua.error(L)
    task.reference = 1
    lua.call(L, 0, 0)
    return 0


cdef int show_globals_task(lua_State* L) noexcept nogil:
    """Let the guard of the globals read through to the table whose reference the task names."""
    cdef Task* task = <Task*> lua.touserdata(L, 1)
    lua.rawgeti(L, LUA_REGISTRY, REF_GUARD)
    lua.rawgeti(L, LUA_REGISTRY, task.reference)
    lua.setfield(L, -2, b"__index")
    return 0


cdef int protected(lua_State* L, lua_CFunction body, Task* task) noexcept:
    """Run `body` with the task as its argument; the error, if any, is left on the stack."""
    lua.settop(L, 0)
    # Neither push can fail but for memory, and a C function without upvalues is small: the state keeps room for it.
    lua.pushcclosure(L, body, 0)
    lua.pushlightuserdata(L, task)
    return lua.pcall(L, 1, 0, 0)


cdef bytes error_text(lua_State* L):
    """The error on top of the stack, which is taken off: a text, or the `err` field of a table."""
    cdef size_t size
    cdef const char* data
    buffer_reset(&out)
    if lua.type(L, -1) == LUA_TTABLE:
        if not add_field(L, b"err", -1):
            add_text(b"ERR unknown error")
    elif lua.isstring(L, -1):
        data = lua.tolstring(L, -1, &size)
        buffer_add(&out, data, size)
    else:
        add_text(b"unknown error")
    lua.settop(L, 0)
    return out.data[:out.size]


cdef class LuaVM:
    """A sandboxed state. `functions`: libraries of functions, else scripts.

    `outcome` says of the last `run` whether its reply is an error, for the counters: 0 no, 1 one that nobody has counted yet, 2 one of a command that was counted.
    """
    cdef lua_State* L
    cdef bint functions
    cdef int runs
    cdef readonly int outcome

    def __cinit__(self, bint functions=False):
        cdef Task task
        self.functions = functions
        self.L = new_state()
        if self.L == NULL:
            raise MemoryError("no memory for a Lua state")
        task.as_function = functions
        if protected(self.L, set_up, &task):
            raise RuntimeError("the Lua state could not be set up: " + error_text(self.L).decode())

    def __dealloc__(self):
        if self.L != NULL:
            lua.close(self.L)

    def compile(self, bytes code, bytes name) -> int:
        """Compile a script and return its reference; `name` as Lua wants it ("@user_script"). Raises CompileError."""
        cdef Task task
        task.code = PyBytes_AS_STRING(code)
        task.code_size = <size_t> PyBytes_GET_SIZE(code)
        task.name = PyBytes_AS_STRING(name)
        if protected(self.L, compile_task, &task):
            raise CompileError(error_text(self.L).decode("utf-8", "surrogateescape"))
        return task.reference

    def release(self, int reference) -> None:
        """Forget a compiled script or a registered function."""
        cdef Task task
        task.reference = reference
        protected(self.L, release_task, &task)

    def load(self, bytes code, bytes name, register, int timeout_ms) -> None:
        """Run a library's code, which calls `register(name, reference, description, flags) -> error text or None`.

        Raises CompileError, LoadError (also after `timeout_ms`, 0: no limit).
        """
        cdef Task task
        cdef Running running = current
        cdef int status
        task.code = PyBytes_AS_STRING(code)
        task.code_size = <size_t> PyBytes_GET_SIZE(code)
        task.name = PyBytes_AS_STRING(name)
        self._show_globals(REF_LOADING)
        running.host = None
        running.register = register
        running.fault = None
        running.killed = False
        running.stop_at = monotonic_ms() + timeout_ms if timeout_ms else 0
        set_running(running)
        task.reference = 0
        try:
            status = protected(self.L, load_task, &task)
        finally:
            running.register = None
            set_running(None)
            watch(self.L)
        fault = running.fault
        running.fault = None
        try:
            if fault is not None:
                raise fault
            if status:
                self._raise_load(task.reference != 0)
        finally:
            self._show_globals(REF_GLOBALS)

    def _raise_load(self, bint compiled):
        cdef bint is_text = lua.type(self.L, -1) != LUA_TTABLE
        text = error_text(self.L).decode("utf-8", "surrogateescape")
        if not compiled:
            raise CompileError(text)
        raise LoadError("ERR " + text if is_text else text)

    cdef void _show_globals(self, int reference):
        cdef Task task
        task.reference = reference
        protected(self.L, show_globals_task, &task)

    def run(self, int reference, list arguments, Py_ssize_t first_key, Py_ssize_t first_argument, host, bytes name) -> bytes:
        """Run a script or function and return the reply for `host.client_resp`. `name` stands in the error text (a SHA1, a function's name).

        Keys are `arguments[first_key:first_argument]`, the rest are arguments. What a method of the host raises is raised here when the script is done.
        """
        cdef Task task
        cdef Running running = current
        cdef int status
        task.reference = reference
        task.arguments = <PyObject*> arguments
        task.first_key = first_key
        task.first_argument = first_argument
        task.as_function = self.functions
        task.client_resp = host.client_resp
        task.outcome = REPLY
        running.host = host
        running.register = None
        running.script_resp = 2
        running.fault = None
        running.killed = False
        running.stop_at = 0
        running.busy_at = host.busy_after_ms
        if running.busy_at:
            running.busy_at += monotonic_ms()
        buffer_reset(&out)
        set_running(running)
        status = protected(self.L, <lua_CFunction> run_task, &task)
        set_running(None)
        running.host = None
        if status:
            self._write_failure(name)
        reply = PyBytes_FromStringAndSize(out.data, <Py_ssize_t> out.size)
        self.outcome = <int> task.outcome
        if running.killed:
            watch(self.L)
        self.runs += 1
        if self.runs == COLLECT_EVERY:
            self.runs = 0
            protected(self.L, collect_task, &task)
            lua.settop(self.L, 0)
        if running.fault is not None:
            fault = running.fault
            running.fault = None
            raise fault
        if out.failed:
            raise MemoryError("no memory for the reply of a script")
        return reply

    cdef void _write_failure(self, bytes name):
        """The error line for the failure on the stack: "-TEXT script: NAME, on SOURCE:LINE."."""
        cdef lua_State* L = self.L
        cdef size_t size
        cdef const char* data
        buffer_reset(&out)
        if lua.type(L, -1) != LUA_TTABLE:
            text = b"execution failure"
            if lua.isstring(L, -1):
                data = lua.tolstring(L, -1, &size)
                text = data[:size][:100]
            line = b"ERR Error running script " + name + b", " + text
        else:
            if not add_field(L, b"err", -1):
                add_text(b"ERR unknown error")
            line = out.data[:out.size]
            buffer_reset(&out)
            if add_field(L, b"source", -1):
                buffer_byte(&out, c":")
                if add_field(L, b"line", -1):
                    line += b" script: " + name + b", on " + out.data[:out.size] + b"."
            buffer_reset(&out)
        write_error(&out, PyBytes_AS_STRING(line), <size_t> PyBytes_GET_SIZE(line))
        lua.settop(L, 0)

    def memory(self) -> int:
        """Bytes that the state holds."""
        return (<Py_ssize_t> lua.gc(self.L, LUA_GCCOUNT, 0) << 10) + lua.gc(self.L, LUA_GCCOUNTB, 0)
