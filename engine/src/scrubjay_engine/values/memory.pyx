"""Counted allocation: every byte of data at rest is taken here, so that `maxmemory` and INFO memory are exact.

The count is what the allocator really hands out (`malloc_usable_size` plus its own header word), not what was asked for: the
difference is what makes a server that looks at home in its limit get killed by the kernel. The engine is one thread, so the
counter needs no atomics. Python objects that hold data (rare: see `count_external`) are added as estimates by their owners.
"""

from libc.stdlib cimport calloc, free, malloc, realloc

cdef extern from "malloc.h" nogil:
    size_t malloc_usable_size(void* block)
    int malloc_trim(size_t pad)
    int mallopt(int parameter, int value)
    int M_MXFAST

# glibc would keep small freed blocks aside and join them with their neighbours all at once: 0.4 s after a million keys had expired.
mallopt(M_MXFAST, 0)

cdef size_t used_bytes = 0
cdef size_t peak_bytes = 0


cdef void* zmalloc(size_t size) except NULL:
    global used_bytes
    cdef void* block = malloc(size)
    if block == NULL:
        raise MemoryError(f"the system refused {size} bytes")
    used_bytes += malloc_usable_size(block) + ALLOCATOR_WORD
    return block


cdef void* zcalloc(size_t size) except NULL:
    global used_bytes
    cdef void* block = calloc(1, size)
    if block == NULL:
        raise MemoryError(f"the system refused {size} bytes")
    used_bytes += malloc_usable_size(block) + ALLOCATOR_WORD
    return block


cdef void* zrealloc(void* block, size_t size) except NULL:
    global used_bytes
    cdef size_t before = 0 if block == NULL else malloc_usable_size(block) + ALLOCATOR_WORD
    cdef void* grown = realloc(block, size)
    if grown == NULL:
        raise MemoryError(f"the system refused {size} bytes")
    used_bytes += malloc_usable_size(grown) + ALLOCATOR_WORD
    used_bytes -= before
    return grown


cdef void zfree(void* block) noexcept:
    global used_bytes
    if block == NULL:
        return
    used_bytes -= malloc_usable_size(block) + ALLOCATOR_WORD
    free(block)


cdef size_t zsize(void* block) noexcept:
    """What a block really takes, its header word included."""
    return malloc_usable_size(block) + ALLOCATOR_WORD if block != NULL else 0


cdef void count_external(Py_ssize_t bytes) noexcept:
    """Add (or, negative, take away) memory that is held as Python objects and can only be estimated."""
    global used_bytes
    used_bytes += bytes


cdef size_t used() noexcept:
    return used_bytes


def used_memory() -> int:
    """Bytes of data at rest, as the allocator rounds them."""
    return used_bytes


def peak_memory(reset: bool = False) -> int:
    """The highest value seen by the calls to this function (cron samples it), in bytes."""
    global peak_bytes
    if reset or used_bytes > peak_bytes:
        peak_bytes = used_bytes
    return peak_bytes


def trim() -> bool:
    """Give free pages back to the system (MEMORY PURGE)."""
    return malloc_trim(0) == 1
