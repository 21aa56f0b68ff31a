"""Random numbers for sampling members: fast, even enough, seeded at start; never for secrets."""

import os

from libc.stdint cimport uint64_t

from scrubjay_engine.values.table cimport next_random

cdef uint64_t state = int.from_bytes(os.urandom(8), "little")


cdef uint64_t below(uint64_t limit) noexcept nogil:
    """A number from 0 to limit - 1; limit is not 0. (The remainder's bias is under 2**-40 for anything that fits memory.)"""
    return next_random(&state) % limit


def seed(number: int) -> None:
    """Make the draws of this process repeatable (tests)."""
    global state
    state = number
