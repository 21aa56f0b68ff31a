"""memcached's meta protocol as 1.6.18 has it: mg, ms, md, ma, mn, me with every flag (doc/protocol.txt, "Meta Commands").

A command's flags are read once into `Flags`; then the reply is built word by word in the flags' order, as clients expect to find it. Some replies of
1.6.18 differ from later releases (a miss is `EN` with the opaque and key, `q` hides `HD` of a store but not `NF`): it is 1.6.18 that is followed.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from scrubjay_engine.core.entry cimport *
from scrubjay_engine.core.keyspace cimport StringView
from scrubjay_engine.protocol.memcached.base64 cimport decode_base64, encode_base64
from scrubjay_engine.protocol.memcached.items cimport *
from scrubjay_engine.protocol.memcached.session cimport Session, say, say_error
from scrubjay_engine.protocol.memcached.words cimport *

cdef enum:
    MOST_META_WORDS = 19
    LONGEST_OPAQUE = 32
    LONGEST_VALUE = 2147483645
    LONGEST_REPLY_LINE = 2048   # two opaques can't be, nor two keys: well below
    NO_REFRESH = -2             # R was not given

cdef const char* INVALID_FLAG = b"CLIENT_ERROR invalid flag\r\n"

cdef struct Flags:
    bint locked             # memcached looks the item up and counts the access afterwards
    bint no_update
    bint vivify
    bint value
    bint set_stale
    bint quiet
    bint has_cas
    bint new_ttl
    bint key_binary
    char mode
    int64_t expire_at       # of T, ms since 1970
    int64_t vivify_until    # of N
    int64_t refresh_before  # of R
    uint32_t client_flags
    uint64_t cas
    uint64_t delta
    uint64_t initial
    const char* key
    Py_ssize_t key_size
    char decoded[252]

cdef struct Line:
    char text[LONGEST_REPLY_LINE]
    Py_ssize_t size


cdef Py_ssize_t meta_command(Session session, Word* words, int count, const char* data, size_t used, size_t size) except -2:
    """Runs a command whose first word is m and another letter; as `text_command`."""
    cdef char letter = words[0].data[1]
    if letter == c's':
        return meta_set(session, words, count, data, used, size)
    if letter == c'n':
        session.write(b"MN\r\n", 4)
    elif letter == c'g':
        meta_get(session, words, count)
    elif letter == c'd':
        meta_delete(session, words, count)
    elif letter == c'a':
        meta_arithmetic(session, words, count)
    elif letter == c'e':
        meta_debug(session, words, count)
    else:
        session.write(b"ERROR\r\n", 7)
    return used


# -- flags -------------------------------------------------------------------------------------------------------------

cdef const char* read_flags(Session session, Word* words, int count, int first, Flags* flags) except? NULL:
    """Reads the flags from word `first` on. NULL, or the error line that says what is wrong with them."""
    cdef const char* wrong = NULL
    cdef const char* answer
    cdef bint seen[127]
    cdef unsigned char letter
    cdef int i
    for i in range(127):
        seen[i] = False
    flags.key = words[1].data
    flags.key_size = words[1].size
    for i in range(first, count):
        letter = <unsigned char>words[i].data[0]
        if letter >= 127 or seen[letter]:
            return b"CLIENT_ERROR duplicate flag\r\n"
        seen[letter] = True
        answer = read_flag(session.items, &words[i], letter, flags)
        if answer != NULL and (letter != c'F' or wrong == NULL):    # a wrong F has no words of its own
            wrong = answer
            if answer == INVALID_FLAG:      # nothing more is read
                return wrong
    return wrong


cdef const char* read_flag(Items items, Word* word, unsigned char letter, Flags* flags) noexcept:
    cdef const char* rest = word.data + 1
    cdef Py_ssize_t size = word.size - 1
    cdef int32_t seconds
    if letter == c'v':
        flags.value = True
    elif letter == c'q':
        flags.quiet = True
    elif letter == c'u':
        flags.no_update = True
    elif letter == c'I':
        flags.set_stale = True
    elif letter == c'l' or letter == c'h':
        flags.locked = True
    elif letter == c'N' or letter == c'T' or letter == c'R':
        flags.locked = True
        if letter == c'N':
            flags.vivify = True
        if not parse_i32(rest, size, &seconds):
            return b"CLIENT_ERROR bad token in command line format\r\n"
        if letter == c'N':
            flags.vivify_until = items.expiry(seconds)
        elif letter == c'R':
            flags.refresh_before = items.expiry(seconds)
        else:
            flags.expire_at = items.expiry(seconds)
            flags.new_ttl = True
    elif letter == c'F':
        if not parse_u32(rest, size, &flags.client_flags):
            return b"CLIENT_ERROR bad command line format\r\n"
    elif letter == c'C':
        if not parse_u64(rest, size, &flags.cas):
            return b"CLIENT_ERROR bad token in command line format\r\n"
        flags.has_cas = True
    elif letter == c'M':
        if word.size != 2:
            return b"CLIENT_ERROR incorrect length for M token\r\n"
        flags.mode = rest[0]
    elif letter == c'J':
        if not parse_u64(rest, size, &flags.initial):
            return b"CLIENT_ERROR invalid numeric initial value\r\n"
    elif letter == c'D':
        if not parse_u64(rest, size, &flags.delta):
            return b"CLIENT_ERROR invalid numeric delta value\r\n"
    elif letter == c'b':
        flags.key_size = decode_base64(flags.key, flags.key_size, flags.decoded)
        flags.key = flags.decoded
        flags.key_binary = True
        if flags.key_size == 0:
            return b"CLIENT_ERROR error decoding key\r\n"
    elif letter not in (c'O', c'P', c'L', c'k', c's', c't', c'c', c'f'):
        return INVALID_FLAG
    return NULL


cdef void no_flags(Flags* flags) noexcept:
    flags.locked = flags.no_update = flags.vivify = flags.value = flags.set_stale = flags.quiet = False
    flags.has_cas = flags.new_ttl = flags.key_binary = False
    flags.mode = 0
    flags.expire_at = flags.vivify_until = NEVER
    flags.refresh_before = NO_REFRESH
    flags.client_flags = 0
    flags.cas = flags.initial = 0
    flags.delta = 1


# -- building a line ---------------------------------------------------------------------------------------------------

cdef inline void add_text(Line* line, const char* text, Py_ssize_t size) noexcept:
    memcpy(line.text + line.size, text, size)
    line.size += size


cdef inline void add_letter(Line* line, char letter) noexcept:
    line.text[line.size] = c' '
    line.text[line.size + 1] = letter
    line.size += 2


cdef inline void add_number(Line* line, char letter, uint64_t number) noexcept:
    add_letter(line, letter)
    line.size += format_u64(line.text + line.size, number)


cdef inline bint add_opaque(Line* line, Word* word) noexcept:
    """False when it is too long."""
    if word.size > LONGEST_OPAQUE:
        return False
    line.text[line.size] = c' '
    line.size += 1
    add_text(line, word.data, word.size)
    return True


cdef void add_key(Line* line, const char* key, Py_ssize_t size, bint binary) noexcept:
    add_letter(line, c'k')
    if binary:
        line.size += encode_base64(key, size, line.text + line.size)
        add_letter(line, c'b')
    else:
        add_text(line, key, size)


cdef bint add_echoes(Line* line, Word* words, int count, int first, Flags* flags) noexcept:
    """The opaque and the key, in the order asked for; False when the opaque is too long."""
    cdef int i
    for i in range(first, count):
        if words[i].data[0] == c'O':
            if not add_opaque(line, &words[i]):
                return False
        elif words[i].data[0] == c'k':
            add_key(line, flags.key, flags.key_size, flags.key_binary)
    return True


cdef void add_ttl(Items items, Line* line, Entry entry) noexcept:
    """Seconds left, -1 for ever."""
    if entry_expires(entry):
        add_number(line, c't', <uint32_t>(entry_expire_at(entry) // 1000 - items.now()))
    else:
        add_text(line, b" t-1", 4)


cdef uint32_t idle_seconds(Items items, Entry entry) noexcept:
    """Since the last access; 0 where the access clock counts frequency (LFU)."""
    return 0 if items.space.lfu else (items.space.access_clock - entry_clock(entry)) & 0xffffff


# -- mg ----------------------------------------------------------------------------------------------------------------

cdef int meta_get(Session session, Word* words, int count) except -1:
    cdef Items items = session.items
    cdef Flags flags
    cdef const char* wrong
    cdef Entry entry
    cdef bint created = False
    if count < 2:
        return say(session, b"ERROR\r\n")
    if words[1].size > KEY_MAX:
        return say_error(session, b"CLIENT_ERROR bad command line format\r\n")
    if count > MOST_META_WORDS:
        return say_error(session, b"CLIENT_ERROR options flags are too long\r\n")
    no_flags(&flags)
    wrong = read_flags(session, words, count, 2, &flags)
    if wrong != NULL:
        return say_error(session, wrong)
    session.noreply = flags.quiet
    entry = items.find(flags.key, flags.key_size, not flags.locked and not flags.no_update)
    if entry != NULL and entry_form(entry) == OBJECT:
        entry = NULL
        flags.vivify = False
    if items.on_read is not None:
        items.on_read(session, PyBytes_FromStringAndSize(flags.key, flags.key_size), entry != NULL)
    if entry == NULL and flags.vivify:
        entry = vivify(items, &flags, b"", 0, NEVER)
        created = entry != NULL
    if entry == NULL:
        return meta_miss(session, words, count, &flags)
    return meta_hit(session, words, count, &flags, entry, created)


cdef Entry vivify(Items items, Flags* flags, const char* data, Py_ssize_t size, int64_t expire_at) except? NULL:
    """Makes an item for a key that is not there; NULL when there is no memory for it."""
    cdef Request request
    request.key = flags.key
    request.key_size = flags.key_size
    request.data = data
    request.size = size
    request.expire_at = expire_at
    request.cas = 0
    request.flags = 0
    request.state = 0
    request.mode = ADD
    request.may_be_stale = False
    items.cmd_set -= 1      # it is no set
    if items.store(&request) != STORED:
        return NULL
    return items.find(flags.key, flags.key_size, False)


cdef int meta_miss(Session session, Word* words, int count, Flags* flags) except -1:
    cdef Line line
    session.items.cmd_get += 1
    session.items.get_misses += 1
    session.items.space.misses += 1
    line.size = 0
    add_text(&line, b"EN", 2)
    if not add_echoes(&line, words, count, 2, flags):
        return say_error(session, b"CLIENT_ERROR opaque token too long\r\n")
    add_text(&line, b"\r\n", 2)
    return session.line(line.text, line.size)


cdef int meta_hit(Session session, Word* words, int count, Flags* flags, Entry entry, bint created) except -1:
    cdef Items items = session.items
    cdef Line line
    cdef StringView view
    cdef bint won = False
    cdef int state = 0
    cdef int i
    cdef char letter
    items.db.view(entry, &view)
    line.size = 0
    if flags.value:
        add_text(&line, b"VA ", 3)
        line.size += format_u64(line.text + line.size, view.size)
    else:
        add_text(&line, b"HD", 2)
    for i in range(2, count):
        letter = words[i].data[0]
        if letter == c'O':
            if not add_opaque(&line, &words[i]):
                return say_error(session, b"CLIENT_ERROR opaque token too long\r\n")
        elif letter == c'k':
            add_key(&line, flags.key, flags.key_size, entry_item_state(entry) & ITEM_KEY_BINARY)
        elif letter == c's':
            add_number(&line, c's', view.size)
        elif letter == c't':
            add_ttl(items, &line, entry)
        elif letter == c'c':
            entry = items.with_fields(entry, flags.key, flags.key_size)
            add_number(&line, c'c', entry_item_cas(entry))
        elif letter == c'f':
            add_number(&line, c'f', entry_item_flags(entry))
        elif letter == c'l':
            add_number(&line, c'l', idle_seconds(items, entry))
        elif letter == c'h':
            add_number(&line, c'h', 1 if entry_item_state(entry) & ITEM_FETCHED else 0)
        elif letter == c'T':
            entry = items.set_expiry(entry, flags.key, flags.key_size, flags.expire_at)
        elif letter == c'N' and created:
            entry = items.set_expiry(entry, flags.key, flags.key_size, flags.vivify_until)
            won = True
        elif letter == c'R':
            won = won or due(entry, flags, created)
    state = entry_item_state(entry)
    if state & ITEM_TOKEN_SENT:
        add_letter(&line, c'Z')
    if state & ITEM_STALE:
        add_letter(&line, c'X')
        won = won or not state & ITEM_TOKEN_SENT
    if won:
        add_letter(&line, c'W')
        entry = items.with_fields(entry, flags.key, flags.key_size)
        entry_store_state(entry, entry_item_state(entry) | ITEM_TOKEN_SENT)
    add_text(&line, b"\r\n", 2)
    session.write(line.text, line.size)
    if flags.value:
        items.db.view(entry, &view)
        session.write(view.data, view.size)
        session.write(b"\r\n", 2)
    if flags.locked and not flags.no_update:
        items.bump(entry)
    return count_hit(items, flags)


cdef bint due(Entry entry, Flags* flags, bint created) noexcept:
    """R: the first who comes when less than so many seconds are left is asked to renew the item."""
    return (
        not created and not entry_item_state(entry) & ITEM_TOKEN_SENT and entry_expires(entry)
        and entry_expire_at(entry) < flags.refresh_before
    )


cdef int count_hit(Items items, Flags* flags) except -1:
    if flags.new_ttl:
        items.cmd_touch += 1
        items.touch_hits += 1
    else:
        items.cmd_get += 1
        items.get_hits += 1
        items.space.hits += 1
    return 0


# -- ms ----------------------------------------------------------------------------------------------------------------

cdef Py_ssize_t meta_set(Session session, Word* words, int count, const char* data, size_t used, size_t size) except -2:
    """`ms key bytes flags*` and the value. Once the length is known, its value is thrown away after any error."""
    cdef Items items = session.items
    cdef Flags flags
    cdef Request request
    cdef int32_t length
    cdef const char* wrong
    cdef bint opaque_too_long = False
    cdef int i, outcome
    if count < 2:
        say(session, b"ERROR\r\n")
        return used
    if words[1].size > KEY_MAX or count == 2:
        say_error(session, b"CLIENT_ERROR bad command line format\r\n")
        return used
    if count > MOST_META_WORDS:
        say_error(session, b"CLIENT_ERROR options flags too long\r\n")
        return used
    if not parse_i32(words[2].data, words[2].size, &length) or length < 0 or length > LONGEST_VALUE:
        say_error(session, b"CLIENT_ERROR bad command line format\r\n")
        return used
    no_flags(&flags)
    wrong = read_flags(session, words, count, 3, &flags)
    if wrong == NULL:
        session.noreply = flags.quiet
        for i in range(3, count):
            opaque_too_long |= words[i].data[0] == c'O' and words[i].size > LONGEST_OPAQUE
        request.mode = set_mode(&flags)
        if request.mode < 0:
            wrong = b"CLIENT_ERROR invalid mode for ms M token\r\n"
        elif opaque_too_long:
            wrong = b"CLIENT_ERROR opaque token too long\r\n"
        elif not items.fits(flags.key_size, flags.client_flags, length):
            wrong = b"SERVER_ERROR object too large for cache\r\n"
            items.store_too_large += 1
            items.remove(flags.key, flags.key_size)
    if wrong != NULL:
        say_error(session, wrong)
        return session.refuse_value(used, <size_t>length + 2)
    if size - used < <size_t>length + 2:
        return session.await_value(used + <size_t>length + 2)
    request.key = flags.key
    request.key_size = flags.key_size
    request.data = data + used
    request.size = length
    request.expire_at = flags.expire_at
    request.cas = flags.cas
    request.flags = flags.client_flags
    request.state = ITEM_KEY_BINARY if flags.key_binary else 0
    request.may_be_stale = flags.set_stale and request.mode == CAS
    if request.data[length] != c'\r' or request.data[length + 1] != c'\n':
        items.cmd_set += 1
        say_error(session, b"CLIENT_ERROR bad data chunk\r\n")
    else:
        outcome = items.store(&request)
        meta_stored(session, words, count, &flags, outcome)
        if items.on_written is not None:
            items.on_written(session, PyBytes_FromStringAndSize(flags.key, flags.key_size), request.mode, outcome, length)
    return used + <size_t>length + 2


cdef int set_mode(Flags* flags) noexcept:
    """Which kind of store M asks for; a cas turns set and replace into a compare and swap. -1: no such mode."""
    if flags.mode == 0 or flags.mode == c'S':
        return CAS if flags.has_cas else SET
    if flags.mode == c'R':
        return CAS if flags.has_cas else REPLACE
    if flags.mode == c'E':
        return ADD
    if flags.mode == c'A':
        return APPEND
    return PREPEND if flags.mode == c'P' else -1


cdef int meta_stored(Session session, Word* words, int count, Flags* flags, int outcome) except -1:
    cdef Line line
    cdef int i
    line.size = 0
    if outcome == STORED:
        add_text(&line, b"HD", 2)
    elif outcome == EXISTS:
        add_text(&line, b"EX", 2)
    elif outcome == NOT_FOUND:
        add_text(&line, b"NF", 2)
    elif outcome == NOT_STORED:
        add_text(&line, b"NS", 2)
    else:
        return say_error(session, b"SERVER_ERROR out of memory storing object\r\n")
    if outcome != STORED:
        session.noreply = False
    for i in range(3, count):
        if words[i].data[0] == c'O':
            add_opaque(&line, &words[i])
        elif words[i].data[0] == c'k':
            add_key(&line, flags.key, flags.key_size, flags.key_binary)
        elif words[i].data[0] == c'c':
            add_number(&line, c'c', session.items.stored_cas if outcome == STORED else 0)
    add_text(&line, b"\r\n", 2)
    return session.line(line.text, line.size)


# -- md ----------------------------------------------------------------------------------------------------------------

cdef int meta_delete(Session session, Word* words, int count) except -1:
    cdef Items items = session.items
    cdef Flags flags
    cdef Line line
    cdef Entry entry
    cdef const char* code = b"HD"
    if not read_plain(session, words, count, &flags):
        return 0
    line.size = 2
    if not add_echoes(&line, words, count, 2, &flags):
        return say_error(session, b"CLIENT_ERROR opaque token too long\r\n")
    entry = items.find(flags.key, flags.key_size, False)
    if entry == NULL:
        items.delete_misses += 1
        code = b"NF"
    elif flags.has_cas and entry_item_cas(entry) != flags.cas:
        items.delete_misses += 1
        code = b"EX"
    elif flags.set_stale:
        if flags.new_ttl:
            entry = items.set_expiry(entry, flags.key, flags.key_size, flags.expire_at)
        entry = items.with_fields(entry, flags.key, flags.key_size)
        items.mark_stale(entry, flags.key, flags.key_size)
    else:
        items.delete_hits += 1
        items.remove(flags.key, flags.key_size)
    session.noreply = flags.quiet and code[0] == c'H'
    memcpy(line.text, code, 2)
    add_text(&line, b"\r\n", 2)
    return session.line(line.text, line.size)


cdef bint read_plain(Session session, Word* words, int count, Flags* flags) except -1:
    """What md and ma check alike; False after an error reply."""
    if count < 2:
        say(session, b"ERROR\r\n")
        return False
    if words[1].size > KEY_MAX:
        say(session, b"CLIENT_ERROR bad command line format\r\n")
        return False
    if count > MOST_META_WORDS:
        say(session, b"CLIENT_ERROR options flags too long\r\n")
        return False
    no_flags(flags)
    if read_flags(session, words, count, 2, flags) != NULL:
        say_error(session, b"CLIENT_ERROR invalid or duplicate flag\r\n")
        return False
    return True


# -- ma ----------------------------------------------------------------------------------------------------------------

cdef int meta_arithmetic(Session session, Word* words, int count) except -1:
    cdef Items items = session.items
    cdef Flags flags
    cdef Delta delta
    cdef Entry entry = NULL
    cdef bint created = False
    cdef int outcome
    if not read_plain(session, words, count, &flags):
        return 0
    if flags.mode not in (0, c'I', c'+', c'D', c'-'):
        return say_error(session, b"CLIENT_ERROR invalid mode for ma M token\r\n")
    delta.amount = flags.delta
    delta.cas = flags.cas
    delta.down = flags.mode == c'D' or flags.mode == c'-'
    outcome = items.add_delta(flags.key, flags.key_size, &delta)
    if outcome == NON_NUMERIC:
        return say_error(session, b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n")
    if outcome == NOT_FOUND and flags.vivify:
        delta.size = format_u64(delta.digits, flags.initial)
        entry = vivify(items, &flags, delta.digits, delta.size, NEVER)
        if entry == NULL:
            return say_error(session, b"SERVER_ERROR Out of memory allocating new item\r\n")
        created = True
    elif outcome == STORED:
        session.noreply = flags.quiet
        entry = items.find(flags.key, flags.key_size, False)
    elif outcome == NOT_FOUND and delta.down:
        items.decr_misses += 1
    elif outcome == NOT_FOUND:
        items.incr_misses += 1
    if entry == NULL:
        return no_number(session, words, count, &flags, outcome)
    return number_reply(session, words, count, &flags, &delta, entry, created)


cdef int no_number(Session session, Word* words, int count, Flags* flags, int outcome) except -1:
    cdef Line line
    line.size = 0
    add_text(&line, b"NF" if outcome == NOT_FOUND else b"EX", 2)
    if not add_echoes(&line, words, count, 2, flags):
        return say_error(session, b"CLIENT_ERROR opaque token too long\r\n")
    add_text(&line, b"\r\n", 2)
    return session.line(line.text, line.size)


cdef int number_reply(
    Session session, Word* words, int count, Flags* flags, Delta* delta, Entry entry, bint created
) except -1:
    cdef Items items = session.items
    cdef Line line
    cdef char letter
    cdef int i
    line.size = 0
    if flags.value:
        add_text(&line, b"VA ", 3)
        line.size += format_u64(line.text + line.size, delta.size)
    else:
        add_text(&line, b"HD", 2)
    for i in range(2, count):
        letter = words[i].data[0]
        if letter == c'c':
            add_number(&line, c'c', entry_item_cas(entry))
        elif letter == c't':
            add_ttl(items, &line, entry)
        elif letter == c'T':
            entry = items.set_expiry(entry, flags.key, flags.key_size, flags.expire_at)
        elif letter == c'N' and created:
            entry = items.set_expiry(entry, flags.key, flags.key_size, flags.vivify_until)
        elif letter == c'O':
            if not add_opaque(&line, &words[i]):
                return say_error(session, b"CLIENT_ERROR opaque token too long\r\n")
        elif letter == c'k':
            add_key(&line, flags.key, flags.key_size, flags.key_binary)
    if flags.value:
        add_text(&line, b"\r\n", 2)
        add_text(&line, delta.digits, delta.size)
    add_text(&line, b"\r\n", 2)
    return session.line(line.text, line.size)


# -- me ----------------------------------------------------------------------------------------------------------------

cdef int meta_debug(Session session, Word* words, int count) except -1:
    """`me key [b]`: an item's insides, for people. Class and size are the engine's own: every item is of class 1."""
    cdef Items items = session.items
    cdef Entry entry
    cdef char decoded[252]
    cdef const char* key
    cdef Py_ssize_t size
    if count < 2 or words[1].size > KEY_MAX:
        return say(session, b"CLIENT_ERROR bad command line format\r\n")
    key = words[1].data
    size = words[1].size
    if count >= 3 and words[2].size == 1 and words[2].data[0] == c'b':
        size = decode_base64(key, size, decoded)
        key = decoded
        if size == 0:
            return say(session, b"CLIENT_ERROR bad command line format\r\n")
    items.cmd_meta += 1
    entry = items.find(key, size, False)
    if entry == NULL:
        return say(session, b"EN\r\n")
    return describe(session, key, size, entry)


cdef int describe(Session session, const char* key, Py_ssize_t size, Entry entry) except -1:
    cdef Items items = session.items
    cdef Line line
    cdef bytes rest
    line.size = 0
    add_text(&line, b"ME ", 3)
    if entry_item_state(entry) & ITEM_KEY_BINARY:
        line.size += encode_base64(key, size, line.text + line.size)
    else:
        add_text(&line, key, size)
    rest = b" exp=%d la=%d cas=%d fetch=%s cls=1 size=%d\r\n" % (
        items.now() - entry_expire_at(entry) // 1000 if entry_expires(entry) else -1,
        idle_seconds(items, entry),
        entry_item_cas(entry),
        b"yes" if entry_item_state(entry) & ITEM_FETCHED else b"no",
        entry_size(entry),
    )
    session.line(line.text, line.size)
    return session.line(rest, len(rest))
