"""Causes in front of the broker or on the hosts. The broker is not at fault, so they are INCONCLUSIVE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container

from scenario.peers.failures import Kind
from scenario.verdict.causes.cause import ALIVE, CLIENT, DESCRIPTORS, ENDED, HEALTHY, NOK, SLOW, Cause
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.clients import Answer
from scenario.verdict.of_broker import UNREACHED, neighbours_busy, nothing_reached, tester_busy, waited


def _failed(e: Evidence, kinds: Container[Kind]) -> list[Answer]:
    """Return the answers that failed in one of these ways, in the order of the rows."""
    answers = [answer for client in e.clients for answer in client.failed(kinds)]
    return sorted(answers, key=lambda answer: answer.second)


def _ended(e: Evidence, kinds: Container[Kind]) -> list[str]:
    """Return the texts of such failures outside the rows."""
    return [text for text, kind in e.hold.progress.kinds.items() if kind in kinds]


def _words(e: Evidence, kinds: Collection[Kind]) -> str:
    """Return how often, since when, and with which first text."""
    failed, ended = _failed(e, kinds), _ended(e, kinds)
    if not failed:
        return ended[0]
    rows = Counter(answer.second for answer in failed)
    last = e.version.answers[-1].second if e.version.answers else failed[-1].second
    until = "" if failed[-1].second >= last else f" to {failed[-1].second}"
    return f"in {len(rows)} rows, from second {failed[0].second}{until}: {failed[0].error[:100]}"


def _slow_to_connect(e: Evidence) -> bool:
    """Whether clients had to wait for a connection."""
    return bool(_failed(e, (Kind.NO_CONNECTION, Kind.NO_ANSWER)) or any(client.slow for client in e.clients))


def _who(e: Evidence) -> str:
    taken = [f"{who} {cpus:.2f}" for who, cpus in list(e.host.taken.items())[:4] if cpus >= 0.01]
    rows = f"the {len(e.suffering)} rows in which clients suffered"
    idle = f"{e.host.idle or 0:.2f} of its {e.host.cpus:g} CPUs were idle in {rows}"
    return f"{idle}; CPUs taken: {', '.join(taken)}"


def _by_kind(name: str, says: str, remedy: str, *kinds: Kind) -> Cause:
    """Return a cause that failures of these kinds alone prove, for any client."""
    return Cause(
        name=name,
        says=says,
        needs=[lambda e: bool(_failed(e, kinds) or _ended(e, kinds))],
        explains=NOK | CLIENT | ENDED,
        outside=True,
        evidence=lambda e: _words(e, kinds),
        remedy=remedy,
    )


FRONT = (
    _by_kind(
        "denied",
        "something in front of the broker denied the requests (HTTP 401 or 403)",
        "use a token that stays valid: --header-file is read again when it changes",
        Kind.DENIED,
    ),
    _by_kind(
        "rate-limit",
        "something in front of the broker limits the rate of requests (HTTP 429)",
        "raise the limit for Locust's host, or set --host to the broker itself",
        Kind.TOO_MANY_REQUESTS,
    ),
    _by_kind(
        "redirected",
        "something in front of the broker redirects the requests",
        "set --host to the address that the redirect leads to",
        Kind.REDIRECT,
    ),
    _by_kind(
        "certificate",
        "TLS in front of the broker failed",
        "check the certificate; --ca-file, --cert and --key set your own",
        Kind.CERTIFICATE,
    ),
    _by_kind(
        "tester",
        "the host that runs Locust failed, not the broker",
        "check its name server, routes and limits (ulimit -n)",
        *(Kind.OURS, Kind.NAME_UNKNOWN, Kind.NAME_SERVER, Kind.NO_ROUTE),
    ),
    Cause(
        name="dead-address",
        says="one address of the broker's name does not answer, and Locust tries it first",
        needs=[lambda e: any(e.hold.found.addresses.values()), _slow_to_connect],
        explains=NOK | SLOW | CLIENT,
        outside=True,
        evidence=lambda e: ", ".join(f"{at}: {problem}" for at, problem in e.hold.found.addresses.items() if problem),
        remedy="set --host to the address that answers",
    ),
    Cause(
        name="not-reached",
        says="requests did not reach the broker: it was alive and idle, and no connection waited at its port",
        needs=[nothing_reached],
        supposes=ALIVE | DESCRIPTORS,
        explains=NOK | CLIENT | SLOW | HEALTHY,
        outside=True,
        evidence=lambda e: f"{_words(e, UNREACHED)}; {e.held.number} notifications still held",
        remedy="check what is between Locust and the broker: a gateway, a firewall, a load balancer",
        distinguished_by="its listen queue (ss -lnt)",
    ),
)

BUSY_TESTER = Cause(
    name="busy-tester",
    says="the host that runs Locust was too busy to measure",
    needs=[tester_busy],
    explains=NOK | SLOW | CLIENT | HEALTHY,
    outside=True,
    last_resort=True,
    evidence=lambda e: (
        f"it sent up to {e.tester.late or 0:.0f} ms late, "
        f"and {'an unknown number' if e.tester.idle is None else f'{e.tester.idle:.2f}'} of its CPUs were idle"
    ),
    remedy="run Locust on a host of its own, or with a lower --rate",
)

BUSY_HOST = Cause(
    name="busy-host",
    says="the broker's host had no CPU left for it, because other processes used it",
    needs=[neighbours_busy, waited],
    explains=NOK | SLOW | CLIENT | HEALTHY,
    outside=True,
    last_resort=True,
    evidence=_who,
    remedy="run the test when the host is quiet, or each part on a host of its own",
)
