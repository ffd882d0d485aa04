"""The figures of a hold, defined once for limits, JSON and documentation.

Figures cover the time after the update. "At rest" is the median of the rows before it. None: not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from scenario.run.results import Row
from scenario.run.tries import percentile
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.counters import grown
from scenario.verdict.liveness import liveness

_Value = Callable[[Evidence], float | None]
MORE, LESS = "more", "less"
_DIGITS = 3  # after the point, of every figure: what is shown is what is compared


@dataclass(frozen=True)
class Measure:
    """A figure: its name, unit, meaning, and how to compute it.

    `worse` is "more" or "less"; empty: runs are not compared by it. `floor` is what two runs of the same broker may
    differ by: the floors are above what they differed by on two busy cores.
    """

    name: str
    unit: str
    meaning: str
    value: _Value
    worse: str = ""
    floor: float = 0

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})"


def _latency(client: str, share: float) -> _Value:
    return lambda e: percentile([value for each in getattr(e, client).since_update for value in each.right], share)


def _nok(client: str) -> _Value:
    def value(e: Evidence) -> float | None:
        answers = getattr(e, client).since_update
        return sum(bool(answer.error) for answer in answers) if answers else None

    return value


_LATENCIES = {  # share, meaning, floor
    "p50": (0.5, "the median", 20),
    "p95": (0.95, "the 95th percentile", 50),
    "p99": (0.99, "the 99th percentile", 100),
    "max": (1.0, "the slowest", 100),
}


def _of_client(client: str, what: str) -> list[Measure]:
    """Return the figures of one client's requests."""
    return [
        *(
            Measure(
                f"{client}_{name}", "ms", f"{what}: {said} of its right answers", _latency(client, share), MORE, floor
            )
            for name, (share, said, floor) in _LATENCIES.items()
        ),
        Measure(f"{client}_nok", "rows", f"{what}: rows without a right answer", _nok(client), MORE),
    ]


def _values(rows: Sequence[Row], sample: str, figure: str) -> list[float]:
    found = (getattr(getattr(row, sample), figure, None) for row in rows)
    return [value for value in found if value is not None]


def _percentile(sample: str, figure: str, share: float) -> _Value:
    """Return a function that gets a percentile of a figure over the seconds since the update."""
    return lambda e: percentile(_values(e.hold.loaded, sample, figure), share)


def _most(sample: str, figure: str, unit: float = 1) -> _Value:
    """Return a function that gets the maximum of a sample's figure since the update."""
    return lambda e: max((value / unit for value in _values(e.hold.loaded, sample, figure)), default=None)


def _counted(sample: str, counter: str) -> _Value:
    """Return a function that gets the growth of a counter."""
    return lambda e: grown([found for row in e.hold.rows if (found := getattr(row, sample))], counter)


def _held_share(e: Evidence) -> float | None:
    held = e.held.most
    return 100 * held / e.load.wanted if held is not None and e.load.wanted else None


def _held_since(e: Evidence) -> float | None:
    return next((second for held, second in e.held.per_row if held > 0 and second in e.held.full), None)


def _trigger(e: Evidence) -> float | None:
    update = e.hold.progress.update
    return None if update is None or update.error else update.latency


def _idle(e: Evidence) -> float | None:
    idle = e.hold.progress.idle
    return idle.answered if idle else None


def _above_rest(e: Evidence, figure: str) -> tuple[float, float] | None:
    """Return the growth of a figure of the process above its level at rest, and that level."""
    rest = _values(e.hold.at_rest, "connections", figure)
    most = _most("connections", figure)(e)
    return (most - median(rest), median(rest)) if rest and most is not None else None


def _each(figure: str, unit: float = 1) -> _Value:
    def value(e: Evidence) -> float | None:
        risen, held = _above_rest(e, figure), e.held.most
        return risen[0] / unit / held if risen and held else None

    return value


def _threads_each(e: Evidence) -> float | None:
    threads, held = _most("connections", "threads")(e), e.held.most
    return threads / held if threads is not None and held else None


def _liveness(e: Evidence) -> float | None:
    return liveness(e.hold.rows).failed if any(row.version for row in e.hold.rows) else None


def _queue_empty_since(e: Evidence) -> float | None:
    rows = [row for row in e.hold.loaded if _values([row], "queue", "backlog")]
    waiting = [row.since_trigger for row in rows if row.queue and row.queue.backlog]
    return max(waiting, default=-1) + 1 if rows else None


def _rss_growth(e: Evidence) -> float | None:
    risen = _above_rest(e, "rss")
    return 100 * risen[0] / risen[1] if risen and risen[1] else None


def _close_wait(e: Evidence) -> float | None:
    return next(iter(_values([*reversed(e.hold.rows)], "connections", "close_wait")), None)


MEASURES = (
    Measure(
        *("held", "notifications", "connections to the listeners above rest, the most at one time"),
        *(lambda e: e.held.most, LESS, 5),
    ),
    Measure("held_share", "%", "share of the notifications that was held", _held_share),
    Measure("held_since", "s", "time at which 99 % of them were held", _held_since, MORE, 2),
    Measure("listener_held", "notifications", "the most that the listeners held", _most("listener", "held"), LESS, 5),
    Measure("trigger_latency", "ms", "time until the triggering update was answered", _trigger),
    Measure(
        *("version_rows", "rows", "`GET /version`: rows with a request"),
        *(lambda e: len(e.version.since_update), LESS, 2),
    ),
    *_of_client("version", "`GET /version`"),
    Measure(
        "liveness_failed",
        "probes",
        "longest series of failed Kubernetes liveness probes; 3 restart the broker",
        _liveness,
    ),
    *_of_client("update", "the ordinary client's update"),
    *_of_client("query", "the ordinary client's query"),
    Measure(
        *("database_p50", "ms", "a ping of the database, to the answer or the error: the median"),
        *(_percentile("database", "latency", 0.5), MORE, 20),
    ),
    Measure(*("database_max", "ms", "the same: the slowest"), *(_percentile("database", "latency", 1.0), MORE, 100)),
    Measure(
        *("cache_wait", "s", "time that the broker's threads waited for the subscription cache, added up"),
        *(_counted("queue", "sub_cache_wait"), MORE, 0.5),
    ),
    Measure(
        *("healthy_p50", "ms", "time until healthy subscribers were notified, median of each second's median"),
        *(_percentile("healthy", "p50", 0.5), MORE, 20),
    ),
    Measure(
        *("healthy_p99", "ms", "the same: no longer in 99 % of the seconds"),
        *(_percentile("healthy", "slowest", 0.99), MORE, 100),
    ),
    Measure("healthy_max", "ms", "the same: the slowest, or the longest wait", _percentile("healthy", "slowest", 1.0)),
    Measure("healthy_lost", "notifications", "to them, lost: later ones came", _counted("healthy", "lost"), MORE),
    Measure("idle_answered", "clients", "idle clients that still got an answer before they closed", _idle),
    Measure("queue_backlog", "notifications", "the most that waited for a worker", _most("queue", "backlog")),
    Measure("queue_empty_since", "s", "time from which none waited any more", _queue_empty_since, MORE, 2),
    Measure("rejected", "notifications", "found the queue full", _counted("queue", "rejected"), MORE, 5),
    Measure("sent_error", "notifications", "failed, counted by the broker", _counted("queue", "sent_error"), MORE, 5),
    Measure("abandoned", "notifications", "given up while listeners held them", _counted("listener", "abandoned")),
    Measure("fds", "descriptors", "of the broker's process, the most", _most("connections", "fds")),
    Measure("fds_each", "descriptors", "above rest, per held notification", _each("fds"), MORE, 0.2),
    Measure("threads", "threads", "of the broker's process, the most", _most("connections", "threads")),
    Measure("threads_each", "threads", "per held notification", _threads_each, MORE, 0.1),
    Measure("rss", "MB", "resident memory of the broker's process, the most", _most("connections", "rss", 1e6)),
    Measure("rss_growth", "%", "growth of that above rest, relative to rest", _rss_growth),
    Measure("rss_each", "kB", "above rest, per held notification", _each("rss", 1e3), MORE, 10),
    Measure("close_wait", "connections", "CLOSE_WAIT, of the broker's process, at the end", _close_wait),
)


def measured(e: Evidence) -> dict[str, float | None]:
    """Return all figures of a hold, by name."""
    figures = ((measure.name, measure.value(e)) for measure in MEASURES)
    return {name: None if value is None else round(float(value), _DIGITS) for name, value in figures}
