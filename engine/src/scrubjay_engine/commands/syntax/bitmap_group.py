"""Arguments of the bitmap commands (see grammar.py for the notation)."""

SYNTAX = {
    "bitcount": "key:key@0 index:block?(start:integer end:integer index_unit:oneof?^7.0.0(byte=BYTE bit=BIT))",
    "bitfield": (
        "key:key@0 operation:oneof?*(encoding_offset:block=GET(encoding offset:integer) "
        "write:block(wrap_sat_fail:oneof=OVERFLOW?(wrap=WRAP sat=SAT fail=FAIL) "
        "write_operation:oneof(encoding_offset_value:block=SET(encoding offset:integer value:integer) "
        "encoding_offset_increment:block=INCRBY(encoding offset:integer increment:integer))))"
    ),
    "bitfield_ro": "key:key@0 encoding_offset:block=GET?*+(encoding offset:integer)",
    "bitop": "operation destkey:key@0 key:key@1*",
    "bitpos": (
        "key:key@0 bit:integer index:block?(start:integer end_index:block?(end:integer "
        "index_unit:oneof?^7.0.0(byte=BYTE bit=BIT)))"
    ),
    "getbit": "key:key@0 offset:integer",
    "setbit": "key:key@0 offset:integer value:integer",
}
