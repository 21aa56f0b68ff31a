"""Arguments of the connection commands (see grammar.py for the notation)."""

SYNTAX = {
    "auth": "username?^6.0.0 password",
    "client|caching": "mode:oneof(yes=YES no=NO)",
    "client|kill": (
        "filter:oneof('ip:port'~2.8.12 new-format:oneof*(client-id:integer=ID?^2.8.12 "
        "normal_master_slave_pubsub:oneof=TYPE?^2.8.12(normal=NORMAL master=MASTER^3.2.0 slave=SLAVE "
        "replica=REPLICA^5.0.0 pubsub=PUBSUB) username:string=USER? 'ip:port':string=ADDR? "
        "'ip:port':string=LADDR?^6.2.0 yes/no:string=SKIPME?))"
    ),
    "client|list": (
        "normal_master_replica_pubsub:oneof=TYPE?^5.0.0(normal=NORMAL master=MASTER replica=REPLICA pubsub=PUBSUB) "
        "id:block=ID?^6.2.0(client-id:integer*)"
    ),
    "client|no-evict": "enabled:oneof(on=ON off=OFF)",
    "client|pause": "timeout:integer mode:oneof?^6.2.0(write=WRITE all=ALL)",
    "client|reply": "on_off_skip:oneof(on=ON off=OFF skip=SKIP)",
    "client|setname": "connection-name",
    "client|tracking": (
        "status:oneof(on=ON off=OFF) client-id:integer=REDIRECT? prefix:string=PREFIX?*+ bcast=BCAST? optin=OPTIN? "
        "optout=OPTOUT? noloop=NOLOOP?"
    ),
    "client|unblock": "client-id:integer timeout_error:oneof?(timeout=TIMEOUT error=ERROR)",
    "echo": "message",
    "hello": (
        "arguments:block?(protover:integer username_password:block=AUTH?(username password) clientname:string=SETNAME?)"
    ),
    "ping": "message?",
    "select": "index:integer",
}
