"""memcached's binary protocol (https://github.com/memcached/memcached/wiki/BinaryProtocolRevamped): every opcode of 1.6.18, quiet forms and SASL PLAIN.

A packet is a header of 24 bytes, extras, key and value. `binary_command` takes one from the start of the input. A quiet form answers only what its client could
not guess: errors, and for gets the hits. A packet that contradicts itself is answered and the connection ended, as memcached does.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, strlen

from scrubjay_engine.core.entry cimport *
from scrubjay_engine.core.keyspace cimport StringView
from scrubjay_engine.protocol.memcached.items cimport *
from scrubjay_engine.protocol.memcached.session cimport BROKEN, INCOMPLETE, Session

cdef enum:
    HEADER = 24
    REQUEST_MAGIC = 0x80
    RESPONSE_MAGIC = 0x81
    # opcodes
    OP_GET = 0x00
    OP_SET = 0x01
    OP_ADD = 0x02
    OP_REPLACE = 0x03
    OP_DELETE = 0x04
    OP_INCREMENT = 0x05
    OP_DECREMENT = 0x06
    OP_QUIT = 0x07
    OP_FLUSH = 0x08
    OP_GETQ = 0x09
    OP_NOOP = 0x0a
    OP_VERSION = 0x0b
    OP_GETK = 0x0c
    OP_GETKQ = 0x0d
    OP_APPEND = 0x0e
    OP_PREPEND = 0x0f
    OP_STAT = 0x10
    OP_SETQ = 0x11
    OP_PREPENDQ = 0x1a
    OP_TOUCH = 0x1c
    OP_GAT = 0x1d
    OP_GATQ = 0x1e
    OP_SASL_LIST = 0x20
    OP_SASL_AUTH = 0x21
    OP_SASL_STEP = 0x22
    OP_GATK = 0x23
    OP_GATKQ = 0x24
    # statuses
    SUCCESS = 0x00
    KEY_MISSING = 0x01
    KEY_EXISTS = 0x02
    VALUE_TOO_LARGE = 0x03
    INVALID_ARGUMENTS = 0x04
    ITEM_NOT_STORED = 0x05
    NOT_A_NUMBER = 0x06
    AUTH_ERROR = 0x20
    UNKNOWN_COMMAND = 0x81
    OUT_OF_MEMORY = 0x82
    NO_CREATE = 0xffffffff
    LONGEST_MECHANISM = 32
    COUNT_GET = 0
    COUNT_HIT = 1
    COUNT_SET = 2
    COUNT_DELETE = 3

cdef struct Packet:
    uint8_t opcode          # as sent
    uint8_t op              # the loud form of it
    bint quiet
    uint8_t extras_size
    uint16_t key_size
    uint32_t body
    uint64_t cas
    const char* opaque      # four bytes
    const char* extras
    const char* key
    const char* value
    Py_ssize_t value_size


cdef inline uint32_t read_u32(const char* at) noexcept nogil:
    return ((<uint32_t>(<uint8_t>at[0]) << 24) | (<uint32_t>(<uint8_t>at[1]) << 16)
            | (<uint32_t>(<uint8_t>at[2]) << 8) | <uint8_t>at[3])


cdef inline uint64_t read_u64(const char* at) noexcept nogil:
    return (<uint64_t>read_u32(at) << 32) | read_u32(at + 4)


cdef inline void write_u32(char* at, uint32_t number) noexcept nogil:
    at[0] = <char>(number >> 24)
    at[1] = <char>(number >> 16)
    at[2] = <char>(number >> 8)
    at[3] = <char>number


cdef inline void write_u64(char* at, uint64_t number) noexcept nogil:
    write_u32(at, <uint32_t>(number >> 32))
    write_u32(at + 4, <uint32_t>number)


cdef Py_ssize_t binary_command(Session session, const char* data, size_t size) except -2:
    """Runs the packet at the start of `data`: how many bytes it took, INCOMPLETE, or BROKEN when the connection must end."""
    cdef Packet packet
    cdef size_t head
    if size < HEADER:
        return INCOMPLETE
    if <uint8_t>data[0] != REQUEST_MAGIC:
        return BROKEN
    packet.opcode = packet.op = <uint8_t>data[1]
    packet.key_size = <uint16_t>((<uint8_t>data[2] << 8) | <uint8_t>data[3])
    packet.extras_size = <uint8_t>data[4]
    packet.body = read_u32(data + 8)
    packet.opaque = data + 12
    packet.cas = read_u64(data + 16)
    packet.extras = data + HEADER
    packet.key = packet.extras + packet.extras_size
    packet.value = packet.key + packet.key_size
    packet.value_size = <Py_ssize_t>packet.body - packet.extras_size - packet.key_size
    head = HEADER + packet.extras_size + packet.key_size
    if size < head:
        return INCOMPLETE
    if packet.value_size < 0:
        refuse(session, &packet, UNKNOWN_COMMAND)
        return BROKEN
    if session.check_login is not None and not session.authenticated and not before_login(&packet):
        refuse(session, &packet, AUTH_ERROR)
        return BROKEN
    make_loud(&packet)
    if packet.key_size > KEY_MAX or not well_formed(&packet):
        refuse(session, &packet, INVALID_ARGUMENTS)
        return BROKEN
    return run_packet(session, &packet, head, size)


cdef bint before_login(Packet* packet) noexcept:
    return packet.opcode in (OP_SASL_LIST, OP_SASL_AUTH, OP_SASL_STEP, OP_VERSION)


cdef void make_loud(Packet* packet) noexcept:
    """Finds out whether the opcode is a quiet form, and of what."""
    cdef uint8_t op = packet.opcode
    packet.quiet = True
    if op == OP_GETQ:
        packet.op = OP_GET
    elif op == OP_GETKQ:
        packet.op = OP_GETK
    elif op == OP_GATQ:
        packet.op = OP_GAT
    elif op == OP_GATKQ:
        packet.op = OP_GATK
    elif OP_SETQ <= op <= OP_SETQ + 7:              # set, add, replace, delete, increment, decrement, quit, flush
        packet.op = op - OP_SETQ + OP_SET
    elif op == OP_PREPENDQ - 1 or op == OP_PREPENDQ:
        packet.op = op - OP_PREPENDQ + OP_PREPEND
    else:
        packet.quiet = False


cdef bint well_formed(Packet* packet) noexcept:
    """Whether the lengths are those the opcode has; unknown opcodes are somebody else's business."""
    cdef uint8_t op = packet.op
    cdef bint bare = packet.extras_size == 0 and packet.body == 0
    if op in (OP_VERSION, OP_NOOP, OP_QUIT, OP_SASL_LIST):
        return bare
    if op == OP_FLUSH:
        return packet.key_size == 0 and packet.value_size == 0 and packet.extras_size in (0, 4)
    if op in (OP_SET, OP_ADD, OP_REPLACE):
        return packet.extras_size == 8 and packet.key_size != 0
    if op in (OP_GET, OP_GETK, OP_DELETE):
        return packet.extras_size == 0 and packet.key_size != 0 and packet.value_size == 0
    if op in (OP_INCREMENT, OP_DECREMENT):
        return packet.extras_size == 20 and packet.key_size != 0 and packet.value_size == 0
    if op in (OP_APPEND, OP_PREPEND, OP_SASL_AUTH, OP_SASL_STEP):
        return packet.extras_size == 0 and packet.key_size != 0
    if op in (OP_TOUCH, OP_GAT, OP_GATK):
        return packet.extras_size == 4 and packet.key_size != 0
    return op != OP_STAT or packet.extras_size == 0


cdef Py_ssize_t run_packet(Session session, Packet* packet, size_t head, size_t size) except -2:
    cdef uint8_t op = packet.op
    cdef size_t whole = HEADER + packet.body
    if op in (OP_SET, OP_ADD, OP_REPLACE, OP_APPEND, OP_PREPEND):
        return store_packet(session, packet, head, size)
    if op == OP_SASL_AUTH or op == OP_SASL_STEP:
        return login_packet(session, packet, head, size)
    if size < whole:
        if not is_known(op):
            refuse(session, packet, UNKNOWN_COMMAND)
            return session.refuse_value(head, packet.value_size)
        return session.await_value(whole)
    if op in (OP_GET, OP_GETK, OP_TOUCH, OP_GAT, OP_GATK):
        fetch_packet(session, packet)
    elif op == OP_DELETE:
        delete_packet(session, packet)
    elif op == OP_INCREMENT or op == OP_DECREMENT:
        delta_packet(session, packet)
    elif op == OP_NOOP:
        answer(session, packet, 0, NULL, 0)
    elif op == OP_STAT:
        stat_packet(session, packet)
    elif op == OP_VERSION:
        text_answer(session, packet, session.items.engine.parts["memcached"].version)
    elif op == OP_FLUSH:
        flush_packet(session, packet)
    elif op == OP_QUIT:
        answer(session, packet, 0, NULL, 0)
        session.closing = True
    elif op == OP_SASL_LIST and session.check_login is not None:
        text_answer(session, packet, b"PLAIN")
    else:
        refuse(session, packet, UNKNOWN_COMMAND)
    return <Py_ssize_t>whole


cdef bint is_known(uint8_t op) noexcept:
    return op <= OP_STAT or op in (OP_TOUCH, OP_GAT, OP_GATK, OP_SASL_LIST)


# -- responses ---------------------------------------------------------------------------------------------------------

cdef char* begin(
    Session session, Packet* packet, int status, int extras_size, Py_ssize_t key_size, Py_ssize_t body, uint64_t cas
) except NULL:
    """Writes a response's header and returns where its `body` bytes belong; they are counted as written."""
    cdef char* at
    if session.out_size + HEADER + body > session.out_capacity:
        session.reserve(HEADER + body)
    at = session.out + session.out_size
    at[0] = <char>RESPONSE_MAGIC
    at[1] = <char>packet.opcode
    at[2] = <char>(key_size >> 8)
    at[3] = <char>key_size
    at[4] = <char>extras_size
    at[5] = 0
    at[6] = <char>(status >> 8)
    at[7] = <char>status
    write_u32(at + 8, <uint32_t>body)
    memcpy(at + 12, packet.opaque, 4)
    write_u64(at + 16, cas)
    session.out_size += HEADER + body
    if not session.in_pending:
        session.changed_output()
    return at + HEADER


cdef int answer(Session session, Packet* packet, uint64_t cas, const char* value, Py_ssize_t size) except -1:
    """Success, unless nobody wants to hear of it."""
    cdef char* at
    if packet.quiet:
        return 0
    at = begin(session, packet, SUCCESS, 0, 0, size, cas)
    memcpy(at, value, size)
    return 0


cdef int text_answer(Session session, Packet* packet, bytes text) except -1:
    return answer(session, packet, 0, text, len(text))


cdef int refuse(Session session, Packet* packet, int status) except -1:
    """An error, with the text that memcached has for it."""
    cdef const char* text
    cdef Py_ssize_t size
    if status == UNKNOWN_COMMAND:
        text = b"Unknown command"
    elif status == KEY_MISSING:
        text = b"Not found"
    elif status == INVALID_ARGUMENTS:
        text = b"Invalid arguments"
    elif status == KEY_EXISTS:
        text = b"Data exists for key."
    elif status == VALUE_TOO_LARGE:
        text = b"Too large."
    elif status == NOT_A_NUMBER:
        text = b"Non-numeric server-side value for incr or decr"
    elif status == ITEM_NOT_STORED:
        text = b"Not stored."
    elif status == AUTH_ERROR:
        text = b"Auth failure."
    else:
        text = b"Out of memory allocating item"
    size = strlen(text)
    memcpy(begin(session, packet, status, 0, 0, size, 0), text, size)
    return 0


# -- commands ----------------------------------------------------------------------------------------------------------

cdef Py_ssize_t store_packet(Session session, Packet* packet, size_t head, size_t size) except -2:
    """set, add, replace, append, prepend."""
    cdef Items items = session.items
    cdef Request request
    cdef int outcome
    cdef bint joins = packet.op == OP_APPEND or packet.op == OP_PREPEND
    request.flags = 0 if joins else read_u32(packet.extras)
    request.expire_at = NEVER if joins else items.expiry(read_u32(packet.extras + 4))
    if not items.fits(packet.key_size, request.flags, packet.value_size):
        refuse(session, packet, VALUE_TOO_LARGE)
        if packet.op == OP_SET:
            items.remove(packet.key, packet.key_size)
        return session.refuse_value(head, packet.value_size)
    if size < head + packet.value_size:
        return session.await_value(head + packet.value_size)
    if items.prefixes is not None:
        items.count_prefix(packet.key, packet.key_size, COUNT_SET)
    request.key = packet.key
    request.key_size = packet.key_size
    request.data = packet.value
    request.size = packet.value_size
    request.cas = packet.cas
    request.state = 0
    request.may_be_stale = False
    request.mode = store_mode(packet)
    outcome = items.store(&request)
    stored(session, packet, request.mode, outcome)
    if items.on_written is not None:
        items.on_written(session, PyBytes_FromStringAndSize(packet.key, packet.key_size), request.mode, outcome, packet.value_size)
    return <Py_ssize_t>head + packet.value_size


cdef int store_mode(Packet* packet) noexcept:
    if packet.op == OP_APPEND:
        return APPEND
    if packet.op == OP_PREPEND:
        return PREPEND
    if packet.cas != 0:
        return CAS
    if packet.op == OP_ADD:
        return ADD
    return SET if packet.op == OP_SET else REPLACE


cdef int stored(Session session, Packet* packet, int mode, int outcome) except -1:
    if outcome == STORED:
        return answer(session, packet, session.items.stored_cas, NULL, 0)
    if outcome == EXISTS:
        return refuse(session, packet, KEY_EXISTS)
    if outcome == NOT_FOUND:
        return refuse(session, packet, KEY_MISSING)
    if outcome == NO_MEMORY:
        return refuse(session, packet, OUT_OF_MEMORY)
    if mode == ADD:
        return refuse(session, packet, KEY_EXISTS)
    return refuse(session, packet, KEY_MISSING if mode == REPLACE else ITEM_NOT_STORED)


cdef int fetch_packet(Session session, Packet* packet) except -1:
    """get, getk, touch, gat, gatk."""
    cdef Items items = session.items
    cdef bint touching = packet.op not in (OP_GET, OP_GETK)
    cdef bint with_key = packet.op == OP_GETK or packet.op == OP_GATK
    cdef Entry entry = items.find(packet.key, packet.key_size, True)
    if entry != NULL and entry_form(entry) == OBJECT:
        entry = NULL
    if items.on_read is not None:
        items.on_read(session, PyBytes_FromStringAndSize(packet.key, packet.key_size), entry != NULL)
    if items.prefixes is not None:
        items.count_prefix(packet.key, packet.key_size, COUNT_GET)
        if entry != NULL:
            items.count_prefix(packet.key, packet.key_size, COUNT_HIT)
    count_fetch(items, touching, entry != NULL)
    if entry == NULL:
        if packet.quiet:
            return 0
        if not with_key:
            return refuse(session, packet, KEY_MISSING)
        memcpy(begin(session, packet, KEY_MISSING, 0, packet.key_size, packet.key_size, 0), packet.key, packet.key_size)
        return 0
    if touching:
        entry = items.set_expiry(entry, packet.key, packet.key_size, items.expiry(read_u32(packet.extras)))
    entry = items.with_fields(entry, packet.key, packet.key_size)
    return fetched(session, packet, entry, with_key)


cdef int fetched(Session session, Packet* packet, Entry entry, bint with_key) except -1:
    """Flags, the key when asked for, and the value but for a touch. gat's quiet forms answer hits as get's do."""
    cdef StringView view
    cdef char* at
    cdef Py_ssize_t key_size = packet.key_size if with_key else 0
    cdef Py_ssize_t size
    session.items.db.view(entry, &view)
    size = 0 if packet.op == OP_TOUCH else view.size
    at = begin(session, packet, SUCCESS, 4, key_size, 4 + key_size + size, entry_item_cas(entry))
    write_u32(at, entry_item_flags(entry))
    memcpy(at + 4, packet.key, key_size)
    memcpy(at + 4 + key_size, view.data, size)
    return 0


cdef int count_fetch(Items items, bint touching, bint found) except -1:
    if touching:
        items.cmd_touch += 1
        items.touch_hits += found
        items.touch_misses += not found
    else:
        items.cmd_get += 1
        items.get_hits += found
        items.get_misses += not found
        items.space.hits += found
        items.space.misses += not found
    return 0


cdef int delete_packet(Session session, Packet* packet) except -1:
    cdef int outcome
    if session.items.prefixes is not None:
        session.items.count_prefix(packet.key, packet.key_size, COUNT_DELETE)
    outcome = session.items.delete(packet.key, packet.key_size, packet.cas)
    if outcome == STORED:
        return answer(session, packet, 0, NULL, 0)
    return refuse(session, packet, KEY_EXISTS if outcome == EXISTS else KEY_MISSING)


cdef int delta_packet(Session session, Packet* packet) except -1:
    """increment and decrement: amount, initial value, expiry of a new item (all ones: do not make one)."""
    cdef Items items = session.items
    cdef Delta delta
    cdef uint32_t exptime = read_u32(packet.extras + 16)
    cdef int outcome
    cdef char number[8]
    delta.amount = read_u64(packet.extras)
    delta.cas = packet.cas
    delta.down = packet.op == OP_DECREMENT
    outcome = items.add_delta(packet.key, packet.key_size, &delta)
    if outcome == NON_NUMERIC:
        return refuse(session, packet, NOT_A_NUMBER)
    if outcome == CHANGED:
        return refuse(session, packet, KEY_EXISTS)
    if outcome == NOT_FOUND:
        if exptime == <uint32_t>NO_CREATE:
            if delta.down:
                items.decr_misses += 1
            else:
                items.incr_misses += 1
            return refuse(session, packet, KEY_MISSING)
        delta.value = read_u64(packet.extras + 8)
        if new_number(items, packet, &delta, items.expiry(exptime)) != STORED:
            return refuse(session, packet, OUT_OF_MEMORY)
    write_u64(number, delta.value)
    return answer(session, packet, delta.cas, number, 8)


cdef int new_number(Items items, Packet* packet, Delta* delta, int64_t expire_at) except -1:
    cdef Request request
    cdef bytes digits = b"%d" % delta.value
    cdef int outcome
    request.key = packet.key
    request.key_size = packet.key_size
    request.data = digits
    request.size = len(digits)
    request.expire_at = expire_at
    request.cas = 0
    request.flags = 0
    request.state = 0
    request.mode = ADD
    request.may_be_stale = False
    items.cmd_set -= 1      # it is no set
    outcome = items.store(&request)
    delta.cas = items.stored_cas
    return outcome


cdef int flush_packet(Session session, Packet* packet) except -1:
    cdef Items items = session.items
    if not items.flush_enabled:
        return refuse(session, packet, AUTH_ERROR)
    items.cmd_flush += 1
    items.flush_later(read_u32(packet.extras) if packet.extras_size else 0)
    return answer(session, packet, 0, NULL, 0)


cdef int stat_packet(Session session, Packet* packet) except -1:
    """A response for each statistic, and an empty one to end them."""
    cdef bytes key = PyBytes_FromStringAndSize(packet.key, packet.key_size)
    cdef bytes name, value
    cdef char* at
    cdef object rows = session.items.engine.parts["memcached"].binary_statistics(session, key)
    if rows is None:
        return refuse(session, packet, KEY_MISSING)
    for name, value in rows:
        at = begin(session, packet, SUCCESS, 0, len(name), len(name) + len(value), 0)
        memcpy(at, <const char*>name, len(name))
        memcpy(at + len(name), <const char*>value, len(value))
    begin(session, packet, SUCCESS, 0, 0, 0, 0)
    return 0


cdef Py_ssize_t login_packet(Session session, Packet* packet, size_t head, size_t size) except -2:
    """SASL PLAIN (RFC 4616): identity, user and password with zero bytes between them. It takes one step."""
    cdef bytes mechanism, data
    cdef Items items = session.items
    if session.check_login is None:
        refuse(session, packet, UNKNOWN_COMMAND)
        return session.refuse_value(head, packet.value_size)
    if packet.key_size > LONGEST_MECHANISM:
        refuse(session, packet, INVALID_ARGUMENTS)
        return session.refuse_value(head, packet.value_size)
    if not items.fits(packet.key_size, 0, packet.value_size):
        refuse(session, packet, OUT_OF_MEMORY)
        return session.refuse_value(head, packet.value_size)
    if size < head + packet.value_size:
        return session.await_value(head + packet.value_size)
    mechanism = PyBytes_FromStringAndSize(packet.key, packet.key_size)
    data = PyBytes_FromStringAndSize(packet.value, packet.value_size)
    words = data.split(b"\0")
    items.auth_cmds += 1
    if packet.op == OP_SASL_AUTH and mechanism == b"PLAIN" and len(words) == 3 and session.check_login(words[1], words[2]):
        session.authenticated = True
        text_answer(session, packet, b"Authenticated")
    else:
        items.auth_errors += 1
        refuse(session, packet, AUTH_ERROR)
    return <Py_ssize_t>head + packet.value_size
