"""Strings kept in a block of their own, as those are that commands change in place (OBJECT ENCODING says `raw`)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from scrubjay_engine.core.entry cimport EXTERNAL, External
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.values.memory cimport zmalloc


def store_raw(Database db not None, bytes key not None, bytes data not None) -> None:
    """Set a string, whatever it looks like and however short it is; the key keeps its expiry."""
    cdef External external
    external.size = external.capacity = PyBytes_GET_SIZE(data)
    external.data = <char*>zmalloc(external.size)
    memcpy(external.data, PyBytes_AS_STRING(data), external.size)
    db.store_payload(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), EXTERNAL, &external, sizeof(External), -2)
