cdef int key_slot(const char* key, Py_ssize_t size) noexcept nogil
