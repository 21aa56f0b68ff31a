"""What lies between a connection's buffers and its socket where that is more than a system call: TLS (security/tls).

A `Connection` without a wire talks to its socket itself.
"""


cdef class Wire:
    """The answers are those of `Connection.receive` and `transmit`."""

    cdef ssize_t receive(self, char* into, size_t room) except -3:
        """Bytes read, 0 at the end, -1 to try later, -2 broken."""
        return -2

    cdef ssize_t transmit(self, const char* data, size_t size) except -3:
        """Bytes taken, -1 to try later, -2 broken."""
        return -2

    cpdef void end(self):
        """The connection is being closed; the socket is still open."""
