"""What the ordinary client met while GET /version was answered: a database that stands still, or is gone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from scenario.run.results import Row
from scenario.verdict.activity import Activity
from scenario.verdict.resources import SILENT

ASKED_FOR = 3  # s, begun: how long an update that gets no answer asks for one
# What Orion 4.7.0 says without its database; "null DB connection" when it was not there at its start
DATABASE_GONE = r"Database Error.*|null DB connection|the database at .*"


@dataclass(frozen=True)
class Clients(Activity):
    """What it met."""

    @cached_property
    def served(self) -> list[Row]:
        """The rows in which GET /version was right and the ordinary client asked."""
        return [row for row in self.probed if row.version_ok and row.client is not None]

    @cached_property
    def hanging(self) -> list[Row]:
        """Those in which its update, or its query, got no answer in time, though GET /version did meanwhile."""
        ill = {row.second for row in (*self.nok, *self.slow)}
        well = [row for row in self.served if ill.isdisjoint(range(row.second, row.second + ASKED_FOR))]
        return [row for row in well if any(error.startswith(SILENT) for error in _errors(row))]

    @cached_property
    def denied(self) -> list[str]:
        """What it was told of the database; or that what it had written was not there."""
        errors = [error for row in self.served for error in _errors(row)]
        return [error for error in errors if re.search(DATABASE_GONE, error) or error == "200 without the entity"]

    @property
    def slow_client(self) -> list[float]:
        """The latencies in ms of its right answers that took longer than the SLO."""
        return [latency for row in self.client_slow for latency in self.late(row)]

    @property
    def database_trouble(self) -> str:
        """What the broker, or the drop, says of the database when it fails."""
        progress, problems = self.hold.progress, self.hold.found.problems
        said = [*progress.failures, *progress.missing, progress.refusal, *self.denied]
        said += [problems[name] for name in ("database", "client") if name in problems]
        trouble = next((words[0] for text in said if (words := re.search(DATABASE_GONE, text))), "")
        return re.sub(r" \(configured.*|[()]", "", trouble) or next(iter(self.denied), "")


def _errors(row: Row) -> list[str]:
    return [error for error in (row.client.update_error, row.client.query_error) if error] if row.client else []
