"""A slow listener: takes notifications, holds each for `-delay`, then answers `200 OK`.

    options -> sockets -> __main__ (one or more processes) -> server -> http (where a request ends)
                                                                    -> stats (counters shared by all processes)

It needs Python's standard library only, so that it runs on any host the broker can notify.
"""
