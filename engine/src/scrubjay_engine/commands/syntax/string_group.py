"""Arguments of the string commands (see grammar.py for the notation)."""

SYNTAX = {
    "append": "key:key@0 value",
    "decr": "key:key@0",
    "decrby": "key:key@0 decrement:integer",
    "get": "key:key@0",
    "getdel": "key:key@0",
    "getex": (
        "key:key@0 expiration:oneof?(seconds:integer=EX milliseconds:integer=PX unix-time-seconds:unix-time=EXAT "
        "unix-time-milliseconds:unix-time=PXAT persist=PERSIST)"
    ),
    "getrange": "key:key@0 start:integer end:integer",
    "getset": "key:key@0 value",
    "incr": "key:key@0",
    "incrby": "key:key@0 increment:integer",
    "incrbyfloat": "key:key@0 increment:double",
    "lcs": "key1:key@0 key2:key@0 len=LEN? idx=IDX? len:integer=MINMATCHLEN? withmatchlen=WITHMATCHLEN?",
    "mget": "key:key@0*",
    "mset": "key_value:block*(key:key@0 value)",
    "msetnx": "key_value:block*(key:key@0 value)",
    "psetex": "key:key@0 milliseconds:integer value",
    "set": (
        "key:key@0 value condition:oneof?^2.6.12(nx=NX xx=XX) get=GET?^6.2.0 "
        "expiration:oneof?(seconds:integer=EX^2.6.12 milliseconds:integer=PX^2.6.12 "
        "unix-time-seconds:unix-time=EXAT^6.2.0 unix-time-milliseconds:unix-time=PXAT^6.2.0 keepttl=KEEPTTL^6.0.0)"
    ),
    "setex": "key:key@0 seconds:integer value",
    "setnx": "key:key@0 value",
    "setrange": "key:key@0 offset:integer value",
    "strlen": "key:key@0",
    "substr": "key:key@0 start:integer end:integer",
}
