"""The order of a large sorted set: a B+ tree over blocks of (score, member), ordered by score, then by bytes.

The sorted set (sorted_set_value.pyx) owns the blocks and finds them by member in a table; this tree gives ranks and
ranges. Every question is "how many lie before this bound" (`ranks_bound`) or "which is number r" (`ranks_seek`), each
O(log n); from there on leaves are linked. A leaf holds 64 blocks with their scores beside them, so it costs about 16 bytes a
member when filled in order and 23 at random, where a skip list's node takes about 37.

Invariants. (1) Blocks are in order along the leaves, and no two are equal. (2) `scores[i]` and `entries[i]` of an inner
node are those of the first block below child i: never of a block that is gone. (3) `sizes[i]` is exact. (4) No node is
empty; the root of a tree with inner nodes has two children or more. (5) All leaves lie equally deep. A node less than a quarter full
joins a sibling wherever both fit into three quarters of one.
"""
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from scrubjay_engine.values.memory cimport zfree, zmalloc


cdef struct Path:
    Inner* nodes[DEPTH_ROOM]     # from the root down
    uint32_t slots[DEPTH_ROOM]   # the child taken in each


# -- searching ---------------------------------------------------------------------------------------------------------

cdef inline uint32_t count_before(const double* scores, void** entries, uint32_t count, const Bound* bound) noexcept nogil:
    """How many of the leading entries lie before the bound."""
    cdef uint32_t low = 0, high = count, middle
    cdef const char* data
    cdef Py_ssize_t size = 0
    cdef double score
    cdef bint before
    while low < high:
        middle = (low + high) >> 1
        score = scores[middle]
        # Only among equal scores (or without scores) do the members' bytes matter.
        if bound.kind == BOUND_SCORE or (bound.kind == BOUND_MEMBER and score != bound.score):
            before = score < bound.score or (bound.after and score == bound.score)
        else:
            data = block_member(entries[middle], &size)
            before = precedes(score, data, size, bound)
        if before:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline uint32_t child_for(const Inner* inner, const Bound* bound) noexcept nogil:
    """The child in which the bound lies: the last whose first block is before it."""
    cdef uint32_t before = count_before(inner.scores, <void**> inner.entries, inner.count, bound)
    return before - 1 if before else 0


cdef uint64_t ranks_bound(Ranks* ranks, const Bound* bound) noexcept nogil:
    """How many blocks lie before the bound."""
    cdef void* node = ranks.root
    cdef Inner* inner
    cdef uint64_t rank = 0
    cdef uint32_t slot, before
    cdef int level
    if node == NULL:
        return 0
    for level in range(ranks.height):
        inner = <Inner*> node
        slot = child_for(inner, bound)
        for before in range(slot):
            rank += inner.sizes[before]
        node = inner.children[slot]
    return rank + count_before((<Leaf*> node).scores, (<Leaf*> node).entries, (<Leaf*> node).count, bound)


cdef Leaf* ranks_seek(Ranks* ranks, uint64_t rank, uint32_t* index) noexcept nogil:
    """The leaf of block number `rank` and its index there; the rank must exist."""
    cdef void* node = ranks.root
    cdef Inner* inner
    cdef uint32_t slot
    cdef int level
    for level in range(ranks.height):
        inner = <Inner*> node
        slot = 0
        while rank >= inner.sizes[slot]:
            rank -= inner.sizes[slot]
            slot += 1
        node = inner.children[slot]
    index[0] = <uint32_t> rank
    return <Leaf*> node


cdef inline void bound_of(void* block, Bound* bound) noexcept nogil:
    bound.kind = BOUND_MEMBER
    bound.after = False
    bound.score = block_score(block)
    bound.data = block_member(block, &bound.size)


cdef inline Leaf* descend(Ranks* ranks, const Bound* bound, Path* path) noexcept nogil:
    cdef void* node = ranks.root
    cdef int level
    for level in range(ranks.height):
        path.nodes[level] = <Inner*> node
        path.slots[level] = child_for(<Inner*> node, bound)
        node = (<Inner*> node).children[path.slots[level]]
    return <Leaf*> node


cdef inline Leaf* find(Ranks* ranks, void* block, Path* path, uint32_t* at) noexcept nogil:
    """The leaf that holds a block, its index there, and the way to it; NULL if it is not in the tree."""
    cdef Bound bound
    cdef Leaf* leaf
    bound_of(block, &bound)
    bound.after = True  # a leaf that begins with the block is taken, not the one before it
    leaf = descend(ranks, &bound, path)
    bound.after = False
    at[0] = count_before(leaf.scores, leaf.entries, leaf.count, &bound)
    return leaf if at[0] < leaf.count and leaf.entries[at[0]] == block else NULL


cdef void renew_first(Path* path, int level, double score, void* block) noexcept nogil:
    """The first block below the child taken at `level` is now this one: tell all ancestors that name it."""
    while level >= 0:
        path.nodes[level].scores[path.slots[level]] = score
        path.nodes[level].entries[path.slots[level]] = block
        if path.slots[level]:
            return
        level -= 1


# -- inserting ---------------------------------------------------------------------------------------------------------

cdef inline void leaf_put(Leaf* leaf, uint32_t at, double score, void* block) noexcept nogil:
    memmove(&leaf.scores[at + 1], &leaf.scores[at], (leaf.count - at) * sizeof(double))
    memmove(&leaf.entries[at + 1], &leaf.entries[at], (leaf.count - at) * sizeof(void*))
    leaf.scores[at] = score
    leaf.entries[at] = block
    leaf.count += 1


cdef inline void leaf_copy(Leaf* to, uint32_t at, Leaf* source, uint32_t start, uint32_t count) noexcept nogil:
    memcpy(&to.scores[at], &source.scores[start], count * sizeof(double))
    memcpy(&to.entries[at], &source.entries[start], count * sizeof(void*))


cdef inline void inner_move(Inner* to, uint32_t at, Inner* source, uint32_t start, uint32_t count) noexcept nogil:
    memmove(&to.scores[at], &source.scores[start], count * sizeof(double))
    memmove(&to.entries[at], &source.entries[start], count * sizeof(void*))
    memmove(&to.children[at], &source.children[start], count * sizeof(void*))
    memmove(&to.sizes[at], &source.sizes[start], count * sizeof(uint64_t))


cdef Leaf* leaf_new(Ranks* ranks, Leaf* before) except NULL:
    """A new leaf linked behind `before` (NULL: the only one)."""
    cdef Leaf* leaf = <Leaf*> zmalloc(sizeof(Leaf))
    leaf.count = 0
    leaf.before = before
    leaf.after = before.after if before != NULL else NULL
    if before != NULL:
        before.after = leaf
    else:
        ranks.first = leaf
    if leaf.after != NULL:
        leaf.after.before = leaf
    else:
        ranks.last = leaf
    return leaf


cdef inline void inner_put(Inner* inner, uint32_t at, double score, void* block, void* child, uint64_t size) noexcept nogil:
    inner_move(inner, at + 1, inner, at, inner.count - at)
    inner.scores[at] = score
    inner.entries[at] = block
    inner.children[at] = child
    inner.sizes[at] = size
    inner.count += 1


cdef uint64_t size_of(const Inner* inner) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint32_t slot
    for slot in range(inner.count):
        total += inner.sizes[slot]
    return total


cdef int grow_root(Ranks* ranks, Path* path) except -1:
    """Put a new root with one child above the old one, and make it the top of the path."""
    cdef Inner* root = <Inner*> zmalloc(sizeof(Inner))
    cdef uint64_t size
    cdef int level
    root.count = 0
    if ranks.height:
        size = size_of(<Inner*> ranks.root)
        inner_put(root, 0, (<Inner*> ranks.root).scores[0], (<Inner*> ranks.root).entries[0], ranks.root, size)
    else:
        size = (<Leaf*> ranks.root).count
        inner_put(root, 0, (<Leaf*> ranks.root).scores[0], (<Leaf*> ranks.root).entries[0], ranks.root, size)
    for level in range(ranks.height, 0, -1):
        path.nodes[level] = path.nodes[level - 1]
        path.slots[level] = path.slots[level - 1]
    path.nodes[0] = root
    path.slots[0] = 0
    ranks.root = root
    ranks.height += 1
    return 0


cdef int make_room(Ranks* ranks, Path* path, int level) except -1:
    """Split the inner node at `level` of the path where it is full; the path then names the half that is concerned."""
    cdef Inner* inner = path.nodes[level]
    cdef Inner* parent
    cdef Inner* upper
    cdef uint32_t keep = INNER_ROOM // 2
    if inner.count < INNER_ROOM:
        return 0
    if level == 0:
        grow_root(ranks, path)
        level = 1
    else:
        # The parent may itself be split, and the tree grow above it: our level is counted from the bottom.
        level = ranks.height - level
        make_room(ranks, path, ranks.height - level - 1)
        level = ranks.height - level
    parent = path.nodes[level - 1]
    upper = <Inner*> zmalloc(sizeof(Inner))
    if path.slots[level] == inner.count - 1 and path.slots[level - 1] == parent.count - 1:
        keep = inner.count - 1  # growing at the end: leave the left one full
    upper.count = inner.count - keep
    inner_move(upper, 0, inner, keep, upper.count)
    inner.count = keep
    parent.sizes[path.slots[level - 1]] = size_of(inner)
    inner_put(parent, path.slots[level - 1] + 1, upper.scores[0], upper.entries[0], upper, size_of(upper))
    if path.slots[level] >= keep:
        path.slots[level] -= keep
        path.nodes[level] = upper
        path.slots[level - 1] += 1
    return 0


cdef Leaf* split_leaf(Ranks* ranks, Path* path, Leaf* leaf, uint32_t* at) except NULL:
    """Split a full leaf for an insertion at `at`; the half in which that now lies."""
    cdef Leaf* upper
    cdef Inner* parent
    cdef uint32_t slot
    cdef uint32_t keep = LEAF_ROOM // 2
    cdef void* block
    if ranks.height == 0:
        grow_root(ranks, path)
    else:
        make_room(ranks, path, ranks.height - 1)
    parent = path.nodes[ranks.height - 1]
    slot = path.slots[ranks.height - 1]
    upper = leaf_new(ranks, leaf)
    if at[0] == leaf.count and upper.after == NULL:
        keep = LEAF_ROOM - 1  # growing at the end: leave the left one full
    upper.count = leaf.count - keep
    leaf_copy(upper, 0, leaf, keep, upper.count)
    leaf.count = keep
    parent.sizes[slot] = keep
    block = upper.entries[0]
    inner_put(parent, slot + 1, upper.scores[0], block, upper, upper.count)
    if at[0] <= keep and at[0] != LEAF_ROOM:
        return leaf
    at[0] -= keep
    path.slots[ranks.height - 1] += 1
    return upper


cdef int ranks_insert(Ranks* ranks, void* block) except -1:
    """Put a block in its place; its score and member are in no other block."""
    cdef Path path
    cdef Bound bound
    cdef Leaf* leaf
    cdef uint32_t at
    cdef int level
    if ranks.root == NULL:
        leaf = leaf_new(ranks, NULL)
        leaf_put(leaf, 0, block_score(block), block)
        ranks.root = leaf
        ranks.height = 0
        return 0
    bound_of(block, &bound)
    leaf = descend(ranks, &bound, &path)
    at = count_before(leaf.scores, leaf.entries, leaf.count, &bound)
    if leaf.count == LEAF_ROOM:
        leaf = split_leaf(ranks, &path, leaf, &at)
    leaf_put(leaf, at, bound.score, block)
    for level in range(ranks.height):
        path.nodes[level].sizes[path.slots[level]] += 1
    if at == 0:
        renew_first(&path, ranks.height - 1, bound.score, block)
    return 0


# -- removing ----------------------------------------------------------------------------------------------------------

cdef void leaf_free(Ranks* ranks, Leaf* leaf) noexcept:
    if leaf.before != NULL:
        leaf.before.after = leaf.after
    else:
        ranks.first = leaf.after
    if leaf.after != NULL:
        leaf.after.before = leaf.before
    else:
        ranks.last = leaf.before
    zfree(leaf)


cdef void drop_child(Ranks* ranks, Path* path, int level, uint32_t slot) noexcept:
    """Take a child (already freed) out of the inner node at `level`."""
    cdef Inner* inner = path.nodes[level]
    inner_move(inner, slot, inner, slot + 1, inner.count - slot - 1)
    inner.count -= 1
    if inner.count == 0:
        # Only below another inner node: the root never loses its last child here.
        zfree(inner)
        drop_child(ranks, path, level - 1, path.slots[level - 1])
        return
    if slot == 0 and level:
        renew_first(path, level - 1, inner.scores[0], inner.entries[0])
    join_inner(ranks, path, level)


cdef void join_inner(Ranks* ranks, Path* path, int level) noexcept:
    """Join the inner node at `level` with a sibling where it has become small; take a root with one child away."""
    cdef Inner* inner = path.nodes[level]
    cdef Inner* parent
    cdef Inner* left
    cdef Inner* right
    cdef uint32_t slot
    if level == 0:
        while ranks.height and (<Inner*> ranks.root).count == 1:
            inner = <Inner*> ranks.root
            ranks.root = inner.children[0]
            ranks.height -= 1
            zfree(inner)
        return
    if inner.count >= INNER_ROOM // 4:
        return
    parent = path.nodes[level - 1]
    slot = path.slots[level - 1]
    if parent.count < 2:
        return
    if slot + 1 == parent.count:
        slot -= 1
    left = <Inner*> parent.children[slot]
    right = <Inner*> parent.children[slot + 1]
    if left.count + right.count > INNER_ROOM * 3 // 4:
        return
    inner_move(left, left.count, right, 0, right.count)
    left.count += right.count
    parent.sizes[slot] += parent.sizes[slot + 1]
    zfree(right)
    drop_child(ranks, path, level - 1, slot + 1)


cdef void join_leaf(Ranks* ranks, Path* path) noexcept:
    """Join the leaf of the path with a sibling under the same parent, if both together are small."""
    cdef Inner* parent = path.nodes[ranks.height - 1]
    cdef uint32_t slot = path.slots[ranks.height - 1]
    cdef Leaf* left
    cdef Leaf* right
    if parent.count < 2:
        return
    if slot + 1 == parent.count:
        slot -= 1
    left = <Leaf*> parent.children[slot]
    right = <Leaf*> parent.children[slot + 1]
    if left.count + right.count > LEAF_ROOM * 3 // 4:
        return
    leaf_copy(left, left.count, right, 0, right.count)
    left.count += right.count
    parent.sizes[slot] += parent.sizes[slot + 1]
    leaf_free(ranks, right)
    drop_child(ranks, path, ranks.height - 1, slot + 1)


cdef int ranks_remove(Ranks* ranks, void* block) noexcept:
    """Take a block out (the caller frees it); -1 if it is not here, which would be a defect of the caller."""
    cdef Path path
    cdef Leaf* leaf
    cdef uint32_t at
    if ranks.root == NULL:
        return -1
    leaf = find(ranks, block, &path, &at)
    return remove_from(ranks, &path, leaf, at) if leaf != NULL else -1


cdef int remove_from(Ranks* ranks, Path* path, Leaf* leaf, uint32_t at) noexcept:
    cdef int level
    leaf.count -= 1
    memmove(&leaf.scores[at], &leaf.scores[at + 1], (leaf.count - at) * sizeof(double))
    memmove(&leaf.entries[at], &leaf.entries[at + 1], (leaf.count - at) * sizeof(void*))
    for level in range(ranks.height):
        path.nodes[level].sizes[path.slots[level]] -= 1
    if leaf.count == 0:
        leaf_free(ranks, leaf)
        if ranks.height:
            drop_child(ranks, path, ranks.height - 1, path.slots[ranks.height - 1])
        else:
            ranks.root = NULL
        return 0
    if at == 0:
        renew_first(path, ranks.height - 1, leaf.scores[0], leaf.entries[0])
    if leaf.count < LEAF_ROOM // 4 and ranks.height:
        join_leaf(ranks, path)
    return 0


cdef bint ranks_move(Ranks* ranks, void* block, double score) noexcept:
    """Give a block another score where that leaves it between its neighbours in its leaf; False: nothing was done."""
    cdef Path path
    cdef Leaf* leaf
    cdef uint32_t at
    if ranks.root == NULL:
        return False
    leaf = find(ranks, block, &path, &at)
    if leaf == NULL or at == 0 or at + 1 >= leaf.count:
        return False
    if not leaf.scores[at - 1] < score < leaf.scores[at + 1]:
        return False
    leaf.scores[at] = score
    memcpy(block, &score, 8)
    return True


# -- all of it ---------------------------------------------------------------------------------------------------------

cdef void free_inner(Inner* inner, int height) noexcept:
    cdef uint32_t slot
    if height > 1:
        for slot in range(inner.count):
            free_inner(<Inner*> inner.children[slot], height - 1)
    zfree(inner)


cdef bint ranks_free_step(Ranks* ranks, Py_ssize_t* budget) noexcept:
    """Free blocks and nodes, up to `budget` blocks (counted down); True when nothing is left. Only to be gone on with."""
    cdef Leaf* leaf
    cdef uint32_t at
    if ranks.height:
        # The leaves are linked; what is above them is a thirtieth of the blocks, 1/64 of that in nodes.
        free_inner(<Inner*> ranks.root, ranks.height)
        ranks.height = 0
    ranks.root = NULL
    while ranks.first != NULL and budget[0] > 0:
        leaf = ranks.first
        for at in range(leaf.count):
            zfree(leaf.entries[at])
        budget[0] -= leaf.count
        leaf_free(ranks, leaf)
    return ranks.first == NULL


cdef Py_ssize_t inner_bytes(const Inner* inner, int height) noexcept nogil:
    cdef Py_ssize_t total = sizeof(Inner) + 8
    cdef uint32_t slot
    if height > 1:
        for slot in range(inner.count):
            total += inner_bytes(<const Inner*> inner.children[slot], height - 1)
    else:
        total += inner.count * <Py_ssize_t> (sizeof(Leaf) + 8)
    return total


cdef Py_ssize_t ranks_bytes(Ranks* ranks) noexcept nogil:
    """Bytes of the nodes (the blocks are the caller's)."""
    if ranks.root == NULL:
        return 0
    return inner_bytes(<Inner*> ranks.root, ranks.height) if ranks.height else <Py_ssize_t> sizeof(Leaf) + 8
