"""The connection to our primary once the data is here: its commands run as they come, and its bytes are passed on.

Within its turn expiry stands still (only the primary decides that a key is gone), and what has been executed is told to `applied` as raw bytes, so that
replicas of ours get exactly the primary's stream. Within a transaction nothing is told before its EXEC: a position inside of one is no position at which
anybody could go on.
"""

import logging

from cpython.bytes cimport PyBytes_FromStringAndSize

from scrubjay_engine.core.connection cimport Connection
from scrubjay_engine.core.engine cimport CLIENT_PRIMARY

log = logging.getLogger(__name__)


cdef class PrimaryLink(Connection):
    cdef object applied
    cdef bytes held

    def __init__(self, engine, socket, on_close, applied):
        Connection.__init__(self, engine, socket, on_close)
        self.applied = applied
        self.held = b""
        self.gates = CLIENT_PRIMARY
        self.muted = True
        self.exempt = True

    cpdef void add_error(self, bytes text):
        """A command of the primary failed here: our data may differ from its data now."""
        cdef str name = "<unknown>" if self.command is None else self.command.name
        log.error(
            "== CRITICAL == This replica is sending an error to its master: '%s' after processing the command '%s'",
            text.decode(errors="replace").removeprefix("ERR "), name,
        )
        Connection.add_error(self, text)

    cdef size_t run_complete(self, const char* data, size_t size) except? 0:
        cdef size_t done
        cdef bint before = self.engine.keyspace.expiry_ignored
        self.engine.keyspace.expiry_ignored = True
        try:
            done = Connection.run_complete(self, data, size)
        finally:
            self.engine.keyspace.expiry_ignored = before
        if done and not self.closed:
            self.held += PyBytes_FromStringAndSize(data, done)
            if self.multi is None:
                taken, self.held = self.held, b""
                self.applied(taken)
        return done
