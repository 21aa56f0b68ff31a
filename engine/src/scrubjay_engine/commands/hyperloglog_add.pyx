# cython: boundscheck=False, wraparound=False, cdivision=True
"""PFADD to a dense HyperLogLog changes the registers where they lie; `hyperloglog.pfadd` does all the rest (a new key, a sparse value)."""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from scrubjay_engine.commands.hot cimport EVENT_STRING, bytes_of, note
from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, make_hot
from scrubjay_engine.core.entry cimport EXTERNAL, Entry, External, entry_external, entry_form
from scrubjay_engine.values.hyperloglog_registers cimport CHANGED, DENSE, DENSE_SIZE, HEADER, STALE, dense_raise, place

from scrubjay_engine.commands.hyperloglog import pfadd
from scrubjay_engine.core.command import family, key


cdef uint8_t* dense_value(Entry entry) noexcept:
    """The bytes of a dense value, or NULL when it is anything else."""
    cdef External external
    if entry == NULL or entry_form(entry) != EXTERNAL:
        return NULL
    external = entry_external(entry)
    if external.size != DENSE_SIZE or memcmp(external.data, b"HYLL", 4) != 0 or external.data[4] != DENSE:
        return NULL
    return <uint8_t*>external.data


cdef int pfadd_command(Client client, Arg* argv, int argc) except -1:
    cdef uint8_t* value = dense_value(client.db.find_for_write(argv[1].data, argv[1].size))
    cdef bint changed = False
    cdef int index = 0
    cdef int rank, i
    if value == NULL:
        client.reply(pfadd(client, [bytes_of(&argv[i]) for i in range(argc)]))
        return 0
    for i in range(2, argc):
        rank = place(<const uint8_t*>argv[i].data, argv[i].size, &index)
        changed |= dense_raise(value + HEADER, index, rank) == CHANGED
    if changed:
        value[15] |= STALE      # the cached count
        note(client, &argv[1], EVENT_STRING, "pfadd")
    return client.add_int(changed)


def table() -> list:
    return family("hyperloglog", [
        make_hot("pfadd", <void*>&pfadd_command, -2, "write denyoom fast", key(1, "RW insert"), "hyperloglog", "2.8.9",
                 "Adds elements to a HyperLogLog, made if it does not exist.", "O(1) for each element"),
    ])
