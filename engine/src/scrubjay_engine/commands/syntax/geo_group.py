"""Arguments of the geo commands (see grammar.py for the notation)."""

SYNTAX = {
    "geoadd": (
        "key:key@0 condition:oneof?^6.2.0(nx=NX xx=XX) change=CH?^6.2.0 "
        "longitude_latitude_member:block*(longitude:double latitude:double member)"
    ),
    "geodist": "key:key@0 member1 member2 unit:oneof?(m=M km=KM ft=FT mi=MI)",
    "geohash": "key:key@0 member*",
    "geopos": "key:key@0 member*",
    "georadius": (
        "key:key@0 longitude:double latitude:double radius:double unit:oneof(m=M km=KM ft=FT mi=MI) "
        "withcoord=WITHCOORD? withdist=WITHDIST? withhash=WITHHASH? count:block?(count:integer=COUNT "
        "any=ANY?^6.2.0) order:oneof?(asc=ASC desc=DESC) key:key=STORE@1? key:key=STOREDIST@2?"
    ),
    "georadius_ro": (
        "key:key@0 longitude:double latitude:double radius:double unit:oneof(m=M km=KM ft=FT mi=MI) "
        "withcoord=WITHCOORD? withdist=WITHDIST? withhash=WITHHASH? count:block?(count:integer=COUNT "
        "any=ANY?^6.2.0) order:oneof?(asc=ASC desc=DESC)"
    ),
    "georadiusbymember": (
        "key:key@0 member radius:double unit:oneof(m=M km=KM ft=FT mi=MI) withcoord=WITHCOORD? withdist=WITHDIST? "
        "withhash=WITHHASH? count:block?(count:integer=COUNT any=ANY?) order:oneof?(asc=ASC desc=DESC) "
        "key:key=STORE@1? key:key=STOREDIST@2?"
    ),
    "georadiusbymember_ro": (
        "key:key@0 member radius:double unit:oneof(m=M km=KM ft=FT mi=MI) withcoord=WITHCOORD? withdist=WITHDIST? "
        "withhash=WITHHASH? count:block?(count:integer=COUNT any=ANY?) order:oneof?(asc=ASC desc=DESC)"
    ),
    "geosearch": (
        "key:key@0 from:oneof(member:string=FROMMEMBER longitude_latitude:block=FROMLONLAT(longitude:double "
        "latitude:double)) by:oneof(circle:block(radius:double=BYRADIUS unit:oneof(m=M km=KM ft=FT mi=MI)) "
        "box:block(width:double=BYBOX height:double unit:oneof(m=M km=KM ft=FT mi=MI))) order:oneof?(asc=ASC "
        "desc=DESC) count:block?(count:integer=COUNT any=ANY?) withcoord=WITHCOORD? withdist=WITHDIST? "
        "withhash=WITHHASH?"
    ),
    "geosearchstore": (
        "destination:key@0 source:key@1 from:oneof(member:string=FROMMEMBER "
        "longitude_latitude:block=FROMLONLAT(longitude:double latitude:double)) "
        "by:oneof(circle:block(radius:double=BYRADIUS unit:oneof(m=M km=KM ft=FT mi=MI)) "
        "box:block(width:double=BYBOX height:double unit:oneof(m=M km=KM ft=FT mi=MI))) order:oneof?(asc=ASC "
        "desc=DESC) count:block?(count:integer=COUNT any=ANY?) storedist=STOREDIST?"
    ),
}
