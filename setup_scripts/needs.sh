# What a run needs, defined once: limits.sh sources this file, scenario/settings/needs.py reads it.
# shellcheck shell=sh disable=SC2034 # used by the scripts that source it
fds_per_notification=3 # of the broker: a socket, and the wake-up pair of its libcurl handle (Orion 3.10.1, libcurl 7.88)
spare=200        # descriptors or threads for everything but notifications and idle clients: database, log, probes
spare_workers=50 # workers beyond one per slow receiver; without them the healthy subscribers wait for the slow ones
