cdef list stream_node(bytes key, const unsigned char* data, Py_ssize_t size)
