"""Arguments of the hash commands (see grammar.py for the notation)."""

SYNTAX = {
    "hdel": "key:key@0 field*",
    "hexists": "key:key@0 field",
    "hget": "key:key@0 field",
    "hgetall": "key:key@0",
    "hincrby": "key:key@0 field increment:integer",
    "hincrbyfloat": "key:key@0 field increment:double",
    "hkeys": "key:key@0",
    "hlen": "key:key@0",
    "hmget": "key:key@0 field*",
    "hmset": "key:key@0 field_value:block*(field value)",
    "hrandfield": "key:key@0 options:block?(count:integer withvalues=WITHVALUES?)",
    "hscan": "key:key@0 cursor:integer pattern:pattern=MATCH? count:integer=COUNT?",
    "hset": "key:key@0 field_value:block*(field value)",
    "hsetnx": "key:key@0 field value",
    "hstrlen": "key:key@0 field",
    "hvals": "key:key@0",
}
