from scrubjay_engine.protocol.memcached.session cimport Session

cdef Py_ssize_t text_command(Session session, const char* data, size_t size) except -2
