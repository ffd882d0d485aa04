"""Seeding with the scenario's users against the original's way, `requests.post` one by one, each on a fresh connection.

    python -m tests.benchmarks.seeding [subscriptions] [rounds]

Prints seconds and their ratio, medians over the rounds; the two take turns on the same rehearsal broker.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from statistics import median

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

import gevent
import requests

from scenario.peers import broker_of
from scenario.run import events
from scenario.run.link import Link
from scenario.run.records import Seeded
from scenario.run.run import Run
from scenario.run.schedule import Clock
from scenario.settings.arguments import add_arguments
from scenario.settings.options import SEEDERS, Options
from scenario.users.load import SubscriptionSeeder
from scenario.users.run_user import RunUser
from tests.support.processes import Processes
from tests.support.stack import Stack, start_mongo


def one_by_one(options: Options, count: int) -> float:
    """Create `count` subscriptions the original's way; return the seconds it took."""
    started = time.perf_counter()
    asked = broker_of(options).subscribe(options.load.notify_urls[0])
    for _ in range(count):
        answer = requests.post(options.broker.host + asked.path, data=asked.body, headers=asked.headers, timeout=10)
        assert answer.status_code == 201
    return time.perf_counter() - started


class Seeding:
    """The scenario's own seeding, in this process."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.environment = Environment(user_classes=[SubscriptionSeeder], host=options.broker.host)
        self.runner = self.environment.create_local_runner()
        self.link = RunUser.link = Link(self.environment)
        self.created = 0
        events.on(Seeded, self._count)

    def _count(self, record: Seeded, **_: object) -> None:
        assert not record.refused, record.error
        self.created += record.created

    def create(self, count: int) -> float:
        """Create `count` subscriptions; return the seconds it took."""
        self.created = 0
        self.link.begin(Run(self.options, Clock.showing(time.time())))
        self.link.announce([range(count)])
        started = time.perf_counter()
        self.runner.start(SEEDERS, SEEDERS)
        while self.created < count:
            gevent.sleep(0.005)
        took = time.perf_counter() - started
        self.runner.stop()
        return took


def main() -> None:
    """Print the comparison."""
    given = [int(text) for text in sys.argv[1:]]
    count, rounds = [*given, *[5000, 3][len(given) :]]
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(Path(folder))
        try:
            stack = Stack(processes, start_mongo(processes), Path(folder))
            stack.start_broker()
            parser = LocustArgumentParser()
            add_arguments(parser)
            parsed = Namespace(**vars(parser.parse_args([])), run_time=None)
            options = Options.from_namespace(parsed).changed(host=f"http://127.0.0.1:{stack.broker_port}")
            seeding = Seeding(options)
            seeding.create(200)  # warm up
            pairs = [(one_by_one(options, count), seeding.create(count)) for _ in range(rounds)]
        finally:
            processes.close()
    slow, fast = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(pair[0] / pair[1] for pair in pairs)
    print(f"{count} subscriptions: one by one {slow:.2f} s, {SEEDERS} seeders {fast:.2f} s, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
