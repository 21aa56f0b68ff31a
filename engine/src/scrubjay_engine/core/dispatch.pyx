"""From a parsed command to its reply: find it, check what must be checked, run it, count it, propagate it.

`execute` is what connections call for each command. The checks that need thought are behind two words of gate bits, the client's and the
engine's: while both are 0, nothing but the arity is looked at. The order of the checks is Redis' (processCommand in server.c), since clients see
which error comes first.
"""

import logging

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc

from scrubjay_engine.core.client cimport Client, HotHandler
from scrubjay_engine.core.command cimport *
from scrubjay_engine.core.engine cimport *
from scrubjay_engine.core.errors import (
    INTERNAL,
    LOADING,
    MASTERDOWN,
    NO_ROLE,
    NOAUTH,
    OOM,
    READONLY,
    CommandError,
    Redirection,
    unknown_subcommand,
)

log = logging.getLogger(__name__)

cdef object _CommandError = CommandError
cdef unsigned int ROUTINE_GATES = GATE_MONITORS


cdef list words(Arg* argv, int argc):
    cdef list args = []
    cdef int i
    for i in range(argc):
        args.append(PyBytes_FromStringAndSize(argv[i].data, argv[i].size))
    return args


cdef int execute(Client client, Arg* argv, int argc) except -1:
    """Runs one command of a client and leaves the reply in its output buffer. Errors become replies; nothing is raised but MemoryError."""
    cdef Engine engine = client.engine
    cdef Command command = engine.commands.find(argv[0].data, argv[0].size)
    cdef Command sub
    cdef list args = None
    if command is None:
        return reject_unknown(client, argv, argc)
    if command.subcommands is not None and argc > 1:
        sub = command.subcommand(argv[1].data, argv[1].size)
        if sub is not None:
            command = sub
        else:
            return reject(client, command, unknown_subcommand(command.name, argv[1].data[:argv[1].size]))
    if (command.arity > 0 and argc != command.arity) or argc < -command.arity:
        return reject(client, command, CommandError(f"ERR wrong number of arguments for '{command.name}' command"))
    if (client.gates | engine.gates) != 0:
        args = words(argv, argc)
        try:
            if not admitted(client, command, args):
                return 0
        except CommandError as error:
            return reject(client, command, error)
    if client.no_touch:
        engine.keyspace.touch = False
        try:
            return run(client, command, argv, argc, args)
        finally:
            engine.keyspace.touch = True
    return run(client, command, argv, argc, args)


cpdef int execute_list(Client client, list args) except -1:
    """As `execute`, for words held by Python (scripts, AOF, EXEC, inline commands)."""
    cdef int argc = <int>len(args)
    cdef Arg few[16]
    cdef Arg* argv = few
    cdef int i
    if argc == 0:
        return 0
    if argc > 16:
        argv = <Arg*>malloc(argc * sizeof(Arg))
        if argv == NULL:
            raise MemoryError
    try:
        for i in range(argc):
            argv[i].data = PyBytes_AS_STRING(args[i])
            argv[i].size = PyBytes_GET_SIZE(args[i])
        return execute(client, argv, argc)
    finally:
        if argv != few:
            free(argv)


def call(Client client, list args) -> bytes:
    """Runs a command on a detached client, through all checks; the RESP-encoded reply."""
    mark = client.output_mark()
    execute_list(client, args)
    reply = client.output_since(mark)
    client.output_cut(mark)
    return reply


def run_queued(Client client, Command command, list args) -> None:
    """Runs a command whose checks were made when it was queued (EXEC)."""
    cdef int argc = <int>len(args)
    cdef Arg* argv = <Arg*>malloc(argc * sizeof(Arg))
    cdef int i
    try:
        for i in range(argc):
            argv[i].data = PyBytes_AS_STRING(args[i])
            argv[i].size = PyBytes_GET_SIZE(args[i])
        run(client, command, argv, argc, args)
    finally:
        free(argv)


def find_command(Engine engine, list args):
    """The command or subcommand that these words would run, or None (unknown, or unknown subcommand)."""
    cdef Command command = engine.commands.by_name.get(args[0].lower())
    if command is not None and command.subcommands is not None and len(args) > 1:
        return command.subcommands.get(args[1].lower())
    return command


# -- refusing ----------------------------------------------------------------------------------------------------------

cdef int reject(Client client, Command command, error) except -1:
    """A command that was not run: the error is the reply, and a transaction being queued will be aborted."""
    error.__traceback__ = None
    command.rejected += 1
    if command.name == "exec":  # refused itself: there is nothing left to wait for
        client.engine.parts["give_up_transaction"](client)
        if isinstance(error, Redirection):
            client.add_error(error.text)
        else:
            client.add_error(b"EXECABORT Transaction discarded because of: " + error.text.removeprefix(b"ERR "))
        return 0
    if client.multi is not None:
        client.multi.abort()
    client.add_error(error.text)
    return 0


cdef int reject_unknown(Client client, Arg* argv, int argc) except -1:
    cdef list args = words(argv, min(argc, 128))
    cdef list shown = []
    cdef Py_ssize_t length = 0
    for arg in args[1:]:
        if length >= 128:
            break
        piece = b"'%s' " % arg[:128 - length]
        shown.append(piece)
        length += len(piece)
    if client.gates & CLIENT_UNAUTHENTICATED:
        text = NOAUTH.text
    else:
        text = b"ERR unknown command '%s', with args beginning with: %s" % (args[0][:128], b"".join(shown))
    if client.multi is not None:
        client.multi.abort()
    client.add_error(text)
    return 0


cdef bint admitted(Client client, Command command, list args) except -1:
    """Whether to run the command now. False: it was queued, held back or refused with a reply of its own. Raises CommandError to refuse."""
    cdef Engine engine = client.engine
    cdef unsigned int mine = client.gates
    cdef unsigned int gates = engine.gates
    cdef uint64_t flags = command.flags
    if mine & CLIENT_UNAUTHENTICATED and not flags & CMD_NO_AUTH:
        raise NOAUTH
    if mine & CLIENT_LIMITED and engine.check_acl is not None:
        engine.check_acl(client, command, args)
    if gates & GATE_CLUSTER and not mine & CLIENT_PRIMARY:
        engine.check_cluster(client, command, args)
    if gates & GATE_MAXMEMORY and not mine & CLIENT_PRIMARY and engine.depth == 0:
        if not engine.make_room() and refused_without_memory(client, command):
            raise OOM
    if gates & (GATE_DISK_ERROR | GATE_MIN_REPLICAS | GATE_LEASE) and not mine & CLIENT_PRIMARY:
        if gates & GATE_LEASE and not mine & CLIENT_DETACHED:
            engine.check_lease(client, command, args)
        if writes(client, command) and engine.check_replicas is not None:
            engine.check_replicas()
    if gates & GATE_REPLICA and not mine & CLIENT_PRIMARY and writes(client, command):
        raise READONLY
    if mine & CLIENT_SUBSCRIBED and client.protocol == 2 and command.name not in SUBSCRIBED_COMMANDS:
        raise CommandError(
            f"ERR Can't execute '{command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )
    if gates & GATE_STALE and not mine & CLIENT_PRIMARY and not bears(client, command, CMD_STALE):
        raise MASTERDOWN
    if gates & GATE_NO_ROLE and not flags & CMD_NO_ROLE and not mine & CLIENT_DETACHED:
        raise NO_ROLE
    if gates & GATE_LOADING and not bears(client, command, CMD_LOADING) and not mine & CLIENT_DETACHED:
        raise LOADING
    if gates & GATE_BUSY and not flags & CMD_ALLOW_BUSY:
        engine.check_busy(client, command, args)
    if gates & GATE_PAUSED and not mine & (CLIENT_PRIMARY | CLIENT_DETACHED):
        if engine.check_paused(client, command, args):
            return False
    if mine & CLIENT_MULTI and client.multi is not None and not flags & CMD_NO_QUEUE(command):
        client.multi.queue(client, command, args)
        return False
    return True


cdef bint bears(Client client, Command command, uint64_t flag):
    """Whether a command, for EXEC every command it would run, may run in a state that only commands with this flag bear."""
    if not command.flags & flag:
        return False
    return command.name != "exec" or client.multi is None or (client.multi.common_flags & flag) != 0


cdef uint64_t CMD_NO_QUEUE(Command command):
    """All flags for the commands that act on the transaction itself, so that they run at once; else none."""
    return <uint64_t>0xffffffffffffffff if command.name in TRANSACTION_COMMANDS else 0


TRANSACTION_COMMANDS = frozenset({"exec", "discard", "multi", "watch", "quit", "reset"})
SUBSCRIBED_COMMANDS = frozenset(
    {"ping", "subscribe", "ssubscribe", "unsubscribe", "sunsubscribe", "psubscribe", "punsubscribe", "quit", "reset"}
)


cdef bint writes(Client client, Command command):
    if command.name == "exec" and client.multi is not None:
        return client.multi.writes
    return (command.flags & CMD_WRITE) != 0


cdef bint refused_without_memory(Client client, Command command):
    if command.name == "exec" and client.multi is not None:
        return client.multi.denies_oom
    return (command.flags & CMD_DENYOOM) != 0


# -- running -----------------------------------------------------------------------------------------------------------

cdef int run(Client client, Command command, Arg* argv, int argc, list args) except -1:
    """Runs an admitted command: the handler, statistics, slow log, propagation, and then whoever waits for its keys."""
    cdef Engine engine = client.engine
    cdef uint64_t dirty = engine.keyspace.dirty
    cdef int64_t started = engine.clock_ns
    cdef Command outer = client.command
    cdef size_t mark = client.out_size
    cdef bint failed = False
    cdef uint64_t spent
    client.command = command
    client.rewritten = None
    client.not_propagated = False
    if engine.depth:
        started = engine.tick()
    else:
        engine.current = client
    engine.depth += 1
    try:
        if command.hot != NULL:
            (<HotHandler>command.hot)(client, argv, argc)
        else:
            if args is None:
                args = words(argv, argc)
            client.reply(command.handler(client, args))
    except _CommandError as error:
        error.__traceback__ = None
        client.add_error(error.text)
        failed = True
    except Exception:
        log.exception("command %s of client %s failed; this is a bug", command.name, client.id)
        engine.unexpected_errors += 1
        client.add_error(INTERNAL.text)
        failed = True
    finally:
        engine.depth -= 1
    spent = <uint64_t>(engine.tick() - started)
    if client.blocked is None:
        command.record(spent)
        if <int64_t>spent >= engine.slow_ns >= 0 or <int64_t>spent >= engine.latency_ns >= 0:
            note_slow(client, command, argv, argc, args, spent)
    else:
        # A command that waits is counted when its wait ends.
        client.blocked.args = args if args is not None else words(argv, argc)
        client.blocked.spent = spent
    if engine.gates & GATE_MONITORS and engine.on_monitor is not None and not command.flags & (CMD_SKIP_MONITOR | CMD_ADMIN):
        engine.on_monitor(client, args if args is not None else words(argv, argc))
    if failed:
        command.failed += 1
    engine.commands_run += 1
    client.commands_run += 1
    if client.gates & CLIENT_TRACKING and engine.on_tracking is not None:
        engine.on_tracking(client, command, args if args is not None else words(argv, argc))
    if engine.propagating and not client.not_propagated:
        propagate(client, command, argv, argc, engine.keyspace.dirty != dirty)
    if engine.depth == 0:
        if engine.effects:
            # What these two happen to find expired are events of their own, not one transaction.
            engine.effects_plain = command.name == "scan" or command.name == "randomkey"
            engine.flush_effects()
            engine.effects_plain = False
            if engine.hold_replies:
                client.owe(mark)
        if engine.keys_ready:
            engine.on_ready_keys()
    else:
        client.command = outer
    return 0


cdef int propagate(Client client, Command command, Arg* argv, int argc, bint changed) except -1:
    cdef Engine engine = client.engine
    if client.rewritten is not None:
        for db, args in client.rewritten:
            engine.add_effect(db, args)
        client.rewritten = None
    elif changed and command.flags & CMD_WRITE:
        engine.effects.append((client.db.id, encode_args(argv, argc)))
    return 0


cdef int note_slow(Client client, Command command, Arg* argv, int argc, list args, uint64_t spent) except -1:
    cdef Engine engine = client.engine
    if args is None:
        args = words(argv, argc)
    if <int64_t>spent >= engine.latency_ns >= 0 and engine.on_latency is not None and not command.flags & CMD_SKIP_SLOWLOG:
        engine.on_latency("fast-command" if command.flags & CMD_FAST else "command", spent // 1000000)
    if <int64_t>spent >= engine.slow_ns >= 0 and engine.on_slow is not None and not command.flags & CMD_SKIP_SLOWLOG:
        engine.on_slow(client, command, args, spent)
    return 0
