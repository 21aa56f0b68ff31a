"""What the hot handlers of several families do alike: arguments as they lie in the query buffer, events, emptied keys."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg
from scrubjay_engine.values.view cimport View


cdef enum:
    EVENT_GENERIC = 1 << 2   # the classes of keyspace events (core/engine)
    EVENT_STRING = 1 << 3
    EVENT_LIST = 1 << 4
    EVENT_SET = 1 << 5
    EVENT_HASH = 1 << 6
    EVENT_ZSET = 1 << 7


cdef inline bytes bytes_of(const Arg* arg):
    return PyBytes_FromStringAndSize(arg.data, arg.size)


cdef inline Arg arg_of(bytes data) noexcept:
    """For a Python handler that calls a hot part; valid as long as the bytes object."""
    cdef Arg arg
    arg.data = PyBytes_AS_STRING(data)
    arg.size = PyBytes_GET_SIZE(data)
    return arg


cdef inline bint word_is(const Arg* arg, const char* word, Py_ssize_t size) noexcept:
    """Whether an argument is this upper-case word, in any case."""
    cdef Py_ssize_t at
    if arg.size != size:
        return False
    for at in range(size):
        if (arg.data[at] & 0xdf) != word[at]:
            return False
    return True


cdef inline int tell(Client client, const Arg* key, unsigned int kind, str event) except -1:
    """A keyspace event about a key."""
    if client.engine.notify_flags & kind:
        client.engine.notify(kind, event, bytes_of(key), client.db.id)
    return 0


cdef inline int note(Client client, const Arg* key, unsigned int kind, str event) except -1:
    """Count a change and tell whoever asked to be told."""
    client.db.note_changed(key.data, key.size)
    return tell(client, key, kind, event)


cdef inline int drop_key(Client client, const Arg* key) except -1:
    """A value has run empty: its key goes, with an event."""
    client.db.remove(key.data, key.size)
    return tell(client, key, EVENT_GENERIC, "del")


cdef inline int signal_ready(Client client, const Arg* key) except -1:
    """A key has come to be: someone may be blocked on it."""
    if client.db.space.on_ready is not None:
        client.db.ready(bytes_of(key))
    return 0


cdef inline int add_view(Client client, const View* view) except -1:
    """An element of a value as a bulk string."""
    if view.data == NULL:
        return client.add_bulk_int(view.number)
    return client.add_bulk(view.data, view.size)
