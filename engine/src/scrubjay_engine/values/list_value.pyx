"""`ListValue`: what a list key holds. The list commands, persistence and DEBUG use it.

Small form: one pack (listpack.pyx), nothing else. Large form: a doubly linked chain of packs, each up to
`list-max-listpack-size` (8 KiB by default; an element larger than that lies alone in its pack). Pushing and popping at
both ends is O(1): packs keep a gap at the head. An index is found by skipping whole packs. Redis calls both forms
`quicklist`.

Invariants: no pack in a chain is empty; `count` and `nodes` are exact; an empty list has no body; data that is
inserted never lies inside the list (callers copy it out first).
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from scrubjay_engine.values.limits cimport limits
from scrubjay_engine.values.listpack cimport (
    Pack, entry_after, entry_before, entry_view, pack_begin, pack_copy, pack_dump, pack_end, pack_free,
    pack_insert, pack_join, pack_new, pack_remove, pack_replace, pack_seek, pack_split,
)
from scrubjay_engine.values.memory cimport count_external, zfree, zmalloc, zsize
from scrubjay_engine.values.view cimport View, parse_integer, view_bytes


cdef enum:
    OBJECT_BYTES = 32       # the Python object itself
    ENTRY_OVERHEAD = 11     # at most this much is added to an element's bytes in a pack
    COUNTED_BYTES = 8192    # byte limit of a node whose limit is a number of elements


cdef Py_ssize_t LARGEST = 0x7FFFFFFFFFFFFFFF


cdef struct Needle:         # an element that is looked for
    const char* data
    Py_ssize_t size
    bint is_number
    long long number


cdef inline void needle_of(bytes data, Needle* needle) noexcept:
    needle.data = PyBytes_AS_STRING(data)
    needle.size = PyBytes_GET_SIZE(data)
    needle.is_number = parse_integer(needle.data, needle.size, &needle.number)


cdef inline bint matches(const uint8_t* at, const Needle* needle) noexcept:
    cdef View view
    if entry_view(at, &view):
        return needle.is_number and view.number == needle.number
    return not needle.is_number and view.size == needle.size and memcmp(view.data, needle.data, view.size) == 0


# -- nodes -------------------------------------------------------------------------------------------------------------

cdef inline uint64_t node_bytes() noexcept:
    """The byte limit of a node."""
    cdef long long size = limits.list_size
    if size >= 0:
        return COUNTED_BYTES
    return 65536 if size < -5 else 2048 << -size


cdef inline bint fits(const Pack* pack, uint64_t more) noexcept:
    """Whether an element of `more` encoded bytes may join the pack."""
    if pack.count == 0:
        return True
    if limits.list_size >= 0 and pack.count >= limits.list_size:
        return False
    return pack.used + more <= node_bytes()


cdef Node* chain_insert(Chain* chain, Node* before, Pack* pack) except NULL:
    """Link a new node behind `before` (NULL: as the first)."""
    cdef Node* node = <Node*> zmalloc(sizeof(Node))
    node.pack = pack
    node.before = before
    node.after = chain.first if before == NULL else before.after
    if before == NULL:
        chain.first = node
    else:
        before.after = node
    if node.after == NULL:
        chain.last = node
    else:
        node.after.before = node
    chain.nodes += 1
    return node


cdef void chain_unlink(Chain* chain, Node* node) noexcept:
    """Take a node out and free it with its pack (`count` is the caller's)."""
    if node.before == NULL:
        chain.first = node.after
    else:
        node.before.after = node.after
    if node.after == NULL:
        chain.last = node.before
    else:
        node.after.before = node.before
    chain.nodes -= 1
    pack_free(node.pack)
    zfree(node)


cdef int chain_join(Chain* chain, Node* node) except -1:
    """Join a node that has become small with the one behind it, so that removals do not leave crumbs."""
    cdef Node* other = node.after
    if other == NULL or limits.list_size >= 0 or node.pack.used + other.pack.used > node_bytes() // 2:
        return 0
    pack_join(&node.pack, other.pack)
    chain_unlink(chain, other)
    return 0


cdef Chain* make_chain(ListValue value) except NULL:
    """Turn the small form into the large one."""
    cdef Chain* chain = <Chain*> zmalloc(sizeof(Chain))
    cdef Pack* pack = <Pack*> value.body
    chain.first = chain.last = NULL
    chain.count = pack.count
    chain.nodes = 0
    try:
        chain_insert(chain, NULL, pack)
    except MemoryError:
        zfree(chain)
        raise
    value.body = chain
    value.chained = True
    return chain


cdef void settle(ListValue value) noexcept:
    """After removals: an empty list has no body, a short one becomes a single pack again."""
    cdef Chain* chain
    cdef Pack* pack
    if not value.chained:
        if value.body != NULL and (<Pack*> value.body).count == 0:
            pack_free(<Pack*> value.body)
            value.body = NULL
        return
    chain = <Chain*> value.body
    if chain.nodes == 0:
        value.body = NULL
    elif chain.nodes == 1 and chain.first.pack.used <= node_bytes() // 2:
        pack = chain.first.pack
        zfree(chain.first)
        value.body = pack
    else:
        return
    value.chained = False
    zfree(chain)


# -- the hot calls -----------------------------------------------------------------------------------------------------

cdef Py_ssize_t list_len(ListValue value) noexcept:
    if value.chained:
        return (<Chain*> value.body).count
    return (<Pack*> value.body).count if value.body != NULL else 0


cdef int list_push(ListValue value, const char* data, Py_ssize_t size, bint head) except -1:
    cdef Pack* pack
    cdef Chain* chain
    cdef Node* node
    if size > 0xFFFF0000:
        raise OverflowError("an element of a list is limited to 4 GiB")
    if not value.chained:
        if value.body == NULL:
            value.body = pack_new(size + 3)
        pack = <Pack*> value.body
        if fits(pack, size + ENTRY_OVERHEAD):
            pack_insert(&pack, pack_begin(pack) if head else pack_end(pack), data, size)
            value.body = pack
            return 0
        make_chain(value)
    chain = <Chain*> value.body
    node = chain.first if head else chain.last
    if not fits(node.pack, size + ENTRY_OVERHEAD):
        pack = pack_new(size + ENTRY_OVERHEAD)
        node = chain_insert(chain, NULL if head else chain.last, pack)
    pack_insert(&node.pack, pack_begin(node.pack) if head else pack_end(node.pack), data, size)
    chain.count += 1
    return 0


cdef bint list_peek(ListValue value, bint head, View* view) noexcept:
    """The first or the last element; False when there is none."""
    cdef Pack* pack
    if value.body == NULL:
        return False
    if value.chained:
        pack = (<Chain*> value.body).first.pack if head else (<Chain*> value.body).last.pack
    else:
        pack = <Pack*> value.body
    entry_view(pack_begin(pack) if head else entry_before(pack_end(pack)), view)
    return True


cdef int pack_drop(Pack** pack, uint32_t elements, bint head) except -1:
    if head:
        pack_remove(pack, pack_begin(pack[0]), elements)
    elif elements == 1:
        pack_remove(pack, entry_before(pack_end(pack[0])), 1)
    else:
        pack_remove(pack, pack_seek(pack[0], pack[0].count - elements), elements)
    return 0


cdef int list_drop(ListValue value, Py_ssize_t elements, bint head) except -1:
    """Remove up to that many elements from one end."""
    cdef Chain* chain
    cdef Node* node
    cdef Pack* pack
    if elements <= 0 or value.body == NULL:
        return 0
    if not value.chained:
        pack = <Pack*> value.body
        if elements >= pack.count:
            pack.count = 0
            settle(value)
            return 0
        pack_drop(&pack, <uint32_t> elements, head)
        value.body = pack
        return 0
    chain = <Chain*> value.body
    while elements and chain.nodes:
        node = chain.first if head else chain.last
        if node.pack.count <= elements:
            elements -= node.pack.count
            chain.count -= node.pack.count
            chain_unlink(chain, node)
        else:
            pack_drop(&node.pack, <uint32_t> elements, head)
            chain.count -= elements
            elements = 0
    if chain.nodes <= 1:
        settle(value)
    return 0


cdef bint list_seek(ListValue value, Py_ssize_t index, Place* place) noexcept:
    """The element at `index`, counted from 0 or, negative, from the end; False when there is none."""
    cdef Py_ssize_t length = list_len(value)
    cdef Node* node
    if index < 0:
        index += length
    if index < 0 or index >= length:
        return False
    place.node = NULL
    place.pack = <Pack*> value.body
    if value.chained:
        if index * 2 <= length:
            node = (<Chain*> value.body).first
            while index >= node.pack.count:
                index -= node.pack.count
                node = node.after
        else:
            index = length - index
            node = (<Chain*> value.body).last
            while index > node.pack.count:
                index -= node.pack.count
                node = node.before
            index = node.pack.count - index
        place.node = node
        place.pack = node.pack
    place.at = pack_seek(place.pack, index)
    return True


cdef bint list_next(Place* place) noexcept:
    """Step to the next element; False (and no step) at the end."""
    cdef uint8_t* at = entry_after(place.at)
    if at < pack_end(place.pack):
        place.at = at
        return True
    if place.node == NULL or place.node.after == NULL:
        return False
    place.node = place.node.after
    place.pack = place.node.pack
    place.at = pack_begin(place.pack)
    return True


cdef bint list_previous(Place* place) noexcept:
    if place.at > pack_begin(place.pack):
        place.at = entry_before(place.at)
        return True
    if place.node == NULL or place.node.before == NULL:
        return False
    place.node = place.node.before
    place.pack = place.node.pack
    place.at = entry_before(pack_end(place.pack))
    return True


# -- changes in the middle ---------------------------------------------------------------------------------------------

cdef int insert_at(ListValue value, Node* node, uint8_t* at, bytes data) except -1:
    """Insert before `at`, which lies in `node` (NULL: in the small form's pack; `at` may be the pack's end)."""
    cdef const char* source = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Chain* chain
    cdef Pack* pack
    cdef uint8_t* walk
    cdef uint32_t index = 0
    if node == NULL:
        pack = <Pack*> value.body
        if fits(pack, size + ENTRY_OVERHEAD):
            pack_insert(&pack, at, source, size)
            value.body = pack
            return 0
        node = make_chain(value).first
    chain = <Chain*> value.body
    if not fits(node.pack, size + ENTRY_OVERHEAD):
        if at > pack_begin(node.pack) and at < pack_end(node.pack):
            walk = pack_begin(node.pack)
            while walk < at:
                walk = entry_after(walk)
                index += 1
            chain_insert(chain, node, pack_split(&node.pack, at, index))
            at = pack_end(node.pack)
        if not fits(node.pack, size + ENTRY_OVERHEAD):
            node = chain_insert(chain, node if at > pack_begin(node.pack) else node.before, pack_new(size + ENTRY_OVERHEAD))
            at = pack_end(node.pack)
    pack_insert(&node.pack, at, source, size)
    chain.count += 1
    return 0


cdef Py_ssize_t pack_purge(Pack** pack, const Needle* needle, Py_ssize_t most, bint backward) except -1:
    """Remove up to `most` equal elements from a pack; how many."""
    cdef Py_ssize_t removed = 0
    cdef uint8_t* at = pack_end(pack[0]) if backward else pack_begin(pack[0])
    while removed < most:
        if backward:
            if at == pack_begin(pack[0]):
                break
            at = entry_before(at)
        elif at == pack_end(pack[0]):
            break
        if matches(at, needle):
            at = pack_remove(pack, at, 1)
            removed += 1
        elif not backward:
            at = entry_after(at)
    return removed


cdef Py_ssize_t chain_purge(Chain* chain, const Needle* needle, Py_ssize_t most, bint backward) except -1:
    cdef Node* node = chain.last if backward else chain.first
    cdef Node* following
    cdef Py_ssize_t removed = 0, here
    while node != NULL and removed < most:
        following = node.before if backward else node.after
        here = pack_purge(&node.pack, needle, most - removed, backward)
        chain.count -= here
        removed += here
        if node.pack.count == 0:
            chain_unlink(chain, node)
        elif here and backward:
            chain_join(chain, node)
        elif here and node.before != NULL:
            chain_join(chain, node.before)
        node = following
    return removed


@cython.final
@cython.no_gc
cdef class ListValue:
    def __cinit__(self):
        count_external(OBJECT_BYTES)

    def __dealloc__(self):
        self.clear()
        count_external(-OBJECT_BYTES)

    def __len__(self):
        return list_len(self)

    def __iter__(self):
        return iter(self.range(0, -1))

    def clear(self):
        while not self.free_step(1 << 30):
            pass

    def free_step(self, Py_ssize_t budget):
        cdef Chain* chain
        if not self.chained:
            if self.body != NULL:
                pack_free(<Pack*> self.body)
                self.body = NULL
            return True
        chain = <Chain*> self.body
        while budget > 0 and chain.nodes:
            chain.count -= chain.first.pack.count
            chain_unlink(chain, chain.first)
            budget -= 1
        if chain.nodes:
            return False
        settle(self)
        return True

    def encoding(self):
        return "quicklist"

    def push(self, bytes data not None, bint head=False):
        list_push(self, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), head)

    def peek(self, bint head=False):
        cdef View view
        return view_bytes(&view) if list_peek(self, head, &view) else None

    def pop(self, bint head=False):
        cdef View view
        if not list_peek(self, head, &view):
            return None
        result = view_bytes(&view)
        list_drop(self, 1, head)
        return result

    def index(self, Py_ssize_t index):
        cdef Place place
        cdef View view
        if not list_seek(self, index, &place):
            return None
        entry_view(place.at, &view)
        return view_bytes(&view)

    def range(self, Py_ssize_t start, Py_ssize_t stop):
        cdef Place place
        cdef View view
        cdef Py_ssize_t length = list_len(self)
        cdef list result = []
        start = max(start + length, 0) if start < 0 else start
        stop = stop + length if stop < 0 else min(stop, length - 1)
        if start > stop or not list_seek(self, start, &place):
            return result
        for start in range(start, stop + 1):
            entry_view(place.at, &view)
            result.append(view_bytes(&view))
            list_next(&place)
        return result

    def set(self, Py_ssize_t index, bytes data not None):
        cdef Place place
        cdef Pack* pack
        cdef uint8_t* at
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        if not list_seek(self, index, &place):
            return False
        pack = place.pack
        if pack.count == 1 or pack.used + <uint64_t> size + ENTRY_OVERHEAD <= node_bytes():
            pack_replace(&pack, place.at, PyBytes_AS_STRING(data), size)
            if place.node == NULL:
                self.body = pack
            else:
                place.node.pack = pack
            return True
        at = pack_remove(&pack, place.at, 1)
        if place.node == NULL:
            self.body = pack
        else:
            place.node.pack = pack
            (<Chain*> self.body).count -= 1
        insert_at(self, place.node, at, data)
        return True

    def insert(self, bytes pivot not None, bytes data not None, bint after=False):
        cdef Needle needle
        cdef Place place
        needle_of(pivot, &needle)
        if not list_seek(self, 0, &place):
            return False
        while not matches(place.at, &needle):
            if not list_next(&place):
                return False
        insert_at(self, place.node, entry_after(place.at) if after else place.at, data)
        return True

    def remove(self, bytes data not None, Py_ssize_t count=0):
        cdef Needle needle
        cdef Pack* pack
        cdef Py_ssize_t removed, most = LARGEST
        if self.body == NULL:
            return 0
        if count:
            most = count if count > 0 else LARGEST if count < -LARGEST else -count
        needle_of(data, &needle)
        if self.chained:
            removed = chain_purge(<Chain*> self.body, &needle, most, count < 0)
        else:
            pack = <Pack*> self.body
            removed = pack_purge(&pack, &needle, most, count < 0)
            self.body = pack
        if removed:
            settle(self)
        return removed

    def trim(self, Py_ssize_t start, Py_ssize_t stop):
        cdef Py_ssize_t length = list_len(self)
        start = max(start + length, 0) if start < 0 else start
        stop = stop + length if stop < 0 else min(stop, length - 1)
        if start > stop or start >= length:
            self.clear()
            return length
        list_drop(self, length - 1 - stop, False)
        list_drop(self, start, True)
        return start + length - 1 - stop

    def positions(self, bytes data not None, Py_ssize_t rank=1, Py_ssize_t count=0, Py_ssize_t longest=0):
        cdef Needle needle
        cdef Place place
        cdef bint backward = rank < 0
        cdef Py_ssize_t length = list_len(self)
        cdef Py_ssize_t index = length - 1 if backward else 0, seen = 0, skip = -rank if backward else rank
        cdef list found = []
        needle_of(data, &needle)
        if not list_seek(self, index, &place):
            return found
        while longest == 0 or seen < longest:
            seen += 1
            if matches(place.at, &needle):
                skip -= 1
                if skip <= 0:
                    found.append(index)
                    if count and len(found) == count:
                        break
            if not (list_previous(&place) if backward else list_next(&place)):
                break
            index += -1 if backward else 1
        return found

    def copy(self):
        cdef ListValue twin = ListValue()
        cdef Chain* chain
        cdef Node* node
        if not self.chained:
            if self.body != NULL:
                twin.body = pack_copy(<Pack*> self.body)
            return twin
        chain = <Chain*> self.body
        node = chain.first
        twin.body = pack_copy(node.pack)
        make_chain(twin)
        while node.after != NULL:
            node = node.after
            chain_insert(<Chain*> twin.body, (<Chain*> twin.body).last, pack_copy(node.pack))
        (<Chain*> twin.body).count = chain.count
        return twin

    def nodes(self):
        return (<Chain*> self.body).nodes if self.chained else <int> (self.body != NULL)

    def dump_nodes(self):
        cdef Node* node
        if self.body == NULL:
            return []
        if not self.chained:
            return [pack_dump(<Pack*> self.body)]
        node = (<Chain*> self.body).first
        dumps = []
        while node != NULL:
            dumps.append(pack_dump(node.pack))
            node = node.after
        return dumps

    def memory_usage(self, Py_ssize_t samples=0):
        cdef Node* node
        cdef Py_ssize_t total = 0, seen = 0
        if self.body == NULL:
            return OBJECT_BYTES
        if not self.chained:
            return OBJECT_BYTES + zsize(self.body)
        node = (<Chain*> self.body).first
        while node != NULL and (samples == 0 or seen < samples):
            total += zsize(node) + zsize(node.pack)
            seen += 1
            node = node.after
        return OBJECT_BYTES + zsize(self.body) + total * (<Chain*> self.body).nodes // seen
