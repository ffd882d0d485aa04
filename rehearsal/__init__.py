"""A stand-in for Orion: real sockets, threads and MongoDB connections, Orion's answers and its faults.

    command_line, options -> server -> broker -> subscriptions, documents, database
                               |          |
                               |          +----> entities -> pools -> notifications -> network -> listener
                               |                                |
                               |                                +----> senders (other processes) -> listener
                               +-----> ngsild (for NGSI-LD brokers) -> ngsild_senders -> listener

Its answers and figures were measured on Orion 3.10.1 and 4.7.0 (libcurl 7.88.1, libmicrohttpd 0.9.75). wsgi.py is what
all the HTTP servers here have in common.

Around it, for `sh setup_scripts/rehearse.sh --cause`:

    causes.sh          what each cause changes
    control_groups.sh  the kernel's limits for the broker
    signals.py         stops and kills parts, and begins their faults, during the run
    relay.py           the network before a part; requests_to_connect.py drops requests to connect
    gateway.py         a gateway before the broker  \\ both use forwarding.py
    mesh.py            a sidecar behind the broker  /
    slow_names.py      a slow name server for the inspector
    burners.py         other processes that use up the CPU
    leftovers.py       what an earlier run left
"""
