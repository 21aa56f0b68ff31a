"""Arguments of the list commands (see grammar.py for the notation)."""

SYNTAX = {
    "blmove": (
        "source:key@0 destination:key@1 wherefrom:oneof(left=LEFT right=RIGHT) whereto:oneof(left=LEFT "
        "right=RIGHT) timeout:double"
    ),
    "blmpop": "timeout:double numkeys:integer key:key@0* where:oneof(left=LEFT right=RIGHT) count:integer=COUNT?",
    "blpop": "key:key@0* timeout:double",
    "brpop": "key:key@0* timeout:double",
    "brpoplpush": "source:key@0 destination:key@1 timeout:double",
    "lindex": "key:key@0 index:integer",
    "linsert": "key:key@0 where:oneof(before=BEFORE after=AFTER) pivot element",
    "llen": "key:key@0",
    "lmove": (
        "source:key@0 destination:key@1 wherefrom:oneof(left=LEFT right=RIGHT) whereto:oneof(left=LEFT right=RIGHT)"
    ),
    "lmpop": "numkeys:integer key:key@0* where:oneof(left=LEFT right=RIGHT) count:integer=COUNT?",
    "lpop": "key:key@0 count:integer?^6.2.0",
    "lpos": "key:key@0 element rank:integer=RANK? num-matches:integer=COUNT? len:integer=MAXLEN?",
    "lpush": "key:key@0 element*",
    "lpushx": "key:key@0 element*",
    "lrange": "key:key@0 start:integer stop:integer",
    "lrem": "key:key@0 count:integer element",
    "lset": "key:key@0 index:integer element",
    "ltrim": "key:key@0 start:integer stop:integer",
    "rpop": "key:key@0 count:integer?^6.2.0",
    "rpoplpush": "source:key@0 destination:key@1",
    "rpush": "key:key@0 element*",
    "rpushx": "key:key@0 element*",
}
