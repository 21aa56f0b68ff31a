"""A point-in-time image of the keyspace as an RDB stream, taken on the loop without fork.

From `begin` on, every entry carries either the old parity (it belongs to the image and was not written yet) or the new one (written, or made
since). `step` walks the tables with the SCAN cursor and writes entries of the old parity; the keyspace's write barrier calls `before_change`
just before an entry of the old parity is changed or removed, and it is written then. So:

1. Every entry that was there at `begin` is written exactly once, as it was: whoever changes one passes the barrier first.
2. Nothing made later is written: it is born with the new parity.
3. A big value is written in parts. While it is under way its entry keeps the old parity, so that a change of it finishes it first; entries that
   other changes bring early go to a second buffer, which is put behind the value.
4. After the walk every entry carries the new parity, also when the snapshot was aborted (`abort`: the walk goes on, nothing is written):
   the next snapshot may begin only then.
5. A big database that is flushed gives its tables to a database of our own (`flushed`), which is walked after the others and let go of.

The extra memory is what the barrier wrote and the consumers have not taken yet. Driven by persistence/saving (files) and
replication/primary (replicas) through persistence/image, which slices and waits for slow consumers.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from scrubjay_engine.core.entry cimport *
from scrubjay_engine.core.keyspace cimport Barrier, Database, Keyspace, StringView, lfu_counter
from scrubjay_engine.persistence.rdb_writer cimport RdbWriter
from scrubjay_engine.values.table cimport table_len, table_scan
from scrubjay_engine.persistence.dump import write_value

cdef extern from "time.h" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec* now)
    int CLOCK_MONOTONIC


cdef inline int64_t monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef struct Found:
    void** entries
    Py_ssize_t count
    Py_ssize_t room
    bint failed


cdef void collect(void* context, void* entry) noexcept:
    """One entry of the bucket chain that table_scan visits."""
    cdef Found* found = <Found*>context
    cdef void** grown
    if found.count == found.room:
        grown = <void**>realloc(found.entries, (2 * found.room + 64) * sizeof(void*))
        if grown == NULL:
            found.failed = True
            return
        found.entries = grown
        found.room = 2 * found.room + 64
    found.entries[found.count] = entry
    found.count += 1


cdef class Snapshot(Barrier):
    cdef Keyspace space
    cdef RdbWriter main, early, target
    cdef bint exact, with_access
    cdef readonly bint finished, aborted
    cdef readonly str reason
    cdef readonly Py_ssize_t keys
    cdef readonly Py_ssize_t total
    cdef int database, table, main_database, early_database
    cdef uint64_t cursor
    cdef Found found            # entries of the old parity in the buckets visited last
    cdef int found_number
    cdef Py_ssize_t at
    cdef object parts           # the value being written in parts, a generator; None
    cdef Entry parts_entry
    cdef set announced
    cdef list numbers           # which number each database's contents had at the beginning (SWAPDB)
    cdef list sizes             # (keys, of them expiring) by that number
    cdef Py_ssize_t at_once     # so many keys of a database that is flushed are written on the spot; of more the tables are taken
    cdef list flushed           # databases that hold what was flushed before it was written, after the engine's own in the walk
    cdef readonly uint64_t copied   # bytes that the barrier had to write early, before compression: what copy-on-write is elsewhere
    cdef Py_ssize_t memory_limit

    def __init__(self, Keyspace space, *, bint exact=True, bint compress=True, bint checksum=True, bint access=False, Py_ssize_t memory_limit=0, Py_ssize_t at_once=1000):
        self.space = space
        self.main = RdbWriter(compress, checksum)
        self.early = RdbWriter(compress, False)
        self.exact = exact
        self.with_access = access
        self.main_database = self.early_database = -1
        self.announced = set()
        self.numbers = list(range(len(space.databases)))
        self.flushed = []
        self.at_once = at_once
        self.memory_limit = memory_limit

    def __dealloc__(self):
        free(self.found.entries)

    def begin(self, dict aux not None, list functions not None) -> None:
        """Fix the point in time. RuntimeError when another snapshot runs."""
        self.space.begin_snapshot(self)
        self.sizes = [(len(db), db.expiring) for db in self.space.databases]
        self.total = sum(size[0] for size in self.sizes)
        # Function libraries are unknown before version 10, so that a file with them says what it needs.
        self.main.header(10 if self.exact or functions else 9)
        for name, value in aux.items():
            self.main.aux(name, value)
        for code in functions:
            self.main.function(code)

    def step(self, int64_t nanoseconds) -> bool:
        """Go on for about that long; True while there is more to do."""
        cdef int64_t until = monotonic() + nanoseconds
        while not self.finished:
            if self.parts is not None:
                self.next_part()
            elif self.at < self.found.count:
                self.take_next()
            else:
                self.next_bucket()
            if monotonic() >= until:
                break
        return not self.finished

    def take(self) -> bytes:
        """What was written since the last time."""
        if self.parts is None:
            self.merge()
        return self.main.take()

    def pending(self) -> int:
        """Bytes that wait to be taken."""
        return self.main.size + self.early.size

    def abort(self, str reason not None) -> None:
        """Write nothing more; `step` must still be called until it is done (rule 4)."""
        if not self.aborted and not self.finished:
            self.aborted = True
            self.reason = reason
            if self.parts is not None:
                self.parts = None
                self.parts_entry[0] = (self.parts_entry[0] & ~PARITY) | self.space.parity
            # From here on the barrier tells nothing: what was collected could be freed unseen.
            self.keep_unwritten()
            self.main.take()
            self.early.take()

    # The walk.

    cdef int next_bucket(self) except -1:
        cdef Database db
        self.found.count = self.at = 0
        while self.database < len(self.space.databases) + len(self.flushed):
            db = self.database_at(self.database)
            if self.table < db.table_count and table_len(&db.tables[self.table]):
                self.cursor = table_scan(&db.tables[self.table], self.cursor, collect, &self.found)
                self.found_number = self.numbers[self.database]
                if self.cursor == 0:
                    self.table += 1
                return self.keep_unwritten()
            self.table += 1
            self.cursor = 0
            if self.table >= db.table_count:
                self.database += 1
                self.table = 0
        return self.finish()

    cdef Database database_at(self, int index):
        cdef Py_ssize_t own = len(self.space.databases)
        return self.space.databases[index] if index < own else self.flushed[index - own]

    cdef int keep_unwritten(self) except -1:
        """Of what was collected and is still to be written, keep the old parity only: entries of the new one may be freed without passing the barrier."""
        cdef Py_ssize_t i, kept = 0
        cdef Entry entry
        if self.found.failed:
            raise MemoryError
        for i in range(self.at, self.found.count):
            entry = <Entry>self.found.entries[i]
            if (entry[0] & PARITY) != self.space.parity and not (self.parts is not None and entry == self.parts_entry):
                if self.aborted:
                    entry[0] = (entry[0] & ~PARITY) | self.space.parity
                else:
                    self.found.entries[kept] = entry
                    kept += 1
        self.found.count = kept
        self.at = 0
        return 0

    cdef int finish(self) except -1:
        self.space.end_snapshot()
        self.finished = True
        for db in self.flushed:
            db.flush()
        if not self.aborted:
            self.merge()
            self.main.eof()
        return 0

    cdef int take_next(self) except -1:
        cdef Entry entry = <Entry>self.found.entries[self.at]
        self.at += 1
        self.target = self.main
        self.write(self.space.databases[0], entry, self.found_number, True)
        if self.parts is None:
            entry[0] = (entry[0] & ~PARITY) | self.space.parity
        return 0

    cdef int next_part(self) except -1:
        cdef Entry entry = self.parts_entry
        try:
            next(self.parts)
        except StopIteration:
            self.parts = None
            entry[0] = (entry[0] & ~PARITY) | self.space.parity
            self.merge()
        return 0

    cdef int merge(self) except -1:
        """Put what was written early behind what the walk has written."""
        if self.early.size:
            self.main.put(self.early.data, self.early.size)
            self.early.size = 0
            self.main_database = self.early_database
            self.early_database = -1
        return 0

    # The barrier.

    cdef int before_change(self, Database db, Entry entry) except -1:
        if self.aborted:
            return 0
        if self.parts is not None and entry == self.parts_entry:
            for _ in self.parts:
                pass
            self.parts = None
            self.merge()
            return 0
        self.target = self.main if self.parts is None else self.early
        self.forget(entry)
        self.copied += self.size_of(db, entry)
        self.write(db, entry, self.numbers[db.id], False)
        if self.memory_limit and self.main.size + self.early.size > self.memory_limit:
            self.abort(f"more than {self.memory_limit} bytes were overwritten faster than they could be written")
        return 0

    cdef uint64_t size_of(self, Database db, Entry entry) except? 0:
        """Bytes of an entry, with its value where that is a string."""
        cdef StringView view
        if entry_form(entry) == OBJECT:
            return <uint64_t>entry_size(entry)
        db.view(entry, &view)
        return <uint64_t>(entry_key_size(entry) + view.size)

    cdef int forget(self, Entry entry) except -1:
        """The entry may move or go: take it out of the bucket that is being walked."""
        cdef Py_ssize_t i
        for i in range(self.at, self.found.count):
            if self.found.entries[i] == entry:
                self.found.count -= 1
                self.found.entries[i] = self.found.entries[self.found.count]
                break
        return 0

    cdef int before_flush(self, Database db) except -1:
        cdef Py_ssize_t left = len(db)
        if left > self.at_once and not self.aborted:
            self.take_tables(db)
        elif left and not self.aborted:
            self.write_rest(db)
        if self.database == db.id:
            self.found.count = self.at = 0
            self.database += 1
            self.table = 0
            self.cursor = 0
        return 0

    cdef int take_tables(self, Database db) except -1:
        """Rule 5. What is being written in parts goes on: its entry only changes its owner."""
        cdef Database kept = Database(self.space, db.id, db.table_count)
        self.space.exchange(db, kept)
        self.flushed.append(kept)
        self.numbers.append(self.numbers[db.id])
        return 0

    cdef int after_swap(self, int first, int second) except -1:
        """Walk again from the start: what was written shows by its parity."""
        self.numbers[first], self.numbers[second] = self.numbers[second], self.numbers[first]
        self.database = self.table = 0
        self.cursor = 0
        return 0

    cdef int write_rest(self, Database db) except -1:
        """All of a database that was not written yet, at once."""
        cdef uint64_t cursor
        cdef Found found
        cdef Entry entry
        cdef Py_ssize_t i
        cdef int table
        if self.parts is not None:  # it may be one of these: SWAPDB moves databases about
            entry = self.parts_entry
            for _ in self.parts:
                pass
            self.parts = None
            entry[0] = (entry[0] & ~PARITY) | self.space.parity
            self.merge()
        found.entries = NULL
        found.count = found.room = 0
        found.failed = False
        self.target = self.main if self.parts is None else self.early
        try:
            for table in range(db.table_count):
                cursor = 0
                while table_len(&db.tables[table]):
                    found.count = 0
                    cursor = table_scan(&db.tables[table], cursor, collect, &found)
                    if found.failed:
                        raise MemoryError
                    for i in range(found.count):
                        entry = <Entry>found.entries[i]
                        if (entry[0] & PARITY) != self.space.parity:
                            self.write(db, entry, self.numbers[db.id], False)
                            entry[0] = (entry[0] & ~PARITY) | self.space.parity
                    if cursor == 0:
                        break
        finally:
            free(found.entries)
        # They are freed next, and after a SWAPDB the bucket being walked may be one of theirs, whatever database the walk stands at.
        return self.keep_unwritten()

    # Writing.

    cdef int select(self, int number) except -1:
        cdef bint early = self.target is self.early
        if number == (self.early_database if early else self.main_database):
            return 0
        if early:
            self.early_database = number
        else:
            self.main_database = number
        self.target.put_byte(254)
        self.target.put_length(number)
        if number not in self.announced:
            self.announced.add(number)
            keys, expiring = self.sizes[number]
            self.target.put_byte(251)
            self.target.put_length(keys)
            self.target.put_length(expiring)
        return 0

    cdef int write(self, Database db, Entry entry, int number, bint in_parts) except -1:
        """One key. With `in_parts` a big value is only begun, and `parts` goes on with it."""
        cdef StringView view
        cdef RdbWriter out = self.target
        cdef int64_t expire = entry_expire_at(entry)
        self.select(number)
        self.keys += 1
        if entry[0] & HAS_MEMCACHED:
            # A fact in front of the key: readers pass over facts that they do not know, Redis' and Valkey's too.
            out.aux(b"memcached", b"%d %d %d" % (entry_item_flags(entry), entry_item_cas(entry), entry_item_state(entry)))
        if expire >= 0:
            out.put_byte(252)
            out.put(&expire, 8)
        if self.with_access:
            self.write_access(out, entry)
        if entry_form(entry) != OBJECT:
            db.view(entry, &view)
            out.put_byte(0)
            out.put_string(entry_key(entry), entry_key_size(entry))
            return out.put_string(view.data, view.size)
        parts = write_value(out, PyBytes_FromStringAndSize(entry_key(entry), entry_key_size(entry)), <object>entry_object(entry), self.exact)
        if in_parts:
            self.parts_entry = entry
            self.parts = parts
            return self.next_part()
        for _ in parts:
            pass
        return 0

    cdef int write_access(self, RdbWriter out, Entry entry) except -1:
        cdef uint32_t clock = entry_clock(entry)
        if self.space.lfu:
            out.put_byte(249)
            out.put_byte(<int>lfu_counter(self.space, clock))
        else:
            out.put_byte(248)
            out.put_length((self.space.access_clock - clock) & 0xffffff)
        return 0
