"""Arguments of the generic commands (see grammar.py for the notation)."""

SYNTAX = {
    "copy": "source:key@0 destination:key@1 destination-db:integer=DB? replace=REPLACE?",
    "del": "key:key@0*",
    "dump": "key:key@0",
    "exists": "key:key@0*",
    "expire": "key:key@0 seconds:integer condition:oneof?^7.0.0(nx=NX xx=XX gt=GT lt=LT)",
    "expireat": "key:key@0 unix-time-seconds:unix-time condition:oneof?^7.0.0(nx=NX xx=XX gt=GT lt=LT)",
    "expiretime": "key:key@0",
    "keys": "pattern:pattern",
    "migrate": (
        "host port:integer key_or_empty_string:oneof(key:key@0 empty_string='') destination-db:integer "
        "timeout:integer copy=COPY?^3.0.0 replace=REPLACE?^3.0.0 authentication:oneof?(password:string=AUTH?^4.0.7 "
        "username_password:block=AUTH2?^6.0.0(username password)) key:key=KEYS@1?*^3.0.6"
    ),
    "move": "key:key@0 db:integer",
    "object|encoding": "key:key@0",
    "object|freq": "key:key@0",
    "object|idletime": "key:key@0",
    "object|refcount": "key:key@0",
    "persist": "key:key@0",
    "pexpire": "key:key@0 milliseconds:integer condition:oneof?^7.0.0(nx=NX xx=XX gt=GT lt=LT)",
    "pexpireat": "key:key@0 unix-time-milliseconds:unix-time condition:oneof?^7.0.0(nx=NX xx=XX gt=GT lt=LT)",
    "pexpiretime": "key:key@0",
    "pttl": "key:key@0",
    "rename": "key:key@0 newkey:key@1",
    "renamenx": "key:key@0 newkey:key@1",
    "restore": (
        "key:key@0 ttl:integer serialized-value replace=REPLACE?^3.0.0 absttl=ABSTTL?^5.0.0 "
        "seconds:integer=IDLETIME?^5.0.0 frequency:integer=FREQ?^5.0.0"
    ),
    "scan": "cursor:integer pattern:pattern=MATCH? count:integer=COUNT? type:string=TYPE?^6.0.0",
    "sort": (
        "key:key@0 pattern:pattern=BY@1? offset_count:block=LIMIT?(offset:integer count:integer) "
        "pattern:pattern=GET@1?*+ order:oneof?(asc=ASC desc=DESC) sorting=ALPHA? destination:key=STORE@2?"
    ),
    "sort_ro": (
        "key:key@0 pattern:pattern=BY@1? offset_count:block=LIMIT?(offset:integer count:integer) "
        "pattern:pattern=GET@1?*+ order:oneof?(asc=ASC desc=DESC) sorting=ALPHA?"
    ),
    "touch": "key:key@0*",
    "ttl": "key:key@0",
    "type": "key:key@0",
    "unlink": "key:key@0*",
    "wait": "numreplicas:integer timeout:integer",
}
