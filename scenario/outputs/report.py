"""`--connections-report`: the run as one HTML page to mail. It needs no network, and its text needs no script.

The verdict, now/min/max, the two charts, the rows around each NOK; folded: evidence, preflight, limits, options,
versions.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import locust
from locust.env import Environment

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from scenario.outputs.columns import COLUMNS, STEP_COLUMNS, cells, names
from scenario.outputs.files import write
from scenario.outputs.history import History
from scenario.outputs.json_result import own_version
from scenario.outputs.series import table
from scenario.run import events
from scenario.run.results import Row, Verdict
from scenario.settings.options import Options
from scenario.verdict.thresholds import HELD_SHARE, ROWS_SHARE

_STATIC = Path(__file__).with_name("static")
_AROUND, _MOST = 2, 200  # rows shown before and after a NOK; rows shown in all
_AROUND_NOK = ("second", "time_utc", "phase", "version", "version_latency_ms", "established", "close_wait", "sum",
          "queue_backlog", "listener_held", "broker_fds", "update_latency_ms", "query_latency_ms", "version_error",
          "update_error", "query_error")  # fmt: skip
_SHOWN = tuple(column for name in _AROUND_NOK for column in COLUMNS if column.name == name)


def _plotly_js() -> Path:
    """Return plotly's script from its PyPI package. The package itself is not imported."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0], "package_data", "plotly.min.js")


PLOTLY_JS = _plotly_js()


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
    """Return the page. Texts from outside are escaped: in the text by the template, in the data here."""
    data = json.dumps({**history.snapshot(), "causes": [], "reasons": [], "table": []}, separators=(",", ":"))
    return template("report.html").render(
        history=history,
        began=datetime.fromtimestamp(history.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        table=table(history.figures),
        around=list(_around_nok(history.rows)),
        shown=names(_SHOWN),
        step_columns=names(STEP_COLUMNS),
        steps=[cells(STEP_COLUMNS, step) for step in history.steps],
        limits=_limits(history.options),
        options=_options(history.options),
        versions=_versions(history),
        css=inline("connections.css") + inline("page.css"),
        plotly=Markup(PLOTLY_JS.read_text(encoding="utf-8")),
        chart=inline("chart.js"),
        data=Markup(data.replace("<", "\\u003c")),
    )


def template(name: str) -> Template:
    """Return the template of a page. It escapes its values."""
    templates = Templates(
        loader=FileSystemLoader(_STATIC),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(name)


def inline(name: str) -> Markup:
    """Return the text of a static file, to be put into the page."""
    return Markup((_STATIC / name).read_text(encoding="utf-8"))


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
        "version_slo": f"{options.limits.version_slo:.0f} ms",
    }
    words = {True: "yes", False: "no"}
    return {
        name.replace("_", " "): words[value] if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


def _limits(options: Options | None) -> dict[str, str]:
    """Return the limits of the verdict and of this process."""
    if options is None:
        return {}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = options.limits
    return {
        "notifications held at one time": f"at least {HELD_SHARE:.0%} of {options.load.subscriptions}",
        "version, update, query": f"within {limits.version_slo:.0f} ms; at most {limits.max_nok} rows NOK or slower",
        "rows": f"for at least {ROWS_SHARE:.0%} of the seconds",
        "idle clients": f"all {options.load.idle_connections} accepted, and still answered before they close",
        "open files of this process (Locust)": f"{soft} (hard limit {hard})",
    }


def _versions(history: History) -> dict[str, str]:
    own = own_version()
    return {"broker": history.broker_version, "Locust": locust.__version__, "connections stress test": own}
