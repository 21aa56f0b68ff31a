"""Arguments of the sorted-set commands (see grammar.py for the notation)."""

SYNTAX = {
    "bzmpop": "timeout:double numkeys:integer key:key@0* where:oneof(min=MIN max=MAX) count:integer=COUNT?",
    "bzpopmax": "key:key@0* timeout:double",
    "bzpopmin": "key:key@0* timeout:double",
    "zadd": (
        "key:key@0 condition:oneof?^3.0.2(nx=NX xx=XX) comparison:oneof?^6.2.0(gt=GT lt=LT) change=CH?^3.0.2 "
        "increment=INCR?^3.0.2 score_member:block*(score:double member)"
    ),
    "zcard": "key:key@0",
    "zcount": "key:key@0 min:double max:double",
    "zdiff": "numkeys:integer key:key@0* withscores=WITHSCORES?",
    "zdiffstore": "destination:key@0 numkeys:integer key:key@1*",
    "zincrby": "key:key@0 increment:integer member",
    "zinter": (
        "numkeys:integer key:key@0* weight:integer=WEIGHTS?* aggregate:oneof=AGGREGATE?(sum=SUM min=MIN max=MAX) "
        "withscores=WITHSCORES?"
    ),
    "zintercard": "numkeys:integer key:key@0* limit:integer=LIMIT?",
    "zinterstore": (
        "destination:key@0 numkeys:integer key:key@1* weight:integer=WEIGHTS?* aggregate:oneof=AGGREGATE?(sum=SUM "
        "min=MIN max=MAX)"
    ),
    "zlexcount": "key:key@0 min max",
    "zmpop": "numkeys:integer key:key@0* where:oneof(min=MIN max=MAX) count:integer=COUNT?",
    "zmscore": "key:key@0 member*",
    "zpopmax": "key:key@0 count:integer?",
    "zpopmin": "key:key@0 count:integer?",
    "zrandmember": "key:key@0 options:block?(count:integer withscores=WITHSCORES?)",
    "zrange": (
        "key:key@0 start stop sortby:oneof?^6.2.0(byscore=BYSCORE bylex=BYLEX) rev=REV?^6.2.0 "
        "offset_count:block=LIMIT?^6.2.0(offset:integer count:integer) withscores=WITHSCORES?"
    ),
    "zrangebylex": "key:key@0 min max offset_count:block=LIMIT?(offset:integer count:integer)",
    "zrangebyscore": (
        "key:key@0 min:double max:double withscores=WITHSCORES?^2.0.0 offset_count:block=LIMIT?(offset:integer "
        "count:integer)"
    ),
    "zrangestore": (
        "dst:key@0 src:key@1 min max sortby:oneof?(byscore=BYSCORE bylex=BYLEX) rev=REV? "
        "offset_count:block=LIMIT?(offset:integer count:integer)"
    ),
    "zrank": "key:key@0 member",
    "zrem": "key:key@0 member*",
    "zremrangebylex": "key:key@0 min max",
    "zremrangebyrank": "key:key@0 start:integer stop:integer",
    "zremrangebyscore": "key:key@0 min:double max:double",
    "zrevrange": "key:key@0 start:integer stop:integer withscores=WITHSCORES?",
    "zrevrangebylex": "key:key@0 max min offset_count:block=LIMIT?(offset:integer count:integer)",
    "zrevrangebyscore": (
        "key:key@0 max:double min:double withscores=WITHSCORES? offset_count:block=LIMIT?(offset:integer count:integer)"
    ),
    "zrevrank": "key:key@0 member",
    "zscan": "key:key@0 cursor:integer pattern:pattern=MATCH? count:integer=COUNT?",
    "zscore": "key:key@0 member",
    "zunion": (
        "numkeys:integer key:key@0* weight:integer=WEIGHTS?* aggregate:oneof=AGGREGATE?(sum=SUM min=MIN max=MAX) "
        "withscores=WITHSCORES?"
    ),
    "zunionstore": (
        "destination:key@0 numkeys:integer key:key@1* weight:integer=WEIGHTS?* aggregate:oneof=AGGREGATE?(sum=SUM "
        "min=MIN max=MAX)"
    ),
}
