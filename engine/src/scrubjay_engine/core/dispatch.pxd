from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport Arg, Command

cdef int execute(Client client, Arg* argv, int argc) except -1
cdef int run(Client client, Command command, Arg* argv, int argc, list args) except -1
cpdef int execute_list(Client client, list args) except -1
