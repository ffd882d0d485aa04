"""A stand-in for Orion: real sockets, threads and MongoDB connections, Orion's answers and its faults.

    command_line, options -> server -> broker -> subscriptions, documents, database
                                          |
                                          +----> entities -> pools -> notifications -> network -> listener
                                                                |
                                                                +----> senders (other processes) -> listener

Its answers and figures are those measured on Orion 3.10.1 and 4.7.0 (libcurl 7.88.1, libmicrohttpd 0.9.75).

Around it, for `sh setup_scripts/rehearse.sh --cause`: causes.sh says what differs, control_groups.sh has the kernel
limit the broker, signals.py stops, kills and lets faults begin in mid-run, relay.py is the network before one of the
parts, gateway.py stands in front of the broker and mesh.py behind it (both send on by forwarding.py), leftovers.py is
an earlier run.
"""
