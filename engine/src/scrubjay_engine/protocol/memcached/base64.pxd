"""Base64 of keys in the meta protocol (RFC 4648), forgiving as memcached is: what is no letter of the alphabet is passed over."""

cdef enum:
    PADDING = 64
    NO_LETTER = 65


cdef inline unsigned char sextet(unsigned char c) noexcept nogil:
    """The six bits a letter stands for, PADDING, or NO_LETTER."""
    if c >= c'A' and c <= c'Z':
        return c - c'A'
    if c >= c'a' and c <= c'z':
        return c - c'a' + 26
    if c >= c'0' and c <= c'9':
        return c - c'0' + 52
    if c == c'+':
        return 62
    if c == c'/':
        return 63
    return PADDING if c == c'=' else NO_LETTER


cdef inline Py_ssize_t decode_base64(const char* text, Py_ssize_t size, char* out) noexcept nogil:
    """How many bytes, written to `out` (which may be as short as three quarters of the text); 0 when it is not base64."""
    cdef Py_ssize_t i, n = 0
    cdef int letters = 0, padding = 0
    cdef unsigned char bits
    cdef unsigned int group = 0
    cdef Py_ssize_t usable = 0
    for i in range(size):
        if sextet(<unsigned char>text[i]) != NO_LETTER:
            usable += 1
    if usable == 0 or usable % 4:
        return 0
    for i in range(size):
        bits = sextet(<unsigned char>text[i])
        if bits == NO_LETTER:
            continue
        if bits == PADDING:
            padding += 1
            bits = 0
        group = (group << 6) | bits
        letters += 1
        if letters == 4:
            out[n] = <char>(group >> 16)
            out[n + 1] = <char>(group >> 8)
            out[n + 2] = <char>group
            n += 3
            letters = 0
            group = 0
            if padding:
                return n - padding if padding <= 2 else 0
    return n


cdef inline Py_ssize_t encode_base64(const char* data, Py_ssize_t size, char* out) noexcept nogil:
    """How many letters, written to `out` (four thirds of the data and up to 4 more)."""
    cdef const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    cdef Py_ssize_t at = 0, n = 0
    cdef unsigned int group
    cdef Py_ssize_t left
    while at < size:
        left = size - at
        group = <unsigned int>(<unsigned char>data[at]) << 16
        if left > 1:
            group |= <unsigned int>(<unsigned char>data[at + 1]) << 8
        if left > 2:
            group |= <unsigned char>data[at + 2]
        out[n] = alphabet[group >> 18]
        out[n + 1] = alphabet[(group >> 12) & 63]
        out[n + 2] = alphabet[(group >> 6) & 63] if left > 1 else c'='
        out[n + 3] = alphabet[group & 63] if left > 2 else c'='
        n += 4
        at += 3
    return n
