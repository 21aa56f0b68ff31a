"""The one source of chance for random members (SRANDMEMBER, SPOP, HRANDFIELD, ZRANDMEMBER); see randomness.pyx."""
from libc.stdint cimport uint64_t

cdef uint64_t state    # of table.next_random

cdef uint64_t below(uint64_t limit) noexcept nogil
