"""Arguments of the stream commands (see grammar.py for the notation)."""

SYNTAX = {
    "xack": "key:key@0 group id*",
    "xadd": (
        "key:key@0 nomkstream=NOMKSTREAM?^6.2.0 trim:block?(strategy:oneof(maxlen=MAXLEN minid=MINID^6.2.0) "
        "operator:oneof?(equal='=' approximately='~') threshold count:integer=LIMIT?^6.2.0) "
        "id_or_auto:oneof(auto_id='*' id) field_value:block*(field value)"
    ),
    "xautoclaim": "key:key@0 group consumer min-idle-time start count:integer=COUNT? justid=JUSTID?",
    "xclaim": (
        "key:key@0 group consumer min-idle-time id* ms:integer=IDLE? unix-time-milliseconds:unix-time=TIME? "
        "count:integer=RETRYCOUNT? force=FORCE? justid=JUSTID? id:string=LASTID?"
    ),
    "xdel": "key:key@0 id*",
    "xgroup|create": "key:key@0 groupname id:oneof(id new_id=$) mkstream=MKSTREAM? entries_read:integer=ENTRIESREAD?",
    "xgroup|createconsumer": "key:key@0 groupname consumername",
    "xgroup|delconsumer": "key:key@0 groupname consumername",
    "xgroup|destroy": "key:key@0 groupname",
    "xgroup|setid": "key:key@0 groupname id:oneof(id new_id=$) entries_read:integer=ENTRIESREAD?",
    "xinfo|consumers": "key:key@0 groupname",
    "xinfo|groups": "key:key@0",
    "xinfo|stream": "key:key@0 full:block=FULL?(count:integer=COUNT?)",
    "xlen": "key:key@0",
    "xpending": "key:key@0 group filters:block?(min-idle-time:integer=IDLE?^6.2.0 start end count:integer consumer?)",
    "xrange": "key:key@0 start end count:integer=COUNT?",
    "xread": "count:integer=COUNT? milliseconds:integer=BLOCK? streams:block=STREAMS(key:key@0* id*)",
    "xreadgroup": (
        "group_consumer:block=GROUP(group consumer) count:integer=COUNT? milliseconds:integer=BLOCK? noack=NOACK? "
        "streams:block=STREAMS(key:key@0* id*)"
    ),
    "xrevrange": "key:key@0 end start count:integer=COUNT?",
    "xsetid": (
        "key:key@0 last-id entries_added:integer=ENTRIESADDED?^7.0.0 max_deleted_entry_id:string=MAXDELETEDID?^7.0.0"
    ),
    "xtrim": (
        "key:key@0 trim:block(strategy:oneof(maxlen=MAXLEN minid=MINID^6.2.0) operator:oneof?(equal='=' "
        "approximately='~') threshold count:integer=LIMIT?^6.2.0)"
    ),
}
