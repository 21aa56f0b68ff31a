"""Eviction at `maxmemory`: the eight policies of Redis, by sampling.

Approximate LRU and LFU as in Redis (https://redis.io/docs/reference/eviction): samples of consecutive buckets after a random start feed a pool of the best
candidates seen, of which the worst-placed key goes. Our buckets hold seven entries, so a sample costs two or three cache lines; `maxmemory-samples` is the
least number looked at. What is not data does not count: output buffers of replicas and the AOF buffer are left out by their owners (`overhead`).
"""

import time

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint32_t, uint64_t

from scrubjay_engine.core.engine cimport Engine, GATE_MAXMEMORY
from scrubjay_engine.core.entry cimport Entry, entry_clock, entry_expire_at, entry_expires, entry_key, entry_key_size
from scrubjay_engine.core.keyspace cimport Database, Keyspace, lfu_counter
from scrubjay_engine.values.memory cimport used
from scrubjay_engine.values.table cimport Table, next_random, table_clear_mark, table_len, table_sample, table_walk_marked

cdef enum:
    POOL = 16
    SAMPLE_MAX = 64
    NOTIFY_EVICTED = 1 << 9
    LRU, LFU, RANDOM, TTL

cdef dict KINDS = {"lru": LRU, "lfu": LFU, "random": RANDOM, "ttl": TTL}


cdef class Eviction:
    """Keeps used memory under `maxmemory`. `make_room` is the engine's hook."""

    cdef Engine engine
    cdef int kind
    cdef bint volatile
    cdef bint never
    cdef public int samples
    cdef public object overhead         # () -> bytes that do not count, or None
    cdef public object on_evicted       # (key) after each eviction (memcached's watchers), or None
    cdef list pool                      # (score, db id, key), ascending: the last is the best to evict
    cdef int next_database
    cdef int64_t freed                  # by the evictions of the present `make_room`

    def __init__(self, Engine engine):
        self.engine = engine
        self.samples = 5
        self.pool = []
        self.never = True
        engine.make_room = self.make_room

    def set_policy(self, str policy) -> None:
        """`maxmemory-policy`."""
        self.never = policy == "noeviction"
        self.volatile = policy.startswith("volatile")
        self.kind = KINDS.get(policy.rpartition("-")[2], LRU)
        self.pool = []
        self.engine.keyspace.lfu = self.kind == LFU and not self.never
        self.engine.refresh_clock()

    def set_limit(self, uint64_t maxmemory) -> None:
        """`maxmemory` in bytes, 0 for none."""
        self.engine.maxmemory = maxmemory
        self.engine.set_gate(GATE_MAXMEMORY, maxmemory > 0)

    cpdef uint64_t counted(self):
        """Bytes that count against the limit."""
        cdef uint64_t total = used()
        cdef uint64_t left_out = 0
        if self.overhead is not None:
            left_out = self.overhead()
        return total - left_out if total > left_out else 0

    def make_room(self) -> bool:
        """Evicts until memory is under the limit; False when it is over and nothing more can go.

        What must go is fixed at the beginning: messages about evicted keys (tracking, notifications, replication) take memory, too, until they
        are sent, and would otherwise empty the database.
        """
        cdef Keyspace space = self.engine.keyspace
        cdef int64_t deadline, wanted, before
        if self.engine.maxmemory == 0 or self.counted() <= self.engine.maxmemory:
            return True
        if self.never or not space.expires_delete:
            # memory on its way out is as good as free
            while space.lazy and self.counted() > self.engine.maxmemory:
                space.free_lazily(512)
            return self.counted() <= self.engine.maxmemory
        deadline = time.monotonic_ns() + 500_000_000
        wanted = self.counted() - self.engine.maxmemory
        self.freed = 0
        while self.freed < wanted and self.counted() > self.engine.maxmemory:
            if space.lazy:
                before = used()
                space.free_lazily(512)
                self.freed += before - <int64_t>used()
                continue
            if not self.evict_one():
                return False
            if time.monotonic_ns() > deadline:
                break
        return True

    cdef bint evict_one(self) except -1:
        cdef Database db
        if self.kind == RANDOM:
            return self.evict_random()
        self.fill_pool()
        while self.pool:
            score, number, key = self.pool.pop()
            db = self.engine.keyspace.databases[number]
            if key in db and (not self.volatile or db.expire_at(key) >= 0):
                self.evict(db, key)
                return True
        return self.evict_any()

    cdef bint evict_any(self) except -1:
        """Sampling found nothing: keys with an expiry are few among many. Takes the next one in table order, if there is one."""
        cdef Database db
        cdef Table* table
        cdef void* found[256]
        cdef uint64_t position
        cdef int n, i, at
        if not self.volatile:
            return False
        for db in self.engine.keyspace.databases:
            if db.expiring == 0:
                continue
            for at in range(db.table_count):
                table = &db.tables[at]
                position = 0
                while True:
                    n = table_walk_marked(table, &position, found, 256)
                    if n < 0:
                        break
                    for i in range(n):
                        if entry_expires(<Entry>found[i]):
                            self.evict(db, PyBytes_FromStringAndSize(entry_key(<Entry>found[i]), entry_key_size(<Entry>found[i])))
                            return True
                    table_clear_mark(table, position - 1)
        return False

    cdef bint evict_random(self) except -1:
        cdef void* entries[1]
        cdef Database db
        cdef int tries, count = <int>len(self.engine.keyspace.databases)
        cdef Table* table
        cdef Entry entry
        cdef void* found[SAMPLE_MAX]
        cdef int n, i, start
        for tries in range(count):
            self.next_database = (self.next_database + 1) % count
            db = self.engine.keyspace.databases[self.next_database]
            if len(db) == 0 or (self.volatile and db.expiring == 0):
                continue
            table = db.random_table()
            n = table_sample(table, &self.engine.keyspace.random_state, found, 14, self.volatile)
            if n == 0:
                continue
            start = <int>(next_random(&self.engine.keyspace.random_state) % <uint64_t>n)
            for i in range(n):
                entry = <Entry>found[(start + i) % n]
                if not self.volatile or entry_expires(entry):
                    self.evict(db, PyBytes_FromStringAndSize(entry_key(entry), entry_key_size(entry)))
                    return True
        return self.evict_any()

    cdef int fill_pool(self) except -1:
        """Adds a sample of every database to the pool and keeps the best."""
        cdef Database db
        cdef void* found[SAMPLE_MAX]
        cdef int n, i, wanted
        cdef Entry entry
        cdef Keyspace space = self.engine.keyspace
        cdef list pool = self.pool
        known = {(number, key) for score, number, key in pool}
        for db in space.databases:
            if len(db) == 0 or (self.volatile and db.expiring == 0):
                continue
            # of a marked bucket all entries are wanted: the one that expires may be its last
            wanted = SAMPLE_MAX if self.volatile or self.samples > SAMPLE_MAX else self.samples
            n = table_sample(db.random_table(), &space.random_state, found, wanted, self.volatile)
            for i in range(n):
                entry = <Entry>found[i]
                if self.volatile and not entry_expires(entry):
                    continue
                score = self.score(space, entry)
                if len(pool) >= POOL and score <= pool[0][0]:
                    continue
                key = PyBytes_FromStringAndSize(entry_key(entry), entry_key_size(entry))
                if (db.id, key) not in known:
                    pool.append((score, db.id, key))
                    known.add((db.id, key))
        pool.sort(key=score_of)
        del pool[:max(len(pool) - POOL, 0)]
        return 0

    cdef object score(self, Keyspace space, Entry entry):
        """The higher, the sooner it goes."""
        if self.kind == TTL:
            return -entry_expire_at(entry)
        if self.kind == LFU:
            return 255 - <int>lfu_counter(space, entry_clock(entry))
        return <int64_t>((space.access_clock - entry_clock(entry)) & 0xffffff)

    cdef int evict(self, Database db, bytes key) except -1:
        cdef int64_t before = used()
        db.delete(key)
        self.freed += before - <int64_t>used()
        self.engine.evicted += 1
        if self.on_evicted is not None:
            self.on_evicted(key)
        db.changed(key)
        if self.engine.notify_flags & NOTIFY_EVICTED:
            self.engine.notify(NOTIFY_EVICTED, "evicted", key, db.id)
        if self.engine.propagating:
            self.engine.add_effect(db.id, [b"DEL", key])
            if self.engine.depth == 0:
                self.engine.effects_plain = True
                self.engine.flush_effects()
                self.engine.effects_plain = False
        return 0


def score_of(row):
    return row[0]
