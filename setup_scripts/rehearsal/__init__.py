"""A stand-in for Orion: real sockets, a real MongoDB connection pool, Orion's answers and its faults.

    options -> server -> broker -> subscriptions, database
                            |
                            +----> notifications -> listener
                                  |
                                  +----> senders (other processes) -> listener

Its answers and figures are those measured on Orion 3.10.1 (libcurl 7.88.1, libmicrohttpd 0.9.75).
"""
