"""Arguments of the server commands (see grammar.py for the notation)."""

SYNTAX = {
    "acl|cat": "categoryname?",
    "acl|deluser": "username*",
    "acl|dryrun": "username command arg?*",
    "acl|genpass": "bits:integer?",
    "acl|getuser": "username",
    "acl|log": "operation:oneof?(count:integer reset=RESET)",
    "acl|setuser": "username rule?*",
    "bgsave": "schedule=SCHEDULE?^3.2.2",
    "command|docs": "command-name?*",
    "command|info": "command-name?*",
    "command|list": (
        "filterby:oneof=FILTERBY?(module-name:string=MODULE category:string=ACLCAT pattern:pattern=PATTERN)"
    ),
    "config|get": "parameter:block*(parameter)",
    "config|set": "parameter_value:block*(parameter value)",
    "failover": "target:block=TO?(host port:integer force=FORCE?) abort=ABORT? milliseconds:integer=TIMEOUT?",
    "flushall": "async:oneof?(async=ASYNC^4.0.0 sync=SYNC^6.2.0)",
    "flushdb": "async:oneof?(async=ASYNC^4.0.0 sync=SYNC^6.2.0)",
    "info": "section?*",
    "latency|graph": "event",
    "latency|histogram": "command?*",
    "latency|history": "event",
    "latency|reset": "event?*",
    "lolwut": "version:integer=VERSION?",
    "memory|usage": "key:key@0 count:integer=SAMPLES?",
    "module|load": "path arg?*",
    "module|loadex": "path configs:block=CONFIG?*+(name value) args:block=ARGS?*(arg)",
    "module|unload": "name",
    "psync": "replicationid offset:integer",
    "replicaof": "args:oneof(host-port:block(host port:integer) no-one:block(no=NO one=ONE))",
    "restore-asking": (
        "key:key@0 ttl:integer serialized-value replace=REPLACE?^3.0.0 absttl=ABSTTL?^5.0.0 "
        "seconds:integer=IDLETIME?^5.0.0 frequency:integer=FREQ?^5.0.0"
    ),
    "shutdown": "nosave_save:oneof?(nosave=NOSAVE save=SAVE) now=NOW?^7.0.0 force=FORCE?^7.0.0 abort=ABORT?^7.0.0",
    "slaveof": "args:oneof(host-port:block(host port:integer) no-one:block(no=NO one=ONE))",
    "slowlog|get": "count:integer?",
    "swapdb": "index1:integer index2:integer",
}
