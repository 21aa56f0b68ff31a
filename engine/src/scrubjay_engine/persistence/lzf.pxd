cdef Py_ssize_t lzf_compress(const unsigned char* data, Py_ssize_t size, unsigned char* out, Py_ssize_t room) noexcept nogil
cdef Py_ssize_t lzf_decompress(const unsigned char* data, Py_ssize_t size, unsigned char* out, Py_ssize_t room) noexcept nogil
