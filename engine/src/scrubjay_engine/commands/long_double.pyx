# cython: language_level=3
"""C's `long double` for INCRBYFLOAT and HINCRBYFLOAT, read, added and printed by the C library itself.

Redis counts floats in `long double` and prints them with `%.17Lf`; on x86 that is a 64-bit mantissa, on other machines another one. Only the C type
gives the same digits as a Redis on the same machine (123456789.12345679 is printed as 123456789.12345679000281962).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport ERANGE, errno
from libc.stdio cimport snprintf
from libc.string cimport memchr

from scrubjay_engine.core.errors import NOT_FLOAT, CommandError

cdef extern from "<stdlib.h>":
    long double strtold(const char* text, char** end)

cdef extern from "<math.h>":
    bint isnan(long double number)
    bint isinf(long double number)

cdef enum:
    LONGEST = 5 * 1024      # of a text that is read or printed: the largest long double has 4933 digits before the point


cdef class LongDouble:
    """One number. `LongDouble.parse(text)`, `+`, `is_finite()`, `show()`."""

    cdef long double number

    @staticmethod
    def parse(bytes text not None):
        """Reads an argument as Redis' string2ld does: all of the text, no blank before it, no NaN. Raises "value is not a valid float"."""
        cdef LongDouble made = LongDouble.__new__(LongDouble)
        cdef const char* start = PyBytes_AS_STRING(text)
        cdef char* end = NULL
        cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
        if size == 0 or size >= LONGEST or start[0] == c' ' or 9 <= start[0] <= 13:
            raise NOT_FLOAT
        (&errno)[0] = 0
        made.number = strtold(start, &end)
        if end - start != size or isnan(made.number):
            raise NOT_FLOAT
        if errno == ERANGE and (isinf(made.number) or made.number == 0):
            raise NOT_FLOAT
        return made

    def __add__(LongDouble self, LongDouble other):
        cdef LongDouble made = LongDouble.__new__(LongDouble)
        made.number = self.number + other.number
        return made

    def is_finite(self) -> bool:
        """False for an infinity, and for the NaN that two of them can make."""
        return not isinf(self.number) and not isnan(self.number)

    def show(self) -> bytes:
        """Seventeen decimals at most, zeros at the end left out, no exponent. Raises Redis' error for infinity and NaN."""
        cdef char text[LONGEST]
        cdef Py_ssize_t size
        if not self.is_finite():
            raise CommandError("ERR increment would produce NaN or Infinity")
        size = snprintf(text, LONGEST, "%.17Lf", self.number)
        if memchr(text, c'.', size) != NULL:
            while text[size - 1] == c'0':
                size -= 1
            if text[size - 1] == c'.':
                size -= 1
        if size == 2 and text[0] == c'-' and text[1] == c'0':
            return b"0"
        return PyBytes_FromStringAndSize(text, size)
