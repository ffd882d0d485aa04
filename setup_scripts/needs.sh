# What a run needs, in one place: limits.sh sources it, scenario/settings/needs.py reads it.
# shellcheck shell=sh disable=SC2034 # for who sources it
fds_per_notification=3 # of the broker: a socket, and the wake-up pair of its handle (Orion 3.10.1 with libcurl 7.88)
spare=200        # descriptors or threads, for everything but notifications and idle clients: its database, its log, probes
spare_workers=50 # beyond one for each slow receiver: without any the healthy subscribers wait behind the slow ones
