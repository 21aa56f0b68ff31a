"""Counted allocation. See memory.pyx."""

cdef enum:
    ALLOCATOR_WORD = 8      # glibc keeps one size word in front of every block; it is memory of ours too

cdef void* zmalloc(size_t size) except NULL
cdef void* zcalloc(size_t size) except NULL
cdef void* zrealloc(void* block, size_t size) except NULL
cdef void zfree(void* block) noexcept
cdef size_t zsize(void* block) noexcept
cdef void count_external(Py_ssize_t bytes) noexcept
cdef size_t used() noexcept
