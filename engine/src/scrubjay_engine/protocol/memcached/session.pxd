from libc.stdint cimport uint64_t
from libc.string cimport strlen

from scrubjay_engine.core.connection cimport Connection
from scrubjay_engine.core.entry cimport Entry
from scrubjay_engine.protocol.memcached.items cimport Items

cdef enum:
    # protocols
    UNDECIDED = 0
    TEXT = 1
    BINARY = 2

cdef enum:
    INCOMPLETE = 0
    BROKEN = -1


cdef class Session(Connection):
    cdef readonly Items items
    cdef public int speaks              # TEXT or BINARY; UNDECIDED until the first byte
    cdef public bint noreply            # of the command being run
    cdef size_t swallow                 # bytes of a refused value still to come
    cdef size_t wanted                  # bytes that the command being received has in all; 0: unknown
    cdef public bint authenticated
    cdef public object check_login      # (user, password) -> bool; None: no login is needed
    cdef size_t login_size              # bytes of the login's value still to come, 0: its line comes first
    cdef public double last_command     # seconds since 1970 (stats conns)
    cdef public bint waiting_for_value  # stats conns

    cdef int line(self, const char* text, size_t size) except -1
    cdef int error_line(self, const char* text, size_t size) except -1
    cdef int value_reply(self, const char* key, Py_ssize_t size, Entry entry, bint with_cas) except -1
    cdef Py_ssize_t await_value(self, size_t whole) except -2
    cdef Py_ssize_t refuse_value(self, size_t used, size_t value) except -2


cdef inline int say(Session session, const char* text) except -1:
    """`line` for a literal."""
    return session.line(text, strlen(text))


cdef inline int say_error(Session session, const char* text) except -1:
    """`error_line` for a literal."""
    return session.error_line(text, strlen(text))
