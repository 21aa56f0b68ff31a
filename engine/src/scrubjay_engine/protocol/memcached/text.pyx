"""memcached's text protocol (doc/protocol.txt of 1.6.18): storage, retrieval, counting, touching, deleting; anything rarer goes to rare.py.

`text_command` takes one command from the start of the input, its value included. What is hot runs without a Python object.
Replies are memcached's to the byte, and so is the order in which things are found wrong, since that decides whether the value
that follows is thrown away or read as commands.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from scrubjay_engine.core.entry cimport Entry, entry_form, OBJECT
from scrubjay_engine.protocol.memcached.items cimport *
from scrubjay_engine.protocol.memcached.meta cimport meta_command
from scrubjay_engine.protocol.memcached.session cimport BROKEN, INCOMPLETE, Session, say
from scrubjay_engine.protocol.memcached.words cimport *

cdef enum:
    UNENDED_LINE = 2048     # more than this without a line end must be a get
    LONGEST_VALUE = 2147483645
    COUNT_GET = 0
    COUNT_HIT = 1
    COUNT_SET = 2
    COUNT_DELETE = 3

cdef bytes DISCOVERY_KEY = b"AmazonElastiCache:cluster"


cdef inline bint word_is(Word* word, const char* text, Py_ssize_t size) noexcept:
    return word.size == size and memcmp(word.data, text, size) == 0


cdef inline int bad_format(Session session) except -1:
    return say(session, b"CLIENT_ERROR bad command line format\r\n")


cdef inline int error(Session session) except -1:
    return say(session, b"ERROR\r\n")


cdef Py_ssize_t text_command(Session session, const char* data, size_t size) except -2:
    """Runs the command at the start of `data`: how many bytes it took, INCOMPLETE, or BROKEN when the connection must end."""
    cdef const char* end = <const char*>memchr(data, c'\n', size)
    cdef const char* zero
    cdef Py_ssize_t length, used
    if end == NULL:
        return unended(data, size)
    length = end - data
    used = length + 1
    if length > 1 and data[length - 1] == c'\r':
        length -= 1
    zero = <const char*>memchr(data, 0, length)
    if zero != NULL:
        length = zero - data
    session.noreply = False
    if length > 4 and memcmp(data, b"get ", 4) == 0:
        get_command(session, data + 4, length - 4, False, False, 0)
        return used
    return line_command(session, data, length, used, size)


cdef Py_ssize_t unended(const char* data, size_t size) except -2:
    """No line end yet: only a get of many keys may be long."""
    cdef size_t at = 0
    if size <= UNENDED_LINE:
        return INCOMPLETE
    while at < size and data[at] == c' ':
        at += 1
    if at > 100 or (memcmp(data + at, b"get ", 4) != 0 and memcmp(data + at, b"gets ", 5) != 0):
        return BROKEN
    return INCOMPLETE


cdef Py_ssize_t line_command(Session session, const char* data, Py_ssize_t length, Py_ssize_t used, size_t size) except -2:
    cdef Word words[MOST_WORDS + 1]
    cdef Py_ssize_t rest
    cdef int count = split_words(data, length, words, &rest)
    cdef int mode
    if count < 1 or words[0].size < 2:
        error(session)
        return used
    if words[0].data[0] == c'm' and words[0].size == 2:
        return meta_command(session, words, count, data, used, size)
    mode = storage_mode(&words[0])
    if mode >= 0:
        if count != 5 + (mode == CAS) and count != 6 + (mode == CAS):
            error(session)
            return used
        return storage_command(session, words, count, mode, data, used, size)
    if words[0].data[0] == c'g' or word_is(&words[0], b"bget", 4):
        retrieval_command(session, words, count, data, length)
    elif word_is(&words[0], b"incr", 4) or word_is(&words[0], b"decr", 4):
        delta_command(session, words, count)
    elif word_is(&words[0], b"delete", 6):
        delete_command(session, words, count)
    elif word_is(&words[0], b"touch", 5):
        touch_command(session, words, count)
    elif word_is(&words[0], b"quit", 4):
        session.closing = True
    elif words[count - 1].size >= 5 and memcmp(words[count - 1].data, b"HTTP/", 5) == 0 and is_unknown(&words[0]):
        return BROKEN
    else:
        rare_command(session, data, length)
    return used


cdef bint is_unknown(Word* word) noexcept:
    """Whether a first letter leads to no command's own check: such a line that ends in HTTP/x is a browser's, and is hung up on."""
    return memchr(b"acdigst", word.data[0], 7) == NULL


cdef int storage_mode(Word* word) noexcept:
    if word_is(word, b"set", 3):
        return SET
    if word_is(word, b"add", 3):
        return ADD
    if word_is(word, b"cas", 3):
        return CAS
    if word_is(word, b"replace", 7):
        return REPLACE
    if word_is(word, b"append", 6):
        return APPEND
    if word_is(word, b"prepend", 7):
        return PREPEND
    return -1


cdef int note_noreply(Session session, Word* words, int count) except -1:
    if word_is(&words[count - 1], b"noreply", 7):
        session.noreply = True
    return 0


# -- retrieval ---------------------------------------------------------------------------------------------------------

cdef int retrieval_command(Session session, Word* words, int count, const char* data, Py_ssize_t length) except -1:
    cdef Py_ssize_t at
    cdef int32_t exptime = 0
    cdef bint touching = words[0].size >= 3 and memcmp(words[0].data, b"gat", 3) == 0 and words[0].size <= 4
    if count < 2:
        return error(session)
    if touching:
        if words[0].size == 4 and words[0].data[3] != c's':
            return error(session)
        if not parse_i32(words[1].data, words[1].size, &exptime):
            return say(session, b"CLIENT_ERROR invalid exptime argument\r\n")
        at = words[1].data + words[1].size - data
        return get_command(session, data + at, length - at, words[0].size == 4, True, session.items.expiry(exptime))
    at = words[0].data + words[0].size - data
    if word_is(&words[0], b"get", 3) or word_is(&words[0], b"bget", 4):
        return get_command(session, data + at, length - at, False, False, 0)
    if word_is(&words[0], b"gets", 4):
        return get_command(session, data + at, length - at, True, False, 0)
    return error(session)


cdef int get_command(Session session, const char* keys, Py_ssize_t size, bint with_cas, bint touching, int64_t expire_at) except -1:
    """get, gets, gat, gats: a value for each key that is there. A key too long takes back what was answered before it."""
    cdef size_t mark = session.out_size
    cdef Py_ssize_t at = 0, start
    cdef bint any = False
    while True:
        while at < size and keys[at] == c' ':
            at += 1
        if at >= size:
            break
        start = at
        while at < size and keys[at] != c' ':
            at += 1
        if at - start > KEY_MAX:
            session.out_size = mark
            return bad_format(session)
        any = True
        get_one(session, keys + start, at - start, with_cas, touching, expire_at)
    if not any and not touching:
        return error(session)
    return say(session, b"END\r\n")


cdef inline int get_one(Session session, const char* key, Py_ssize_t size, bint with_cas, bint touching, int64_t expire_at) except -1:
    cdef Items items = session.items
    cdef Entry entry = items.find(key, size, True)
    if entry != NULL and entry_form(entry) == OBJECT:
        entry = NULL
    if items.prefixes is not None:
        items.count_prefix(key, size, COUNT_GET)
        if entry != NULL:
            items.count_prefix(key, size, COUNT_HIT)
    if items.on_read is not None:
        items.on_read(session, PyBytes_FromStringAndSize(key, size), entry != NULL)
    if touching:
        items.cmd_touch += 1
        if entry == NULL:
            items.touch_misses += 1
            return 0
        items.touch_hits += 1
        entry = items.set_expiry(entry, key, size, expire_at)
    else:
        items.cmd_get += 1
        if entry == NULL:
            items.get_misses += 1
            items.space.misses += 1
            if key[0] == c'A' and size == PyBytes_GET_SIZE(DISCOVERY_KEY) and memcmp(key, PyBytes_AS_STRING(DISCOVERY_KEY), size) == 0:
                session.respond(items.engine.parts["memcached"].discovery_value(with_cas))
            return 0
        items.get_hits += 1
        items.space.hits += 1
    if with_cas:
        entry = items.with_fields(entry, key, size)
    return session.value_reply(key, size, entry, with_cas)


# -- storage -----------------------------------------------------------------------------------------------------------

cdef Py_ssize_t storage_command(
    Session session, Word* words, int count, int mode, const char* data, size_t used, size_t size
) except -2:
    """`set key flags exptime bytes [cas] [noreply]` and the value."""
    cdef Items items = session.items
    cdef Request request
    cdef int32_t exptime, length
    cdef int outcome
    note_noreply(session, words, count)
    if words[1].size > KEY_MAX:
        bad_format(session)
        return used
    if not (parse_u32(words[2].data, words[2].size, &request.flags)
            and parse_i32(words[3].data, words[3].size, &exptime)
            and parse_i32(words[4].data, words[4].size, &length)):
        bad_format(session)
        return used
    request.cas = 0
    if mode == CAS and not parse_u64(words[5].data, words[5].size, &request.cas):
        bad_format(session)
        return used
    if length < 0 or length > LONGEST_VALUE:
        bad_format(session)
        return used
    if not items.fits(words[1].size, request.flags, length):
        say(session, b"SERVER_ERROR object too large for cache\r\n")
        items.store_too_large += 1
        if mode == SET:
            items.remove(words[1].data, words[1].size)
        return session.refuse_value(used, <size_t>length + 2)
    if size - used < <size_t>length + 2:
        return session.await_value(used + <size_t>length + 2)
    if items.prefixes is not None:
        items.count_prefix(words[1].data, words[1].size, COUNT_SET)
    request.key = words[1].data
    request.key_size = words[1].size
    request.data = data + used
    request.size = length
    request.expire_at = items.expiry(exptime)
    request.state = 0
    request.mode = mode
    request.may_be_stale = False
    if request.data[length] != c'\r' or request.data[length + 1] != c'\n':
        items.cmd_set += 1
        say(session, b"CLIENT_ERROR bad data chunk\r\n")
    else:
        outcome = items.store(&request)
        stored_reply(session, outcome)
        if items.on_written is not None:
            items.on_written(session, words[1].data[:words[1].size], mode, outcome, length)
    return used + <size_t>length + 2


cdef int stored_reply(Session session, int outcome) except -1:
    if outcome == STORED:
        return say(session, b"STORED\r\n")
    if outcome == EXISTS:
        return say(session, b"EXISTS\r\n")
    if outcome == NOT_FOUND:
        return say(session, b"NOT_FOUND\r\n")
    if outcome == NOT_STORED:
        return say(session, b"NOT_STORED\r\n")
    return say(session, b"SERVER_ERROR out of memory storing object\r\n")


# -- the rest ----------------------------------------------------------------------------------------------------------

cdef int delta_command(Session session, Word* words, int count) except -1:
    cdef Delta delta
    cdef int outcome
    if count != 3 and count != 4:
        return error(session)
    note_noreply(session, words, count)
    if words[1].size > KEY_MAX:
        return bad_format(session)
    if not parse_u64(words[2].data, words[2].size, &delta.amount):
        return say(session, b"CLIENT_ERROR invalid numeric delta argument\r\n")
    delta.cas = 0
    delta.down = words[0].data[0] == c'd'
    outcome = session.items.add_delta(words[1].data, words[1].size, &delta)
    if outcome == STORED:
        memcpy(delta.digits + delta.size, b"\r\n", 2)
        return session.line(delta.digits, delta.size + 2)
    if outcome == NOT_FOUND:
        if delta.down:
            session.items.decr_misses += 1
        else:
            session.items.incr_misses += 1
        return say(session, b"NOT_FOUND\r\n")
    return say(session, b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n")


cdef int delete_command(Session session, Word* words, int count) except -1:
    """`delete key [0] [noreply]`: the 0 is what is left of a time that memcached once knew."""
    cdef bint zero
    if count < 2 or count > 4:
        return error(session)
    if count > 2:
        zero = word_is(&words[2], b"0", 1)
        note_noreply(session, words, count)
        if not ((count == 3 and (zero or session.noreply)) or (count == 4 and zero and session.noreply)):
            return say(session, b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n")
    if words[1].size > KEY_MAX:
        return bad_format(session)
    if session.items.prefixes is not None:
        session.items.count_prefix(words[1].data, words[1].size, COUNT_DELETE)
    if session.items.delete(words[1].data, words[1].size, 0) == STORED:
        return say(session, b"DELETED\r\n")
    return say(session, b"NOT_FOUND\r\n")


cdef int touch_command(Session session, Word* words, int count) except -1:
    cdef Items items = session.items
    cdef Entry entry
    cdef int32_t exptime
    if count != 3 and count != 4:
        return error(session)
    note_noreply(session, words, count)
    if words[1].size > KEY_MAX:
        return bad_format(session)
    if not parse_i32(words[2].data, words[2].size, &exptime):
        return say(session, b"CLIENT_ERROR invalid exptime argument\r\n")
    items.cmd_touch += 1
    entry = items.find(words[1].data, words[1].size, True)
    if entry == NULL:
        items.touch_misses += 1
        return say(session, b"NOT_FOUND\r\n")
    items.touch_hits += 1
    items.set_expiry(entry, words[1].data, words[1].size, items.expiry(exptime))
    return say(session, b"TOUCHED\r\n")


cdef int rare_command(Session session, const char* data, Py_ssize_t length) except -1:
    """Everything else, in Python: statistics, settings, discovery."""
    session.items.engine.parts["memcached"].rare(session, PyBytes_FromStringAndSize(data, length).split(b" "))
    return 0
