"""The thresholds of the verdict, each with its source or measurement."""

# Shares of what was asked for. A real Orion 4.7.0 held every one of 5,000; the rest is for a host that is busy.
HELD_SHARE = 0.99  # of the notifications, held at one time
ROWS_SHARE = 0.95  # of the seconds, measured: two busy cores lose one in twenty at most
TRIES_SHARE = 0.95  # of the tries of --rate that were due in the rows that there are
UNDER_WAY = 0.1  # s that a healthy notification takes at most unless its broker is late (14 ms on Orion 4.7.0)

# Rows
MOST = 0.8  # of the rows: as good as all, but for the first and the last of a state
AT_ONCE = 3  # s after the update: what is answered by then was never held
QUIET = 5  # s without another notification at the end: nothing is on its way any more
LISTENER_SILENT = 2  # s after a row in which a listener answered nobody, in which its arrivals still are late
LATE_TESTER = 250.0  # ms that Locust lets something wait: on two busy cores it was below 100
LATE_TRY = 20.0  # ms that a try is sent late: from here on its latency tells of this host, too

# Limits of the broker's process
FEW_FREE = 2  # of a limit: the inspector looks a moment before or after a client took or left one
NEARLY_ALL = 0.98  # of -maxConnections: 1,019 of 1,020 were seen in rows that were turned away
MANY_PORTS = 50  # ports in a row that are all taken are no accident from here on
DENSE = 0.6  # of the ports in a row: others may have bound the rest; a few of thousands are far less dense

# CPU
BUSY = 0.9  # of the CPUs that the broker may use, or of the host's
THROTTLED = BUSY / 4  # CPUs that a quota withheld
MOSTLY = 0.5  # of the host's CPUs: whoever takes more leaves the others short
STILL = 0.02  # s of CPU per second: a process that runs spends more, if only to refuse (0.1 on Orion 4.7.0)
FEW_STATES = 3  # rows: fewer states of the process tell nothing

# Clients
ASKED_FOR = 3  # s, begun: how long an update that gets no answer asks for one (users/client.py: LIMIT)
UNFELT = 100.0  # ms: what is answered within that seems to be so at once (Nielsen, Usability Engineering, 1993, ch. 5)

REFRESH_LONGEST = 4  # s, begun: the longest that was seen was 2.8 s; the semaphore tells of it when it is over
REFRESH_WAIT = 0.05  # s: a refresh at rest makes requests wait 0.01 s; one that held an update up for 1.6 s showed 0.07
SLOW_PING = 250.0  # ms: pings over a loaded Orion took 1 to 60
LOOKUP = 1.0  # s: a name server that answers takes milliseconds

# Growth
STEADY = 0.05  # of a figure: it moves by less all the time
FEW_MORE = 5  # connections, descriptors, threads: fewer may come and go by themselves
LEAK = 100  # bytes per notification: the least that a soak is to find
LEAST = 0.75 * LEAK  # what grows by less is steady: the stand-in's own memory grew by 60 in 18 cycles
LEAST_CYCLES = 10  # in which memory is to be seen before a growth is called a leak
ALREADY = 0.5  # of the first level: who has grown by as much before that leaks, if it goes on as it began
FALLS_OFF = 0.6  # of the earlier growth: slower than that is settling
