from scrubjay_engine.protocol.memcached.session cimport Session
from scrubjay_engine.protocol.memcached.words cimport Word

cdef Py_ssize_t meta_command(Session session, Word* words, int count, const char* data, size_t used, size_t size) except -2
