"""Active expiry: keys nobody asks for again must leave memory too.

The keyspace marks buckets that hold keys with an expiry (values/table). A step visits marked buckets one after another and removes what is due, within a
share of the loop's time that adapts as Redis documents it for `active-expire-effort`: while more than a tenth (less with more effort) of the keys seen
were due, it goes on in the next turn at once; else it rests until the next tick. Each step ends in under a millisecond, so that a million keys that
expire in the same second cost many short turns and no stall.
"""

import time

from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.core.engine cimport Engine
from scrubjay_engine.core.entry cimport Entry, entry_expire_at, entry_expires
from scrubjay_engine.core.keyspace cimport Database
from scrubjay_engine.values.table cimport Table, table_clear_mark, table_walk_marked

cdef enum:
    BUCKET_MAX = 256


cdef class ActiveExpiry:
    """`step` is called by the timer; `stale_percent` estimates how many of the expiring keys are due but not yet gone (INFO)."""

    cdef Engine engine
    cdef int next_database
    cdef public int effort              # active-expire-effort, 1-10
    cdef public bint enabled            # DEBUG SET-ACTIVE-EXPIRE
    cdef readonly double stale_percent
    cdef readonly uint64_t capped       # steps that ran out of time

    def __init__(self, Engine engine):
        self.engine = engine
        self.effort = 1
        self.enabled = True

    def step(self, double budget) -> bool:
        """Works for at most `budget` seconds; True when enough was due that it should go on at once."""
        cdef Database db
        cdef uint64_t seen = 0, due = 0
        cdef int64_t deadline
        cdef int visited = 0, count
        if not self.enabled or not self.engine.keyspace.expires_delete:
            return False
        deadline = <int64_t>(time.monotonic_ns() + budget * 1e9)
        count = <int>len(self.engine.keyspace.databases)
        self.engine.tick()
        while visited < count:
            db = self.engine.keyspace.databases[self.next_database % count]
            if db.expiring and not self.sweep(db, deadline, &seen, &due):
                self.capped += 1
                break
            self.next_database = (self.next_database + 1) % count
            visited += 1
        if self.engine.effects:
            self.engine.effects_plain = True
            self.engine.flush_effects()
            self.engine.effects_plain = False
        if seen:
            self.stale_percent = self.stale_percent * 0.95 + 100.0 * due / seen * 0.05
        return due * 10 > seen

    cdef bint sweep(self, Database db, int64_t deadline, uint64_t* seen, uint64_t* due) except -1:
        """One pass over a database's marked buckets from where the last one ended; False when time ran out first."""
        cdef Table* table
        cdef void* entries[BUCKET_MAX]
        cdef int n, i, live, rounds = 0
        cdef uint64_t at
        cdef Entry entry
        while True:
            table = &db.tables[db.expiry_table]
            n = table_walk_marked(table, &db.expiry_position, entries, BUCKET_MAX)
            if n < 0:
                db.expiry_table = (db.expiry_table + 1) % db.table_count
                if db.expiry_table == 0:
                    return True
                continue
            live = 0
            for i in range(n):
                entry = <Entry>entries[i]
                if not entry_expires(entry):
                    continue
                seen[0] += 1
                if db.expired_now(entry):
                    due[0] += 1
                    # Removing one may move others of its bucket: the rest of it is due again in the next pass.
                    db.expire_entry(entry)
                    live = -1
                    break
                live += 1
            if live == 0:
                table_clear_mark(table, db.expiry_position - 1)
            elif live < 0:
                db.expiry_position -= 1
            rounds += 1
            if rounds % 16 == 0 and time.monotonic_ns() > deadline:
                return False
