"""One script in execution: the checks before it starts, those before each of its commands, and how it is interrupted.

`ScriptRun` is the `ScriptHost` (host.py) that the engine gives to `LuaVM`. It is made once and used for every run (only one script runs at a time); commands
run on its detached client, in the caller's database and with the caller's rights. The order of the checks is Redis' (scriptPrepareForRun and
scriptCall), since scripts see which error comes first.
"""

import logging

from libc.stdint cimport uint64_t

from scrubjay_engine.core.client cimport Client
from scrubjay_engine.core.command cimport (
    CMD_DENYOOM,
    CMD_MAY_REPLICATE,
    CMD_NOSCRIPT,
    CMD_READONLY,
    CMD_STALE,
    CMD_WRITE,
    Arg,
    Command,
)
from scrubjay_engine.core.dispatch cimport run
from scrubjay_engine.core.engine cimport (
    CLIENT_DENY_BLOCKING,
    CLIENT_DETACHED,
    CLIENT_LIMITED,
    CLIENT_PRIMARY,
    CLIENT_TRACKING,
    GATE_BUSY,
    GATE_CLUSTER,
    GATE_DISK_ERROR,
    GATE_LEASE,
    GATE_MAXMEMORY,
    GATE_MIN_REPLICAS,
    GATE_REPLICA,
    GATE_STALE,
    Engine,
)
from scrubjay_engine.scripting.redis_library cimport WordsHost
from scrubjay_engine.values.memory cimport zfree
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc

from scrubjay_engine.core.dispatch import find_command
from scrubjay_engine.core.slots import slot_of
from scrubjay_engine.core.errors import MASTERDOWN, OOM, READONLY, CommandError

log = logging.getLogger(__name__)

cdef enum:
    # As in scripting.flags.
    NO_WRITES = 1
    ALLOW_OOM = 2
    ALLOW_STALE = 4
    NO_CLUSTER = 8
    ALLOW_CROSS_SLOT_KEYS = 16
    COMPATIBLE = 32
    # The client's output buffer is given back after a script when it is larger.
    BUFFER_KEPT = 1 << 20
    # Where effects go (redis.set_repl).
    EVERYWHERE = 3

NOT_BUSY = CommandError("NOTBUSY No scripts in execution right now.")
BUSY_SCRIPT = CommandError("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
BUSY_FUNCTION = CommandError("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.")
UNKILLABLE_REPLICATED = CommandError(
    "UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be killed."
)
UNKILLABLE = CommandError(
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the"
    " script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)
READ_ONLY_COMMAND = CommandError("ERR Can not execute a script with write flag using *_ro command.")
NOT_IN_CLUSTER = CommandError("ERR Can not run script on cluster, 'no-cluster' flag is set.")


def is_obeyed(Client client) -> bool:
    """Whether what the client sends must be done: it is our primary."""
    return (client.gates & CLIENT_PRIMARY) != 0


cdef list word_list(Arg* words, int count):
    cdef int index
    return [PyBytes_FromStringAndSize(words[index].data, words[index].size) for index in range(count)]


cdef class ScriptRun(WordsHost):
    """The engine's side of a running script."""
    cdef readonly Engine engine
    cdef readonly Client client             # runs the commands
    cdef readonly Client caller             # who sent EVAL or FCALL; None while nothing runs
    cdef readonly list command              # what it sent
    cdef readonly bytes name                # the script's SHA1, the function's name
    cdef readonly bint is_function
    cdef readonly bint timed_out            # past busy-reply-threshold
    cdef public int client_resp
    cdef public int busy_after_ms
    cdef public object turn                 # () -> None: serves other clients for a moment
    cdef bint read_only
    cdef bint out_of_memory                 # at the start; and the script is not allowed to go on then
    cdef bint obeyed                        # sent by our primary or read from the append-only file
    cdef bint cross_slot
    cdef bint killed
    cdef bint aborted
    cdef int repl
    cdef public bint wrote
    cdef public bint allow_noscript         # DEBUG SET-DISABLE-DENY-SCRIPTS
    cdef bint clock_was_frozen
    cdef readonly object started_ns

    def __init__(self, Engine engine, turn=None):
        self.engine = engine
        self.client = Client.detached(engine, CLIENT_DETACHED | CLIENT_DENY_BLOCKING)
        self.turn = turn

    @property
    def active(self) -> bool:
        """Whether a script is running now."""
        return self.caller is not None

    # -- start and end -------------------------------------------------------------------------------------------------

    def begin(self, Client caller, list command, bytes name, int flags, bint read_only, bint is_function) -> None:
        """Checks whether the script may run now, and sets everything up. Raises CommandError. Every `begin` needs its `end`."""
        cdef Engine engine = self.engine
        cdef Client client = self.client
        cdef bint obeyed = (caller.gates & CLIENT_PRIMARY) != 0
        cdef bint no_memory = False
        if engine.gates:
            no_memory = self.check_server(flags, obeyed)
        if not flags & (COMPATIBLE | NO_WRITES) and read_only:
            raise READ_ONLY_COMMAND
        self.out_of_memory = no_memory and not obeyed and not (flags & ALLOW_OOM and not flags & COMPATIBLE)
        self.obeyed = obeyed
        self.caller = caller
        self.command = command
        self.name = name
        self.is_function = is_function
        self.read_only = read_only or (flags & NO_WRITES and not flags & COMPATIBLE)
        self.cross_slot = (flags & (COMPATIBLE | ALLOW_CROSS_SLOT_KEYS)) != 0
        self.wrote = self.killed = self.aborted = self.timed_out = False
        self.repl = EVERYWHERE
        self.client_resp = caller.protocol
        self.started_ns = engine.clock_ns
        client.db = caller.db
        client.user = caller.user
        client.protocol = 2
        client.script = self
        client.notes.clear()
        if not self.cross_slot and engine.gates & GATE_CLUSTER and int(command[2]) > 0:
            # The keys that the caller declared were checked before: the script stays in their slot.
            client.notes["script_slot"] = slot_of(command[3])
        client.readonly = caller.readonly
        client.asking = caller.asking
        client.gates = CLIENT_DETACHED | CLIENT_DENY_BLOCKING | (caller.gates & CLIENT_PRIMARY)
        # Time stands still for the keys while a script runs: a key does not expire between two of its commands.
        self.clock_was_frozen = engine.keyspace.clock_frozen
        engine.keyspace.clock_frozen = True

    cdef bint check_server(self, int flags, bint obeyed) except -1:
        """The conditions of the whole server; whether memory has run out."""
        cdef Engine engine = self.engine
        cdef unsigned int gates = engine.gates
        cdef bint no_memory = False
        if flags & COMPATIBLE:
            if gates & GATE_STALE and not obeyed:
                raise MASTERDOWN
        else:
            if flags & NO_CLUSTER and gates & GATE_CLUSTER:
                raise NOT_IN_CLUSTER
            if gates & GATE_STALE and not flags & ALLOW_STALE and not obeyed:
                raise MASTERDOWN
            if not flags & NO_WRITES and not obeyed:
                if gates & GATE_REPLICA:
                    raise READONLY
                if gates & (GATE_DISK_ERROR | GATE_MIN_REPLICAS) and engine.check_replicas is not None:
                    engine.check_replicas()
        if gates & GATE_MAXMEMORY and engine.make_room is not None and not obeyed:
            no_memory = not engine.make_room()
            if no_memory and not flags & (COMPATIBLE | ALLOW_OOM | NO_WRITES):
                raise OOM
        return no_memory

    def end(self) -> None:
        """The script is done."""
        if self.aborted:
            self.engine.effects.clear()
        self.engine.keyspace.clock_frozen = self.clock_was_frozen
        self.client.script = None
        self.client.user = None
        if self.client.out_capacity > BUFFER_KEPT:
            zfree(self.client.out)
            self.client.out = NULL
            self.client.out_size = self.client.out_capacity = 0
        self.caller = None
        self.command = None
        self.timed_out = False
        self.engine.tick()

    # -- one command ---------------------------------------------------------------------------------------------------

    def call(self, list args) -> bytes:
        """Run a command for the script: its reply, or why it was not run, in RESP."""
        cdef int argc = <int> len(args)
        cdef Arg* argv = <Arg*> malloc(argc * sizeof(Arg))
        cdef const char* reply
        cdef size_t size
        cdef int i
        if argv == NULL:
            raise MemoryError
        try:
            for i in range(argc):
                argv[i].data = PyBytes_AS_STRING(args[i])
                argv[i].size = PyBytes_GET_SIZE(args[i])
            self.run_words(argv, argc, &reply, &size)
            return reply[:size]
        finally:
            free(argv)

    cdef int run_words(self, Arg* words, int count, const char** reply, size_t* size) except -1:
        cdef Engine engine = self.engine
        cdef Client client = self.client
        cdef size_t mark = client.out_size
        cdef Command command = engine.commands.find(words[0].data, words[0].size)
        cdef Command sub
        cdef bytes refusal = None
        cdef Py_ssize_t effects
        if command is not None and command.subcommands is not None and count > 1:
            sub = command.subcommand(words[1].data, words[1].size)
            command = sub
        if command is None or (command.handler is None and command.hot == NULL):
            refusal = b"ERR Unknown Redis command called from script"
        elif command.arity > 0 and count != command.arity or count < -command.arity:
            refusal = b"ERR Wrong number of args calling Redis command from script"
        elif command.flags & CMD_NOSCRIPT and not self.allow_noscript:
            refusal = b"ERR This Redis command is not allowed from script"
        elif engine.gates or self.read_only or self.caller.gates & CLIENT_LIMITED:
            refusal = self.refusal(command, word_list(words, count))
        if refusal is not None:
            if command is not None:
                command.rejected += 1
            client.add_error(refusal)
        else:
            if command.flags & CMD_WRITE:
                self.wrote = True
            effects = len(engine.effects)
            run(client, command, words, count, None)
            if self.repl != EVERYWHERE and len(engine.effects) > effects:
                self.restrict_effects(effects)
            if self.caller.gates & CLIENT_TRACKING and command.flags & CMD_READONLY:
                # As in Redis, one read makes the script a reader of every key that its caller declared.
                engine.parts["tracking_read"](self.caller, self.command[3 : 3 + int(self.command[2])])
        if client.out_size == mark:
            # A command that answers nothing is answered for by null.
            client.add_null()
        reply[0] = client.out + mark
        size[0] = client.out_size - mark
        client.out_size = mark
        return 0

    cdef int restrict_effects(self, Py_ssize_t first) except -1:
        """Takes back what the last command propagates, or marks it for one kind of sink (redis.set_repl)."""
        cdef list effects = self.engine.effects
        if self.repl == 0:
            del effects[first:]
        else:
            effects[first:] = [(effect[0], effect[1], self.repl) for effect in effects[first:]]
        return 0

    cdef bytes refusal(self, Command command, list args):
        """Why the command may not run now, or None."""
        cdef Engine engine = self.engine
        cdef unsigned int gates = engine.gates
        cdef uint64_t flags = command.flags
        if gates & GATE_STALE and not flags & CMD_STALE and not self.obeyed:
            return b"ERR Can not execute the command on a stale replica"
        try:
            if self.caller.gates & CLIENT_LIMITED and engine.check_acl is not None:
                engine.check_acl(self.client, command, args)
        except CommandError as error:
            error.__traceback__ = None
            return acl_refusal(error.text)
        if self.read_only and flags & (CMD_WRITE | CMD_MAY_REPLICATE):
            return b"ERR Write commands are not allowed from read-only scripts."
        if not gates or self.obeyed:
            return None
        try:
            if flags & CMD_WRITE and not self.wrote:
                if gates & GATE_REPLICA:
                    raise READONLY
                if gates & (GATE_DISK_ERROR | GATE_MIN_REPLICAS) and engine.check_replicas is not None:
                    engine.check_replicas()
            if gates & GATE_LEASE and flags & CMD_WRITE:
                engine.check_lease(self.client, command, args)
            if flags & CMD_DENYOOM and self.out_of_memory and not self.wrote:
                raise OOM
            if gates & GATE_CLUSTER:
                return self.cluster_refusal(command, args)
        except CommandError as error:
            error.__traceback__ = None
            return error.text
        return None

    cdef bytes cluster_refusal(self, Command command, list args):
        try:
            self.engine.check_cluster(self.client, command, args)
        except CommandError as error:
            error.__traceback__ = None
            if error.text == b"CLUSTERDOWN The cluster is down":
                return b"ERR Script attempted to execute a command while the cluster is down"
            if error.text == b"CLUSTERDOWN The cluster is down and only accepts read commands":
                return b"ERR Script attempted to execute a write command while the cluster is down and readonly"
            return b"ERR Script attempted to access a non local key in a cluster node"
        if not self.cross_slot:
            return self.slot_refusal(command, args)
        return None

    cdef bytes slot_refusal(self, Command command, list args):
        """Commands of one script stay in one slot, unless it says allow-cross-slot-keys."""
        for key in command.keys(args):
            slot = slot_of(key)
            known = self.client.notes.setdefault("script_slot", slot)
            if known != slot:
                return b"ERR Script attempted to access keys that do not hash to the same slot"
        return None

    # -- what else the redis table needs -------------------------------------------------------------------------------

    def acl_check(self, list args):
        """Whether the caller may run this command; None when there is no such command."""
        cdef Command command = find_command(self.engine, args)
        if command is None:
            return None
        if not self.caller.gates & CLIENT_LIMITED or self.engine.check_acl is None:
            return True
        return self.engine.parts["acl"].allows(self.caller.user, command, args)

    def set_resp(self, int version) -> None:
        self.client.protocol = version

    def set_repl(self, int flags) -> None:
        self.repl = flags

    # -- interruption --------------------------------------------------------------------------------------------------

    def busy(self) -> bool:
        """Serves others for a moment (LuaVM calls this again and again once the script is late); whether to end the script."""
        if not self.timed_out:
            self.timed_out = True
            log.warning(
                "Slow script detected: still in execution after %d milliseconds. You can try killing the script using the"
                " %s command. Script name is: %s.",
                self.duration_ms(),
                "FUNCTION KILL" if self.is_function else "SCRIPT KILL",
                self.name.decode(errors="replace"),
            )
        if self.turn is not None:
            self.turn(self)
        return self.killed

    def mark_busy(self, bint on) -> None:
        """Close or open the engine's gate for everybody else."""
        self.engine.set_gate(GATE_BUSY, on)

    def abort(self) -> None:
        """The server ends (SHUTDOWN NOSAVE): so does the script, and nothing of it is propagated."""
        self.aborted = self.killed = True

    def duration_ms(self) -> int:
        return (self.engine.tick() - self.started_ns) // 1000000

    def busy_error(self):
        """What other clients are told meanwhile."""
        return BUSY_FUNCTION if self.is_function else BUSY_SCRIPT

    def kill(self, bint function) -> None:
        """SCRIPT KILL, FUNCTION KILL. Raises CommandError when it cannot be."""
        if self.caller is None:
            raise NOT_BUSY
        if self.obeyed:
            raise UNKILLABLE_REPLICATED
        if self.wrote:
            raise UNKILLABLE
        if function != self.is_function:
            raise self.busy_error()
        self.killed = True


cdef bytes acl_refusal(bytes text):
    """The ACL's refusal as scripts are told it (`NOPERM this user has no permissions to ...` in other words)."""
    if b" to run the " in text:
        why = b"can't run this command or subcommand"
    elif b"key" in text:
        why = b"can't access at least one of the keys mentioned in the command arguments"
    else:
        why = b"can't publish to the channel mentioned in the command"
    return b"ERR The user executing the script " + why
