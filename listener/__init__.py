"""A slow listener: holds each notification for `-delay`, then answers `200 OK`, or does worse (see behaviours).

    options -> sockets -> __main__ (one or more processes) -> server -> acceptor (who connects)
                                                                    -> http (where a request ends)
                                                                    -> behaviours (what becomes of it)
                                                                    -> admin (what is below /-/)
    stats (counts, shared by all processes), with notified (which subscriptions) and arrivals (when, of the healthy)

It needs gevent only, so that it runs on any host the broker can notify.
"""
