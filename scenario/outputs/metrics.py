"""The last row as metrics, named by Prometheus' conventions (https://prometheus.io/docs/practices/naming).

Names, units and help come from scenario.outputs.columns: `connections_` and the column's name, in seconds and bytes;
what only rises ends in `_total`. What was not measured has no sample: a missing figure is never 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, StateSetMetricFamily
from prometheus_client.registry import Collector

from scenario.outputs.columns import ANSWERS, COLUMNS, Column
from scenario.outputs.history import READY, RUNNING, History
from scenario.run.results import Row
from scenario.verdict.outcomes import EXIT_CODES

COUNTERS = frozenset(  # columns that only grow until their process restarts
    (
        *("sent_ok", "sent_error", "rejected", "listen_overflows", "listen_drops", "retransmits", "resets"),
        *("broker_cpu_seconds", "throttled_seconds", "host_idle_seconds", "host_steal_seconds"),
        "threads_refused",
        *("oom_kills", "host_oom_kills", "sem_wait_sub_cache_seconds", "cache_refreshes"),
    )
)
STATES = (READY, RUNNING, *EXIT_CODES)
_BASE = {"ms": "seconds", "s": "seconds", "bytes": "bytes"}  # the others are counts without a suffix
_LEFT_OUT = {"second", "sum"}  # derived from other columns
_COLUMNS = [
    column for column in COLUMNS if (column.unit or column.name in (*ANSWERS, "step")) and column.name not in _LEFT_OUT
]


class RunCollector(Collector):
    """Metrics of the current or last run. It reads only the last row, so a scrape costs the same in a long run."""

    def __init__(self, history: History) -> None:
        self._history = history

    def collect(self) -> Iterator[Metric]:
        """Yield each metric, with its sample if there is one."""
        history = self._history
        row = history.rows[-1] if history.rows else None
        states = {state: state == history.state for state in STATES}
        phases = {str(history.phase): True} if history.phase else {}
        yield InfoMetricFamily("connections_run", "broker under test", {"host": history.host})
        yield StateSetMetricFamily("connections_state", "READY, RUNNING, or the last run's outcome", states)
        yield StateSetMetricFamily("connections_phase", "the run's phase", phases)
        yield GaugeMetricFamily("connections_subscriptions", "connections: number to hold now", history.subscriptions)
        yield CounterMetricFamily("connections_rows", "rows: of this run so far, one per second", len(history.rows))
        for name, count in history.nok.items():
            yield CounterMetricFamily(f"connections_{name}_nok", f"rows: of this run whose {name} was NOK", count)
        measured = row.at if row else None
        yield GaugeMetricFamily("connections_row_timestamp", "when the row was measured", measured, unit="seconds")
        for column in _COLUMNS:
            yield _metric(column, row)


def _metric(column: Column[Row], row: Row | None) -> Metric:
    value = None if row is None else column.value(row)
    if column.name in ANSWERS:
        ok = None if value is None else float(value == "OK")
        meaning = column.meaning.removeprefix("OK or NOK: ")
        return GaugeMetricFamily(f"connections_{column.name}_ok", f"1: OK, 0: NOK: {meaning}", ok)
    unit = _BASE.get(column.unit, "")
    name = f"connections_{column.name.removesuffix('_ms')}"
    meaning = f"{unit or column.unit}: {column.meaning}" if column.unit else column.meaning
    if column.unit == "ms" and value is not None:
        value /= 1000
    family = CounterMetricFamily if column.name in COUNTERS else GaugeMetricFamily
    return family(name, meaning, value, unit=unit)


def registry(history: History) -> CollectorRegistry:
    """Return the registry for a scrape."""
    made = CollectorRegistry()
    made.register(RunCollector(history))
    return made
