"""`--connections-report`: the run as one HTML page to mail. It needs no network, and its text needs no script.

The verdict, now/min/max, the two charts, the rows around each NOK; folded: evidence, preflight, limits, options,
versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from locust.env import Environment

from scenario.outputs.columns import cells, named, names
from scenario.outputs.files import write
from scenario.outputs.history import History
from scenario.outputs.json_result import versions
from scenario.outputs.page import page
from scenario.run import events
from scenario.run.results import Row, Verdict
from scenario.settings.options import Options
from scenario.verdict.thresholds import HELD_SHARE, ROWS_SHARE

_AROUND, _MOST = 2, 200  # rows shown before and after a NOK; rows shown in all
_AROUND_NOK = ("second", "time_utc", "phase", "version", "version_latency_ms", "established", "close_wait", "sum",
          "queue_backlog", "listener_held", "broker_fds", "update_latency_ms", "query_latency_ms", "version_error",
          "update_error", "query_error")  # fmt: skip
_SHOWN = named(*_AROUND_NOK)


class ReportFile:
    """Writes the report when the run is judged, also for a refused run, so that no older report is mistaken for it."""

    def __init__(self, environment: Environment, history: History) -> None:
        self.environment, self.history = environment, history
        events.on(Verdict, self._write)

    def _write(self, _verdict: Verdict, **_: Any) -> None:
        assert self.environment.parsed_options is not None
        if path := self.environment.parsed_options.connections_report:
            write(path, render(self.history))


def render(history: History) -> str:
    """Return the page."""
    data = history.snapshot()
    return page(
        "report.html",
        {**data, "causes": [], "reasons": [], "table": []},  # they are in the text
        history=history,
        began=datetime.fromtimestamp(history.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        table=data["table"],
        around=list(_around_nok(history.rows)),
        shown=names(_SHOWN),
        step_columns=data["step_columns"],
        steps=data["steps"],
        limits=_limits(history.options),
        options=_options(history.options),
        versions=_versions(history),
    )


def _around_nok(rows: list[Row]) -> Iterator[list[object] | None]:
    """Yield the cells of the rows around each NOK, and None for omitted rows."""
    near = sorted(
        {
            other
            for number, row in enumerate(rows)
            if row.nok
            for other in range(max(0, number - _AROUND), min(len(rows), number + _AROUND + 1))
        }
    )
    for before, number in zip([-1, *near], near[:_MOST], strict=False):
        if number != before + 1:
            yield None
        yield cells(_SHOWN, rows[number])
    if len(near) > _MOST:
        yield None


def _options(options: Options | None) -> dict[str, str]:
    """Return the options in words."""
    if options is None:
        return {}
    values = {
        **options.by_name(),
        "notify_urls": ", ".join(options.load.notify_urls),
        "duration": f"{options.load.duration:.0f} s",
        "baseline": f"{options.load.baseline} s",
        "hold": f"{options.load.hold} s",
        "version_slo": f"{options.limits.version_slo:.0f} ms",
        "healthy_slo": f"{options.healthy_limit:.0f} ms",
    }
    words = {True: "yes", False: "no"}
    return {
        name.replace("_", " "): words[value] if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


def _limits(options: Options | None) -> dict[str, str]:
    """Return the limits of the verdict in words."""
    if options is None:
        return {}
    limits = options.limits
    return {
        "notifications held at one time": f"at least {HELD_SHARE:.0%} of {options.load.notifications}",
        "version, update, query": f"within {limits.version_slo:.0f} ms; at most {limits.max_nok} rows NOK or slower",
        "rows": f"for at least {ROWS_SHARE:.0%} of the seconds",
        "idle clients": f"all {options.load.idle_connections} accepted, and still answered before they close",
    }


def _versions(history: History) -> dict[str, str]:
    of_parts = versions(history)
    ours = {"Locust": of_parts.locust, "connections stress test": of_parts.connections_stress_test}
    return {"broker": of_parts.broker, **of_parts.libraries, **ours}
