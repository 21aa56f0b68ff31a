"""Arguments of the commands that Redis 7.0 does not have (see grammar.py for the notation)."""

_FIELDS = "fields:block=FIELDS(numfields:integer field*)"
_VALUES = "fields:block=FIELDS(numfields:integer data:block*(field value))"
_IF = "condition:oneof?(nx=NX xx=XX gt=GT lt=LT)"
_EXPIRY = (
    "seconds:integer=EX milliseconds:integer=PX unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT"
)

SYNTAX = {
    "client|no-touch": "enabled:oneof(on=ON off=OFF)",
    "client|setinfo": "attr:oneof(libname=LIB-NAME libver=LIB-VER) value",
    "delifeq": "key:key@0 value",
    "hexpire": f"key:key@0 seconds:integer {_IF} {_FIELDS}",
    "hexpireat": f"key:key@0 unix-time-seconds:unix-time {_IF} {_FIELDS}",
    "hexpiretime": f"key:key@0 {_FIELDS}",
    "hgetdel": f"key:key@0 {_FIELDS}",
    "hgetex": f"key:key@0 expiration:oneof?({_EXPIRY} persist=PERSIST) {_FIELDS}",
    "hpersist": f"key:key@0 {_FIELDS}",
    "hpexpire": f"key:key@0 milliseconds:integer {_IF} {_FIELDS}",
    "hpexpireat": f"key:key@0 unix-time-milliseconds:unix-time {_IF} {_FIELDS}",
    "hpexpiretime": f"key:key@0 {_FIELDS}",
    "hpttl": f"key:key@0 {_FIELDS}",
    "hsetex": f"key:key@0 condition:oneof?(fnx=FNX fxx=FXX) expiration:oneof?({_EXPIRY} keepttl=KEEPTTL) {_VALUES}",
    "httl": f"key:key@0 {_FIELDS}",
    "msetex": (
        "numkeys:integer data:block*(key:key@0 value) condition:oneof?(nx=NX xx=XX) "
        f"expiration:oneof?({_EXPIRY} keepttl=KEEPTTL)"
    ),
}
