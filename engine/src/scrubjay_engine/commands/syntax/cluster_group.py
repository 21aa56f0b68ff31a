"""Arguments of the cluster commands (see grammar.py for the notation)."""

SYNTAX = {
    "cluster|addslots": "slot:integer*",
    "cluster|addslotsrange": "start-slot_end-slot:block*(start-slot:integer end-slot:integer)",
    "cluster|count-failure-reports": "node-id",
    "cluster|countkeysinslot": "slot:integer",
    "cluster|delslots": "slot:integer*",
    "cluster|delslotsrange": "start-slot_end-slot:block*(start-slot:integer end-slot:integer)",
    "cluster|failover": "options:oneof?(force=FORCE takeover=TAKEOVER)",
    "cluster|forget": "node-id",
    "cluster|getkeysinslot": "slot:integer count:integer",
    "cluster|keyslot": "key",
    "cluster|meet": "ip port:integer cluster_bus_port:integer?^4.0.0",
    "cluster|replicas": "node-id",
    "cluster|replicate": "node-id",
    "cluster|reset": "hard_soft:oneof?(hard=HARD soft=SOFT)",
    "cluster|set-config-epoch": "config-epoch:integer",
    "cluster|setslot": (
        "slot:integer subcommand:oneof(node-id:string=IMPORTING node-id:string=MIGRATING node-id:string=NODE "
        "stable=STABLE)"
    ),
    "cluster|slaves": "node-id",
}
