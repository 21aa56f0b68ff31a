"""Counted allocation. See memory.pyx."""

cdef void* zmalloc(size_t size) except NULL
cdef void* zcalloc(size_t size) except NULL
cdef void* zrealloc(void* block, size_t size) except NULL
cdef void zfree(void* block) noexcept
cdef size_t zsize(void* block) noexcept
cdef void count_external(Py_ssize_t bytes) noexcept
cdef size_t used() noexcept
