cdef class Wire:
    cdef readonly bint more         # input waits in here: the socket will not say that it is readable

    cdef ssize_t receive(self, char* into, size_t room) except -3
    cdef ssize_t transmit(self, const char* data, size_t size) except -3
    cpdef void end(self)
