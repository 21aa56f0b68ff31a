# cython: boundscheck=False, wraparound=False, cdivision=True
"""Consumer groups of a stream: who was given which entry when, and what has not been acknowledged.

A group's pending entries are kept in an index by ID, and each consumer has an index of its own ones; both point to one
block a pending entry (delivery time, delivery count, consumer). So an entry costs about 80 bytes and is found, moved to
another consumer or acknowledged in two searches. IDs are 128-bit integers, times milliseconds since 1970.

Invariants: an ID is pending in the group exactly if it is pending with one of its consumers; that consumer is in `consumers`.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.values.memory cimport zfree, zmalloc, zsize
from scrubjay_engine.values.stream_index cimport (
    Cursor, ID, Index, Slot, compare_ids, cursor_next, cursor_slot, index_bytes, index_find, index_first, index_insert,
    from_id, id_bytes, index_last, index_release, index_remove, index_seek, to_id,
)
from scrubjay_engine.values.stream_node cimport Item, Node, node_pairs
from scrubjay_engine.values.stream_value cimport StreamValue

UNKNOWN = -1        # entries_read of a group that does not know how many entries it has read

cdef enum:
    CONSUMER_BYTES = 200    # a Python object, its name and its place in a dict, roughly
    GROUP_BYTES = 400


cdef class Consumer:
    """A name that reads for a group."""

    def __cinit__(self, bytes name not None, int64_t seen_at):
        self.name = name
        self.seen_at = seen_at

    def __dealloc__(self):
        index_release(&self.pending)

    def __len__(self) -> int:
        """Entries pending with this consumer."""
        return self.pending.count

    def ids(self, object start=0, int64_t count=-1) -> list:
        """Pending IDs from `start` on, ascending; at most `count` unless negative."""
        cdef list found = []
        cdef Cursor cursor
        cdef Slot* slot
        index_seek(&self.pending, to_id(start), &cursor)
        slot = cursor_slot(&self.pending, &cursor)
        while slot != NULL and count != 0:
            found.append(from_id(slot.id))
            count -= 1
            cursor_next(&self.pending, &cursor)
            slot = cursor_slot(&self.pending, &cursor)
        return found


cdef class Group:
    """A consumer group: the last ID it was given, and its pending entries."""

    def __cinit__(self, object last_id=0, int64_t entries_read=UNKNOWN):
        self.last = to_id(last_id)
        self.entries_read = entries_read
        self.consumers = {}

    def __dealloc__(self):
        # Consumers may be gone by now: only the blocks and the group's own index are freed here.
        cdef Cursor cursor
        cdef Slot* slot
        index_first(&self.pending, &cursor)
        slot = cursor_slot(&self.pending, &cursor)
        while slot != NULL:
            zfree(slot.item)
            cursor_next(&self.pending, &cursor)
            slot = cursor_slot(&self.pending, &cursor)
        index_release(&self.pending)

    @property
    def last_id(self) -> int:
        return from_id(self.last)

    @last_id.setter
    def last_id(self, number):
        self.last = to_id(number)

    cdef void drop_last(self) noexcept:
        cdef Cursor cursor
        cdef Slot* slot
        cdef Pending* entry
        index_last(&self.pending, &cursor)
        slot = cursor_slot(&self.pending, &cursor)
        entry = <Pending*>slot.item
        index_remove(&(<Consumer>entry.consumer).pending, slot.id)
        index_remove(&self.pending, slot.id)
        zfree(entry)

    def __len__(self) -> int:
        """Entries pending in the group."""
        return self.pending.count

    def add_consumer(self, bytes name not None, int64_t now_ms) -> Consumer:
        """A new consumer, or the one of that name, whose `seen_at` is then left alone."""
        consumer = self.consumers.get(name)
        if consumer is None:
            consumer = self.consumers[name] = Consumer(name, now_ms)
        return consumer

    def remove_consumer(self, bytes name not None) -> int | None:
        """Forget a consumer and what is pending with it: how many entries that were; None when it does not exist."""
        cdef Consumer consumer = self.consumers.get(name)
        cdef Cursor cursor
        cdef Slot* slot
        if consumer is None:
            return None
        index_first(&consumer.pending, &cursor)
        slot = cursor_slot(&consumer.pending, &cursor)
        while slot != NULL:
            index_remove(&self.pending, slot.id)
            zfree(slot.item)
            cursor_next(&consumer.pending, &cursor)
            slot = cursor_slot(&consumer.pending, &cursor)
        count = consumer.pending.count
        index_release(&consumer.pending)
        del self.consumers[name]
        return count

    def assign(self, object number, Consumer consumer not None, int64_t delivered_at, int64_t deliveries) -> None:
        """Make an entry pending with a consumer, taking it from another one if need be."""
        self.give(to_id(number), consumer, delivered_at, deliveries)

    cdef int give(self, ID id, Consumer consumer, int64_t delivered_at, int64_t deliveries) except -1:
        cdef void** found = index_find(&self.pending, id)
        cdef Pending* entry
        if found != NULL:
            entry = <Pending*>found[0]
            if entry.consumer != <PyObject*>consumer:
                index_remove(&(<Consumer>entry.consumer).pending, id)
                index_insert(&consumer.pending, id, entry)
        else:
            entry = <Pending*>zmalloc(sizeof(Pending))
            index_insert(&self.pending, id, entry)
            index_insert(&consumer.pending, id, entry)
        entry.consumer = <PyObject*>consumer
        entry.delivered_at = delivered_at
        entry.deliveries = deliveries
        return 0

    def advance(self, StreamValue stream not None, object number) -> None:
        """The group is given this entry, the next one it has not had: it counts as read."""
        self.pass_entry(stream, to_id(number))

    cdef int pass_entry(self, StreamValue stream, ID id) except -1:
        if self.entries_read != UNKNOWN and not stream.deleted_since(id):
            self.entries_read += 1
        elif stream.entries_added:
            self.entries_read = stream.added_up_to(id)
        self.last = id
        return 0

    def pending_entry(self, object number) -> tuple | None:
        """(consumer, delivered at, deliveries) of a pending ID, or None."""
        cdef void** found = index_find(&self.pending, to_id(number))
        cdef Pending* entry
        if found == NULL:
            return None
        entry = <Pending*>found[0]
        return <Consumer>entry.consumer, entry.delivered_at, entry.deliveries

    def acknowledge(self, object number) -> bool:
        """No longer pending; False when it was not."""
        return self.release(to_id(number))

    cdef bint release(self, ID id) noexcept:
        cdef Pending* entry = <Pending*>index_remove(&self.pending, id)
        if entry == NULL:
            return False
        index_remove(&(<Consumer>entry.consumer).pending, id)
        zfree(entry)
        return True

    def pending_range(
        self, object start, object end, int64_t count=-1, Consumer consumer=None, int64_t delivered_before=0x7FFFFFFFFFFFFFFF
    ) -> list:
        """[(ID, consumer, delivered at, deliveries), ...] with start <= ID <= end, ascending; at most `count` unless negative.

        `consumer` limits it to that one's, `delivered_before` to those delivered at or before that time.
        """
        cdef Index* index = &self.pending if consumer is None else &consumer.pending
        cdef ID last = to_id(end)
        cdef list found = []
        cdef Cursor cursor
        cdef Slot* slot
        cdef Pending* entry
        index_seek(index, to_id(start), &cursor)
        slot = cursor_slot(index, &cursor)
        while slot != NULL and count != 0 and compare_ids(slot.id, last) <= 0:
            entry = <Pending*>slot.item
            if entry.delivered_at <= delivered_before:
                found.append((from_id(slot.id), <Consumer>entry.consumer, entry.delivered_at, entry.deliveries))
                count -= 1
            cursor_next(index, &cursor)
            slot = cursor_slot(index, &cursor)
        return found

    def describe_pending(
        self, object start, object end, int64_t count, Consumer consumer, int64_t delivered_before, int64_t now_ms
    ) -> list:
        """As `pending_range`, but rows as XPENDING shows them: [b"ms-seq", consumer's name, idle milliseconds, deliveries]."""
        cdef Index* index = &self.pending if consumer is None else &consumer.pending
        cdef ID last = to_id(end)
        cdef list rows = []
        cdef Cursor cursor
        cdef Slot* slot
        cdef Pending* entry
        cdef int64_t idle
        index_seek(index, to_id(start), &cursor)
        slot = cursor_slot(index, &cursor)
        while slot != NULL and count != 0 and compare_ids(slot.id, last) <= 0:
            entry = <Pending*>slot.item
            if entry.delivered_at <= delivered_before:
                idle = now_ms - entry.delivered_at
                rows.append([id_bytes(slot.id), (<Consumer>entry.consumer).name, idle if idle > 0 else 0, entry.deliveries])
                count -= 1
            cursor_next(index, &cursor)
            slot = cursor_slot(index, &cursor)
        return rows

    def redeliver(self, StreamValue stream not None, Consumer consumer not None, object start, int64_t count, int64_t now_ms) -> list:
        """[[b"ms-seq", [field, value, ...] or None], ...] of a consumer's pending entries from `start` on.

        Those that are still in the stream count as delivered once more, now; the others come with None.
        """
        cdef list rows = []
        cdef Cursor cursor
        cdef Slot* slot
        cdef Pending* entry
        cdef Node node
        cdef Item item
        index_seek(&consumer.pending, to_id(start), &cursor)
        slot = cursor_slot(&consumer.pending, &cursor)
        while slot != NULL and count != 0:
            if stream.seek(slot.id, &node, &item):
                rows.append([id_bytes(slot.id), node_pairs(&node, &item)])
                entry = <Pending*>slot.item
                entry.delivered_at = now_ms
                entry.deliveries += 1
            else:
                rows.append([id_bytes(slot.id), None])
            count -= 1
            cursor_next(&consumer.pending, &cursor)
            slot = cursor_slot(&consumer.pending, &cursor)
        return rows

    def bounds(self) -> tuple | None:
        """(lowest, highest) pending ID, or None."""
        cdef Cursor first, last
        if not self.pending.count:
            return None
        index_first(&self.pending, &first)
        index_last(&self.pending, &last)
        return from_id(cursor_slot(&self.pending, &first).id), from_id(cursor_slot(&self.pending, &last).id)

    def copy(self) -> Group:
        cdef Group twin = Group(from_id(self.last), self.entries_read)
        for name, consumer in self.consumers.items():
            twin.consumers[name] = Consumer(name, consumer.seen_at)
        for number, consumer, delivered_at, deliveries in self.pending_range(0, (1 << 128) - 1):
            twin.assign(number, twin.consumers[consumer.name], delivered_at, deliveries)
        return twin

    def free_step(self, Py_ssize_t budget) -> int:
        """Drop up to `budget` pending entries; how many."""
        cdef Py_ssize_t dropped = 0
        while dropped < budget and self.pending.count:
            self.drop_last()
            dropped += 1
        return dropped

    def memory_usage(self) -> int:
        cdef Consumer consumer
        cdef size_t total = GROUP_BYTES + index_bytes(&self.pending) + self.pending.count * (sizeof(Pending) + 8)
        for consumer in self.consumers.values():
            total += CONSUMER_BYTES + len(consumer.name) + index_bytes(&consumer.pending)
        return total

    def check(self) -> None:
        """AssertionError when an invariant is broken (tests, DEBUG)."""
        cdef Consumer consumer
        with_consumers = {number: consumer for consumer in self.consumers.values() for number in consumer.ids()}
        in_group = {number: consumer for number, consumer, _, _ in self.pending_range(0, (1 << 128) - 1)}
        assert with_consumers == in_group, "pending entries of the group and of its consumers are the same"
        assert sum([len(consumer) for consumer in self.consumers.values()]) == len(in_group), "nothing is pending twice"
