# cython: language_level=3
"""Glob patterns as KEYS, SCAN, PSUBSCRIBE, ACL and CONFIG GET read them: * ? [abc] [^a] [a-z] and backslash.

Bounded: nested stars are tried from left to right without going back over an earlier star, so a hostile pattern costs O(n*m), not exponential time
(CVE-2022-36021, CVE-2024-31228).
"""


cdef bint in_class(const unsigned char* p, Py_ssize_t end, Py_ssize_t* at, unsigned char c, bint nocase) noexcept:
    """Matches `c` against the class that begins behind `[` at `at`, which is left on the closing bracket (or the last character)."""
    cdef bint negated = False, match = False
    cdef unsigned char low, high
    if at[0] < end and p[at[0]] == c'^':
        negated = True
        at[0] += 1
    while True:
        if at[0] >= end:
            at[0] = end - 1
            break
        if p[at[0]] == c'\\' and at[0] + 1 < end:
            at[0] += 1
            if p[at[0]] == c:
                match = True
        elif p[at[0]] == c']':
            break
        elif at[0] + 2 < end and p[at[0] + 1] == c'-':
            low, high = p[at[0]], p[at[0] + 2]
            if low > high:
                low, high = high, low
            if nocase:
                low, high, c = lower(low), lower(high), lower(c)
            at[0] += 2
            if low <= c <= high:
                match = True
        elif (lower(p[at[0]]) == lower(c)) if nocase else p[at[0]] == c:
            match = True
        at[0] += 1
    return not match if negated else match


cdef inline unsigned char lower(unsigned char c) noexcept:
    return c | 0x20 if 65 <= c <= 90 else c


cdef bint matches(const unsigned char* p, Py_ssize_t pn, const unsigned char* s, Py_ssize_t sn, bint nocase) noexcept:
    cdef Py_ssize_t i = 0, j = 0, star = -1, mark = 0, at
    cdef bint ok
    while j < sn:
        if i < pn and p[i] == c'*':
            star = i
            mark = j
            i += 1
            continue
        ok = False
        if i < pn:
            if p[i] == c'?':
                ok = True
                at = i
            elif p[i] == c'[':
                at = i + 1
                ok = in_class(p, pn, &at, s[j], nocase)
            else:
                at = i + 1 if p[i] == c'\\' and i + 1 < pn else i
                ok = lower(p[at]) == lower(s[j]) if nocase else p[at] == s[j]
        if ok:
            i = at + 1
            j += 1
        elif star >= 0:
            mark += 1
            j = mark
            i = star + 1
        else:
            return False
    while i < pn and p[i] == c'*':
        i += 1
    return i >= pn


def glob_matches(bytes pattern, bytes text, bint nocase=False) -> bool:
    """Whether the whole of `text` matches."""
    return matches(<const unsigned char*><const char*>pattern, len(pattern), <const unsigned char*><const char*>text, len(text), nocase)
