"""Causes that lie with what the broker talks to: its database and the listeners; and with the inspector."""

from __future__ import annotations

from collections import Counter

from scenario.preflight.limits import SPARE
from scenario.verdict.causes.cause import Cause


def _counted(errors: Counter[str]) -> str:
    return ", ".join(f"{error} in {count} rows" for error, count in errors.items())


PEERS = (
    Cause(
        "database-hangs",
        "the broker's database stands still: updates and queries wait for it, while GET /version is answered",
        (lambda s: len(s.hanging) > 1,),
        lambda s: (
            f"no answer to the ordinary client in {len(s.hanging)} of {len(s.served)} rows, "
            f"from second {s.hanging[0].since_trigger} to {s.hanging[-1].since_trigger}"
        ),
        "see the database's host, disk and locks; Orion itself sets such a query no limit of time",
        (lambda s: s.database_trouble, lambda s: (s.nok or s.slow) and s.too_little_cpu),
    ),
    Cause(
        "database-down",
        "the broker's database does not answer",
        (lambda s: s.database_trouble,),
        lambda s: f"{s.database_trouble}",
        lambda s: (
            "start it, then the broker anew: it was started before its database answered"
            if "null" in s.database_trouble
            else "start it, and see that the broker's -dbhost (-dbURI) and --mongo name the same one"
        ),
    ),
    Cause(
        "multiservice",
        "the broker keeps the subscriptions elsewhere than in the service's database, so they pile up run after run",
        (lambda s: s.hold.progress.left,),
        lambda s: f"{s.hold.progress.left} are left after its database was dropped",
        "start the broker with -multiservice; if it has it, --mongo names another database than its own",
    ),
    Cause(
        "privilege",
        "the inspector may not look into the broker's process",
        (lambda s: s.unprivileged,),
        lambda s: f"it said so in {len(s.unprivileged)} of {len(s.hold.rows)} rows",
        "run it as the user that runs the broker, as in sudo -u orion python3 connection_inspector.py",
    ),
    Cause(
        "listener-down",
        "a listener is down or cannot be reached",
        (lambda s: s.unreachable,),
        lambda s: f"{_counted(s.unreachable)}; {s.sent_error} notifications failed",
        "start it (python -m listener -delay 5m) where --notify-url says",
    ),
    Cause(
        "listener-nofile",
        "the listener ran out of file descriptors, before the broker did",
        (lambda s: s.listener_took_too_few,),
        lambda s: (
            f"it took {s.accepted} of the {s.held} connections that the broker holds; accept failed {s.pauses} times"
        ),
        lambda s: f"start it after ulimit -n {s.wanted + SPARE}",
    ),
)
