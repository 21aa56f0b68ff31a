# cython: boundscheck=False, wraparound=False, cdivision=True
"""Stream values: appending, reading ranges both ways, deleting and trimming entries, and the counters around them.

IDs are 128-bit integers towards Python (milliseconds << 64 | sequence), so that they compare and count as numbers; replies
get them as `ms-seq` bytes. Entries live in nodes (`stream_node`) that an index (`stream_index`) finds by ID; consumer groups
are in `stream_groups`. Which ID a command means, and what is told to replicas, is `commands.streams`' part.

Invariants: nodes ascend by ID and each holds at least one live entry; `length` is the number of live entries; no entry's ID is
above `last_id`; `first` is the ID of the first live entry.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint64_t

from scrubjay_engine.values.listpack cimport Pack, pack_begin, pack_copy, pack_dump, pack_end, pack_free
from scrubjay_engine.values.memory cimport zsize
from scrubjay_engine.values.stream_index cimport (
    Cursor, ID, Slot, compare_ids, cursor_next, cursor_previous, cursor_slot, index_bytes, index_find, index_first, index_insert,
    id_bytes, index_last, index_release, index_remove, index_seek_at_most, from_id, to_id,
)
from scrubjay_engine.values.stream_node cimport (
    DELETED, Item, Node, Piece, node_append, node_delete, node_live, node_new, node_next, node_open, node_pairs, node_previous,
    node_start, node_total,
)

MAX_ID = (1 << 128) - 1

# Redis' stream-node-max-bytes and stream-node-max-entries (0: no limit), process-wide as for the other containers.
cdef uint64_t node_max_bytes = 4096
cdef int64_t node_max_entries = 100

cdef enum:
    NODE_BYTES_LIMIT = 1 << 30      # a node never grows beyond, whatever the option says
    LISTPACK_FRAME = 7              # header and terminator that Redis counts with a node's bytes


def set_node_limits(max_bytes: int, max_entries: int) -> None:
    """The options stream-node-max-bytes and stream-node-max-entries; 0 means no limit."""
    global node_max_bytes, node_max_entries
    node_max_bytes = max_bytes
    node_max_entries = max_entries


def get_node_limits() -> tuple[int, int]:
    return node_max_bytes, node_max_entries


def format_id(number: int) -> bytes:
    """`ms-seq`."""
    return id_bytes(to_id(number))


cdef class StreamValue:
    """What a stream key holds."""

    def __cinit__(self):
        self.groups = {}

    def __dealloc__(self):
        self.release()

    cdef void release(self) noexcept:
        cdef Cursor cursor
        cdef Slot* slot
        index_first(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        while slot != NULL:
            pack_free(<Pack*>slot.item)
            cursor_next(&self.nodes, &cursor)
            slot = cursor_slot(&self.nodes, &cursor)
        index_release(&self.nodes)

    def __len__(self) -> int:
        return self.length

    def encoding(self) -> str:
        return "stream"

    @property
    def last_id(self) -> int:
        return from_id(self.last)

    @last_id.setter
    def last_id(self, number):
        self.last = to_id(number)

    @property
    def first_id(self) -> int:
        """Of the first live entry; 0 when there is none."""
        return from_id(self.first)

    @property
    def max_deleted_id(self) -> int:
        return from_id(self.deleted)

    @max_deleted_id.setter
    def max_deleted_id(self, number):
        self.deleted = to_id(number)

    # -- adding --------------------------------------------------------------------------------------------------------

    def next_id(self, uint64_t now_ms) -> int | None:
        """The ID that `*` stands for: now, or the next one if the clock is behind; None when IDs are used up."""
        if now_ms > self.last.ms:
            return (<object>now_ms) << 64
        number = from_id(self.last)
        return None if number == MAX_ID else number + 1

    def append(self, object number, list args not None, Py_ssize_t start=0) -> None:
        """Add an entry of the fields and values args[start:]; the ID must be above `last_id` (ValueError)."""
        cdef ID id = to_id(number)
        cdef Py_ssize_t count = len(args) - start
        cdef Piece* pieces
        cdef Py_ssize_t i
        if compare_ids(id, self.last) <= 0:
            raise ValueError("an entry's ID must be above all earlier ones")
        pieces = <Piece*>PyMem_Malloc(count * sizeof(Piece))
        if pieces == NULL:
            raise MemoryError
        try:
            for i in range(count):
                pieces[i].data = PyBytes_AS_STRING(args[start + i])
                pieces[i].size = PyBytes_GET_SIZE(args[start + i])
            self.add(id, pieces, count)
        finally:
            PyMem_Free(pieces)

    cdef int add(self, ID id, const Piece* pieces, Py_ssize_t count) except -1:
        """As `append`; the caller has seen to it that the ID is above `last`."""
        cdef Cursor cursor
        cdef Slot* slot
        cdef Pack* pack
        cdef uint64_t bytes_added = 0
        cdef Py_ssize_t i
        for i in range(count):
            bytes_added += pieces[i].size
        index_last(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        if slot == NULL or node_is_full(<Pack*>slot.item, bytes_added):
            pack = node_new(id, pieces, count)
            index_insert(&self.nodes, id, pack)
        else:
            pack = <Pack*>slot.item
            try:
                node_append(&pack, slot.id, id, pieces, count)
            finally:
                slot.item = pack
        self.length += 1
        self.entries_added += 1
        self.last = id
        if self.length == 1:
            self.first = id
        return 0

    # -- reading -------------------------------------------------------------------------------------------------------

    cdef bint seek(self, ID id, Node* node, Item* item) noexcept:
        """The live entry of exactly this ID."""
        cdef Cursor cursor
        cdef Slot* slot
        cdef int order
        index_seek_at_most(&self.nodes, id, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        if slot == NULL:
            return False
        node_open(<Pack*>slot.item, slot.id, node)
        node_start(node, item, False)
        while node_next(node, item):
            order = compare_ids(item.id, id)
            if order >= 0:
                return order == 0 and not item.flags & DELETED
        return False

    cdef bint find_first(self, ID* out) noexcept:
        cdef Cursor cursor
        cdef Slot* slot
        cdef Node node
        cdef Item item
        index_first(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        if slot == NULL:
            return False
        node_open(<Pack*>slot.item, slot.id, &node)
        node_start(&node, &item, False)
        while node_next(&node, &item):
            if not item.flags & DELETED:
                out[0] = item.id
                return True
        return False

    def contains(self, object number) -> bool:
        cdef Node node
        cdef Item item
        return self.seek(to_id(number), &node, &item)

    def entry(self, object number) -> list | None:
        """[field, value, ...] of an entry, or None."""
        cdef Node node
        cdef Item item
        if not self.seek(to_id(number), &node, &item):
            return None
        return node_pairs(&node, &item)

    def range(self, object start, object end, int64_t count=-1, *, bint reverse=False) -> list:
        """Entries with start <= ID <= end as [[b"ms-seq", [field, value, ...]], ...]; at most `count` unless negative."""
        return self.collect(to_id(start), to_id(end), count, reverse, False)

    def range_with_ids(self, object start, object end, int64_t count=-1) -> list:
        """As `range`, but [(ID as a number, [b"ms-seq", [field, value, ...]]), ...]."""
        return self.collect(to_id(start), to_id(end), count, False, True)

    cdef list collect(self, ID start, ID end, int64_t count, bint reverse, bint numbers):
        cdef list found = []
        cdef list entry
        cdef Walk walk
        self.walk(start, end, reverse, &walk)
        while count != 0 and walk_next(&walk):
            entry = [id_bytes(walk.item.id), node_pairs(&walk.node, &walk.item)]
            found.append((from_id(walk.item.id), entry) if numbers else entry)
            count -= 1
        return found

    cdef void walk(self, ID start, ID end, bint reverse, Walk* walk) noexcept:
        """Stand before the first live entry with start <= ID <= end, or behind the last one; `walk_next` goes on from there."""
        walk.index = &self.nodes
        walk.start = start
        walk.end = end
        walk.reverse = reverse
        walk.opened = False
        index_seek_at_most(walk.index, end if reverse else start, &walk.cursor)
        if walk.cursor.chunk < 0 and not reverse:
            index_first(walk.index, &walk.cursor)

    def last_live_id(self) -> int:
        """The highest ID that is not deleted; 0 in an empty stream."""
        cdef Cursor cursor
        cdef Slot* slot
        cdef Node node
        cdef Item item
        index_last(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        if slot == NULL:
            return 0
        node_open(<Pack*>slot.item, slot.id, &node)
        node_start(&node, &item, True)
        while node_previous(&node, &item):
            if not item.flags & DELETED:
                return from_id(item.id)
        return 0

    # -- removing ------------------------------------------------------------------------------------------------------

    cdef int drop_node(self, ID id) except -1:
        cdef Pack* pack = <Pack*>index_remove(&self.nodes, id)
        self.length -= node_live(pack)
        pack_free(pack)
        return 0

    def delete(self, object number) -> bool:
        """XDEL of one entry; True when it was there."""
        cdef ID id = to_id(number)
        cdef Cursor cursor
        cdef Slot* slot
        cdef Pack* pack
        cdef Node node
        cdef Item item
        if not self.seek(id, &node, &item):
            return False
        index_seek_at_most(&self.nodes, id, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        pack = node.pack
        if node_live(pack) == 1:
            self.drop_node(slot.id)
        else:
            try:
                node_delete(&pack, item.at)
            finally:
                slot.item = pack
            self.length -= 1
        if compare_ids(id, self.deleted) > 0:
            self.deleted = id
        self.refresh_first(id)
        return True

    cdef void refresh_first(self, ID removed) noexcept:
        """Keep `first` true after entries up to `removed` have gone."""
        if self.length == 0:
            self.first = ID(0, 0)
        elif compare_ids(self.first, removed) <= 0:
            self.find_first(&self.first)

    def trim_to_length(self, uint64_t longest, *, bint whole_nodes=False, int64_t limit=0) -> int:
        """MAXLEN: drop the oldest entries until at most `longest` are left; how many went.

        `whole_nodes` (`~`) leaves a node alone that would have to be cut; `limit` bounds the entries dropped (0: no bound).
        """
        return self.cut_to_length(longest, whole_nodes, limit)

    cdef int64_t cut_to_length(self, uint64_t longest, bint whole_nodes, int64_t limit) except -1:
        cdef int64_t dropped = 0
        cdef int64_t live
        cdef Cursor cursor
        cdef Slot* slot
        while self.length > longest:
            index_first(&self.nodes, &cursor)
            slot = cursor_slot(&self.nodes, &cursor)
            live = node_live(<Pack*>slot.item)
            if limit and dropped + live > limit:
                break
            if self.length - live < longest:
                if not whole_nodes:
                    dropped += self.cut_node(slot, self.length - longest, NULL)
                break
            self.drop_node(slot.id)
            dropped += live
        if dropped:
            self.refresh_first(self.last)
        return dropped

    def trim_below(self, object lowest, *, bint whole_nodes=False, int64_t limit=0) -> int:
        """MINID: drop entries whose ID is below `lowest`; how many went. Options as for trim_to_length."""
        cdef ID minimum = to_id(lowest)
        cdef int64_t dropped = 0
        cdef int64_t live
        cdef Cursor cursor
        cdef Slot* slot
        cdef Node node
        cdef Item item
        while self.nodes.count:
            index_first(&self.nodes, &cursor)
            slot = cursor_slot(&self.nodes, &cursor)
            live = node_live(<Pack*>slot.item)
            if limit and dropped + live > limit:
                break
            node_open(<Pack*>slot.item, slot.id, &node)
            node_start(&node, &item, True)
            node_previous(&node, &item)
            if compare_ids(item.id, minimum) >= 0:
                if not whole_nodes:
                    dropped += self.cut_node(slot, live, &minimum)
                break
            self.drop_node(slot.id)
            dropped += live
        if dropped:
            self.refresh_first(self.last)
        return dropped

    cdef int64_t cut_node(self, Slot* slot, int64_t most, const ID* minimum) except -1:
        """Flag the node's first entries as deleted: `most` of them, or those below `minimum` if given."""
        cdef Pack* pack = <Pack*>slot.item
        cdef Node node
        cdef Item item
        cdef int64_t cut = 0
        cdef Py_ssize_t offset
        node_open(pack, slot.id, &node)
        node_start(&node, &item, False)
        while cut < most and node_next(&node, &item):
            if minimum != NULL and compare_ids(item.id, minimum[0]) >= 0:
                break
            if item.flags & DELETED:
                continue
            # Counters may change their width, so positions are taken again, counted from the end, which does not move.
            offset = pack_end(pack) - item.after
            try:
                node_delete(&pack, item.at)
            finally:
                slot.item = pack
            node_open(pack, slot.id, &node)
            item.after = pack_end(pack) - offset
            cut += 1
            self.length -= 1
        if node_live(pack) == 0:
            self.drop_node(slot.id)
        return cut

    # -- what consumer groups count ------------------------------------------------------------------------------------

    def has_deleted_since(self, object number) -> bool:
        """True when an entry that XDEL took out lies at or behind this ID, as far as the counters can tell."""
        return self.deleted_since(to_id(number))

    cdef bint deleted_since(self, ID id) noexcept:
        if self.length == 0 or (self.deleted.ms == 0 and self.deleted.seq == 0):
            return False
        if compare_ids(self.first, self.deleted) > 0:
            return False
        return compare_ids(id, self.deleted) <= 0

    def entries_up_to(self, object number) -> int:
        """How many entries were ever added up to this ID, or -1 where deleted entries make that unknowable."""
        return self.added_up_to(to_id(number))

    cdef int64_t added_up_to(self, ID id) noexcept:
        cdef int order
        if self.entries_added == 0:
            return 0
        order = compare_ids(id, self.last)
        if order == 0 or (self.length == 0 and order < 0):
            return self.entries_added
        if order > 0:
            return -1
        if (self.deleted.ms or self.deleted.seq) and compare_ids(self.deleted, self.first) >= 0:
            return -1
        order = compare_ids(id, self.first)
        if order < 0:
            return self.entries_added - self.length
        return self.entries_added - self.length + 1 if order == 0 else -1

    # -- the value as a whole ------------------------------------------------------------------------------------------

    def node_count(self) -> int:
        return self.nodes.count

    def dump_nodes(self) -> list:
        """[(16-byte key, listpack), ...] as RDB's stream types hold them, deleted entries included."""
        cdef Cursor cursor
        cdef Slot* slot
        cdef list nodes = []
        index_first(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        while slot != NULL:
            nodes.append((from_id(slot.id).to_bytes(16, "big"), pack_dump(<Pack*>slot.item)))
            cursor_next(&self.nodes, &cursor)
            slot = cursor_slot(&self.nodes, &cursor)
        return nodes

    def copy(self) -> StreamValue:
        cdef StreamValue twin = StreamValue()
        cdef Cursor cursor
        cdef Slot* slot
        index_first(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        while slot != NULL:
            index_insert(&twin.nodes, slot.id, pack_copy(<Pack*>slot.item))
            cursor_next(&self.nodes, &cursor)
            slot = cursor_slot(&self.nodes, &cursor)
        twin.length = self.length
        twin.last = self.last
        twin.first = self.first
        twin.deleted = self.deleted
        twin.entries_added = self.entries_added
        twin.groups = {name: group.copy() for name, group in self.groups.items()}
        return twin

    def clear(self) -> None:
        self.release()
        self.length = 0
        self.first = ID(0, 0)
        self.groups.clear()

    def free_step(self, Py_ssize_t budget) -> bool:
        """Free up to `budget` nodes (about a hundred entries each) and as many pending entries; True when nothing is left."""
        cdef Cursor cursor
        while budget > 0 and self.nodes.count:
            index_last(&self.nodes, &cursor)
            self.drop_node(cursor_slot(&self.nodes, &cursor).id)
            budget -= 1
        while budget > 0 and self.groups:
            name, group = self.groups.popitem()
            freed = group.free_step(budget)
            budget -= freed + 1
            if len(group):
                self.groups[name] = group
        return not self.nodes.count and not self.groups

    def memory_usage(self, int samples=0) -> int:
        """Bytes held. With `samples`, the nodes' part is estimated from that many of them."""
        cdef Cursor cursor
        cdef Slot* slot
        cdef size_t total = 0
        cdef Py_ssize_t seen = 0
        index_first(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        while slot != NULL and (samples <= 0 or seen < samples):
            total += zsize(slot.item)
            seen += 1
            cursor_next(&self.nodes, &cursor)
            slot = cursor_slot(&self.nodes, &cursor)
        if seen and seen < self.nodes.count:
            total = total // seen * self.nodes.count
        total += index_bytes(&self.nodes) + sizeof(StreamValue)
        return total + sum([group.memory_usage() for group in self.groups.values()])

    def check(self) -> None:
        """AssertionError when an invariant is broken (tests, DEBUG)."""
        cdef Cursor cursor
        cdef Slot* slot
        cdef Node node
        cdef Item item
        cdef ID previous = ID(0, 0)
        cdef uint64_t live = 0, live_here, total_here
        index_first(&self.nodes, &cursor)
        slot = cursor_slot(&self.nodes, &cursor)
        while slot != NULL:
            live_here = total_here = 0
            node_open(<Pack*>slot.item, slot.id, &node)
            node_start(&node, &item, False)
            while node_next(&node, &item):
                assert compare_ids(item.id, previous) > 0, "IDs ascend"
                previous = item.id
                total_here += 1
                if not item.flags & DELETED:
                    live_here += 1
                    if live + live_here == 1:
                        assert compare_ids(item.id, self.first) == 0, "first is the first live entry"
            assert live_here > 0 and live_here == <uint64_t>node_live(node.pack), "a node counts its live entries"
            assert total_here == <uint64_t>node_total(node.pack), "a node counts its entries"
            live += live_here
            cursor_next(&self.nodes, &cursor)
            slot = cursor_slot(&self.nodes, &cursor)
        assert live == self.length, "length is the number of live entries"
        assert compare_ids(previous, self.last) <= 0, "no entry is above last_id"


cdef bint node_is_full(Pack* pack, uint64_t bytes_added) noexcept nogil:
    cdef uint64_t most = node_max_bytes if 0 < node_max_bytes < NODE_BYTES_LIMIT else NODE_BYTES_LIMIT
    if pack.used + LISTPACK_FRAME + bytes_added >= most:
        return True
    return node_max_entries > 0 and node_total(pack) >= node_max_entries


cdef bint walk_next(Walk* walk) noexcept nogil:
    """The next live entry is in `walk.item` (of the node `walk.node`); False when there is none. Void after any change of the stream."""
    cdef Slot* slot
    while True:
        if not walk.opened:
            slot = cursor_slot(walk.index, &walk.cursor)
            if slot == NULL or (not walk.reverse and compare_ids(slot.id, walk.end) > 0):
                return False
            node_open(<Pack*>slot.item, slot.id, &walk.node)
            node_start(&walk.node, &walk.item, walk.reverse)
            walk.opened = True
        while node_previous(&walk.node, &walk.item) if walk.reverse else node_next(&walk.node, &walk.item):
            if compare_ids(walk.item.id, walk.start) < 0:
                if walk.reverse:
                    return False
            elif compare_ids(walk.item.id, walk.end) > 0:
                if not walk.reverse:
                    return False
            elif not walk.item.flags & DELETED:
                return True
        walk.opened = False
        if walk.reverse:
            cursor_previous(walk.index, &walk.cursor)
        else:
            cursor_next(walk.index, &walk.cursor)
