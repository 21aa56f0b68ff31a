cdef list listpack_items(const unsigned char* p, Py_ssize_t size, bint numbers)
cdef list ziplist_items(const unsigned char* p, Py_ssize_t size)
cdef list intset_items(const unsigned char* p, Py_ssize_t size)
cdef list zipmap_items(const unsigned char* p, Py_ssize_t size)
