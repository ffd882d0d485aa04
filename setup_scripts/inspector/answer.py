"""The one method that a client may call, and what it answers.

Connections, by state, {"ESTABLISHED": 5010, ...}: `states`, all; `inbound`, at the local port `port`;
`to_listeners`, whose remote end is one of `listeners`, "host:port"; `others`, the rest by remote end, most first;
`listener_ports`: local ports that lead to the listeners, from the lowest to the highest, taken there by anyone.
`listen_queue`, `listen_backlog`: connections that wait to be accepted at `port`, and how many may, of the fullest
socket; `also_listening`: pids of others at that port and address, 0 for one that may not be looked into.

`listener_addresses`: {"host:port": [IP, ...]}, all that these names have had on this host; `unresolved`: {"host:port":
why}, those that could not be looked up just now; `lookup_seconds`: what the slowest took, or has taken until now.

`fds`: open descriptors; `free_below_1024`: free numbers for more; `nofile`: soft limit; `threads`; `rss`: bytes;
`threads_limits`, `memory_limits`: each that holds, where it is set and what is used of it by whomever it holds for,
that with the least left first; `threads_refused`, `oom_kills`: by the control group, `host_oom_kills`: anywhere.
`state`: as in ps(1), T when any of its processes is stopped; `cpu_seconds`: spent; `cpus`: that it may use;
`throttled_seconds`, `throttled_periods`: by a quota. `listen_overflows`, `listen_drops`, `retransmits`, `resets`,
`connect_failures`, `syn_retransmits`: counted by the network namespace.
`pid`; `name`; `command_line`; `started`: seconds since 1970; `ephemeral_ports`: [lowest, highest] for outgoing
connections; `inspector`: which one answers, its host, pid and start.

`host_cpus`; `host_busy_seconds`, `host_idle_seconds`, `host_steal_seconds`: of all of them; of what was spent since the
first sample `database_cpu_seconds`, `listener_cpu_seconds`, `tester_cpu_seconds` (Locust) by these, where they are on
this host; `cpu_of_others`: {process name: CPUs since the last look} of those who took most. The last four are in
each sample while the CPUs are busy, else in each tenth.

null: there is none, or it cannot be seen. Connections, `fds`, `nofile`, `threads`, `cpu_seconds` and `rss` are the
sums of the broker and its descendants; a connection they share counts once, pages they share in each one's `rss`.
Once one of several is at its own limit, `nofile` is what they had open then, all in all: it is used up, even if
others have some left.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import psutil

from inspector.descriptors import descriptor_table
from inspector.errors import NO_PROCESS, NOT_ALLOWED, InspectionFailed
from inspector.finding import find_broker
from inspector.names import Names

if TYPE_CHECKING:
    from inspector.addresses import Address
    from inspector.broker import Broker

DEFAULT_NAME = "contextBroker"
MAX_LISTENERS, MAX_TEXT = 64, 300  # host:port, and characters of each
_lock = threading.Lock()
_names = Names()
_ID = f"{socket.gethostname()} process {os.getpid()} since {psutil.Process().create_time():.2f}"
_brokers: dict[tuple[str, int], Broker] = {}  # the last that was asked for, or none


def inspect(
    port: int, listeners: tuple[str, ...] = (), evidence: bool = False, *, process_name: str = DEFAULT_NAME
) -> str:
    """Return as JSON what is known of the broker's process, see above, or {"error": "<sentence>", "kind": "<why>"}.

    `kind` is NO_PROCESS, NOT_ALLOWED, KILLED_FOR_MEMORY, KILLED_ON_HOST, or "". With `evidence` it is
    {"evidence": "<text>"} instead: the descriptor table, in at most some dozens of lines.
    """
    try:
        _check(port, listeners, evidence)
        if evidence:
            return json.dumps({"evidence": descriptor_table(find_broker(process_name, port))})
        addresses, names = _names.look(listeners)
        with _lock:
            return json.dumps({**_sample(process_name, port, addresses), **names, "inspector": _ID})
    except InspectionFailed as error:
        reason, kind = str(error), error.kind
    except (PermissionError, psutil.AccessDenied):
        reason = f"may not look into {process_name}: run the inspector as the user that runs the broker"
        kind = NOT_ALLOWED
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        reason, kind = f"{process_name} ended while it was looked at", NO_PROCESS
    except OSError as error:
        reason, kind = f"cannot count the connections of {process_name}: {error}", ""
    return json.dumps({"error": reason, "kind": kind})


def _check(port: object, listeners: object, evidence: object) -> None:
    # exact types: what does not come by value is an object of the client's, with the client's methods
    right = type(port) is int and 0 < port < 65536 and type(evidence) is bool and type(listeners) is tuple
    texts = listeners if type(listeners) is tuple else ()
    if not right or len(texts) > MAX_LISTENERS or not all(type(one) is str and len(one) <= MAX_TEXT for one in texts):
        raise InspectionFailed(f"it takes a port and at most {MAX_LISTENERS} host:port of {MAX_TEXT} characters")


def _sample(process_name: str, port: int, listeners: frozenset[Address]) -> dict[str, Any]:
    known = broker = _brokers.get((process_name, port))
    if not broker or not broker.process.is_running() or broker.process.status() == psutil.STATUS_ZOMBIE:
        try:
            broker = find_broker(process_name, port)
        except InspectionFailed as error:
            raise (known.end(str(error)) if known and error.kind == NO_PROCESS else error) from None
    try:
        seen = broker.sample(listeners)
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        seen = broker.sample(listeners)  # a child has ended meanwhile, which is no news; or the broker itself
    _brokers.clear()
    _brokers[process_name, port] = broker
    return seen
