"""Holds for the tests: the rows of a healthy broker, and changes to them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

from locust.argument_parser import LocustArgumentParser

from scenario.run.found import Found
from scenario.run.progress import Progress
from scenario.run.records import IdleClients, Update
from scenario.run.results import Row
from scenario.run.samples import (
    ClientSample,
    ConnectionSample,
    DatabaseSample,
    HealthySample,
    ListenerSample,
    QueueSample,
    VersionSample,
)
from scenario.run.schedule import Schedule
from scenario.settings.arguments import add_arguments
from scenario.settings.options import Options
from scenario.verdict.hold import Hold

START, TRIGGER, END = 1000, 1003, 1020


def options(**changed: object) -> Options:
    """Return the default options for 100 subscriptions, with changes."""
    parser = LocustArgumentParser()
    add_arguments(parser)
    parsed = Namespace(**vars(parser.parse_args([])), run_time=None)
    return Options.from_namespace(parsed).changed(**{"subscriptions": 100, **changed})


def row(second: int) -> Row:
    held = 100 if TRIGGER < second < 1015 else 0
    idle = 10 if second > 1006 else 0
    queued, answered = counted_by_then(second)
    return Row(
        second,
        second - TRIGGER,
        "observe",
        VersionSample(second, second + 0.001, 5.0),
        QueueSample(second, second + 0.001, 0, 0, answered, 0, 0, entered=queued),
        ConnectionSample(
            *(second, second + 0.001, 12 + held + idle, 100 if second >= 1015 else 0, 300, 1, 10**8), to_listeners=held
        ),
        listened(second, held),
        ClientSample(second, second + 0.001, 4.0, "", 3.0, ""),
        HealthySample(second, second + 0.8, 10, 0, 0, 0, p50=8.0, p99=14.0, slowest=14.0, clock_error=0.4),
        database=DatabaseSample(second, second + 0.001, 1.0),
    )


def counted_by_then(second: int) -> tuple[int, int]:
    """Return the notifications that the broker has queued and had answered: the healthy subscribers' are among them."""
    of_healthy = 10 * (second - START)
    return of_healthy + 100 * (second > TRIGGER), of_healthy + 100 * (second >= 1015)


def listened(second: int, held: int) -> ListenerSample:
    """Return the listeners' figures. After the update, all notifications have arrived."""
    all_of_it = 100 if second > TRIGGER else 0
    number = TRIGGER * 1000 if second > TRIGGER else 0
    notified = (number, all_of_it, all_of_it, 0)
    return ListenerSample(second, second + 0.001, held, all_of_it, 100 * (second >= 1015), 0, 0, *notified)


def passing() -> Hold:
    """Return a run that passes."""
    progress = Progress(created=100, update=Update(TRIGGER, 90.0), idle=IdleClients(1006.5, 10, 10))
    rows = [row(second) for second in range(START, END + 1)]
    return Hold(options(), progress, Schedule(START, TRIGGER, END), rows, Found(options()))


def changed(hold: Hold, change: Callable[[Row], Row | None]) -> Hold:
    """Return a hold with changed rows; a row that becomes None is left out."""
    return replace(hold, rows=[new for old in hold.rows if (new := change(old)) is not None])
