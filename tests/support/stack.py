"""The embedded stack for the tests: broker, inspector and listener on free ports, and Locust runs against them."""

from __future__ import annotations

import csv
import re
import socket
import sys
import uuid
from datetime import datetime
from pathlib import Path

import psutil
import requests

from scenario.peers.own import DESCRIPTION
from scenario.settings.values import joined
from tests.support.processes import ROOT, Process, Processes, still_there

SUBSCRIPTIONS, SPARE = 60, 20  # workers to spare: for the healthy subscribers
LISTENING = r"listening on .*:(\d+)"


class Stack:
    """Starts the parts on request; each test has a service and a broker's process name of its own.

    All listen on the loopback address `host`.
    """

    def __init__(self, processes: Processes, mongo: str, folder: Path, host: str = "127.0.0.1") -> None:
        self.processes, self.mongo, self.folder, self.host = processes, mongo, folder, host
        unique = uuid.uuid4().hex
        self.service = f"test_{unique[:12]}"
        self.broker_name = f"broker{unique[:8]}"  # at most 15 characters: the kernel's limit
        self.prefix, self.report_log = folder / "run", folder / "report.log"
        self.scope = {"Fiware-Service": self.service, "Fiware-ServicePath": "/test"}

    def start(
        self,
        *broker_options: str | int,
        delay: str = "3s",
        idle: str = "1s",
        workers: int = SUBSCRIPTIONS + SPARE,
        multiservice: bool = True,
        show_queue: bool = True,
    ) -> Stack:
        """Start broker (with `workers` notification workers), inspector and listener."""
        flags = [*["-multiservice"] * multiservice, *["-statNotifQueue"] * show_queue]
        self.start_broker(*flags, *broker_options, workers=workers)
        self.start_inspector()
        self.start_listener(delay, idle)
        return self

    def start_broker(self, *options: str | int, workers: int = SUBSCRIPTIONS + SPARE, port: str = "0") -> Process:
        """Start the rehearsal broker; `self.broker_port` is its port."""
        self.broker = self.processes.start(
            *("python", "-m", "rehearsal", "--name", self.broker_name, "-port", port),
            *("-localIp", self.host, "-dbhost", self.mongo, "-httpTimeout", 600000, "-subCacheIval", 1),
            *("-notificationMode", f"threadpool:60000:{workers}", *options),
            name="broker",
        )
        self.broker_port = self.broker.wait_for(LISTENING)[1]
        return self.broker

    def local(self, port: str) -> str:
        """Return host:port."""
        return joined(self.host, int(port))

    @property
    def subscriptions_url(self) -> str:
        """The broker's subscriptions."""
        return f"http://{self.local(self.broker_port)}/v2/subscriptions"

    def start_inspector(self, port: str = "0") -> Process:
        """Start the inspector; `self.inspector_port` is its port."""
        self.inspector = self.processes.start(
            *("python", "setup_scripts/inspector", "--process-name", self.broker_name),
            *("--host", self.host, "--port", port),
            name="inspector",
        )
        self.inspector_port = self.inspector.wait_for(LISTENING)[1]
        return self.inspector

    def start_listener(self, delay: str, idle: str = "1s") -> Process:
        """Start a slow listener; `self.listener_port` is its port."""
        self.listener = self.processes.start(
            *("python", "-m", "listener", "-host", self.host, "-port", 0, "-delay", delay, "-timeout", idle),
            name="listener",
        )
        self.listener_port = self.listener.wait_for(LISTENING)[1]
        return self.listener

    def options(self, *more: str | int | Path) -> list[str | int | Path]:
        """Return the scenario's options for this stack; later ones win."""
        return [
            *("--host", f"http://{self.local(self.broker_port)}"),
            *("--mongo", self.mongo, "--service", self.service),
            *("--inspector", self.local(self.inspector_port)),
            *("--notify-url", f"http://{self.local(self.listener_port)}/notify"),
            *("--subscriptions", SUBSCRIPTIONS, "--baseline", 1, "--duration", "8s"),
            *("--csv", self.prefix, "--report-log", self.report_log, *more),
        ]

    def locust(self, *more: str | int | Path) -> Process:
        """Start a headless run."""
        return self.locust_process("--headless", "--only-summary", *self.options(*more))

    def locust_process(self, *options: str | int | Path, env: dict[str, str] | None = None) -> Process:
        """Start Locust with exactly these options."""
        locust = Path(sys.executable).with_name("locust")
        return self.processes.start(locust, "--locustfile", ROOT / "locustfile.py", *options, env=env, name="locust")

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the connections CSV."""
        with Path(f"{self.prefix}_connections.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def log_rows(self) -> list[list[str]]:
        """Return [counter, version, queue, established, close wait, sum] of every row in the report log."""
        if not self.report_log.exists():  # it begins when the preflight is over
            return []
        lines = self.report_log.read_text(encoding="utf-8").splitlines()
        return [re.findall(r"-{8,10} (\S+) (?=-)", line) for line in lines if re.search(r"-------- \d", line)]

    def wait_for_row(self, run: Process, number: int) -> None:
        """Wait until the run has printed its row `number` (from 1)."""
        run.wait_for(rf"-------- {number} -------- (OK|NOK) --------", 40)

    def ended(self, run: Process, exit_code: int, within: float = 40.0) -> list[dict[str, str]]:
        """Wait for a run's end, check its exit code, its files and that no process is left, and return its rows."""
        assert run.wait(within) == exit_code, run.output
        # Locust 2.47 itself prints one at times: a worker that the master has told to quit hears SIGTERM, too
        traces = run.output.split("Traceback")[1:]
        assert not [text for text in traces if "in sig_term_handler" not in text], run.output
        alive = still_there(self.processes_of_runs(), 3)
        assert not alive, f"left behind: {alive}"
        return self.complete_rows()

    def processes_of_runs(self) -> list[psutil.Process]:
        """Return the processes of this stack's runs, orphans too: those with its report log on their command line."""
        everybody = psutil.process_iter(["cmdline"])
        return [process for process in everybody if str(self.report_log) in (process.info["cmdline"] or ())]

    def complete_rows(self) -> list[dict[str, str]]:
        """Return the rows. Fail unless every second is there once, in order, on time, and the same in the log."""
        rows = self.rows()
        seconds = [int(row["second"]) for row in rows]
        assert seconds == list(range(seconds[0], seconds[0] + len(seconds))) if seconds else not self.log_rows()
        lates = [moment(row) - int(moment(rows[0])) - number for number, row in enumerate(rows)]
        assert all(0 <= late < 1 for late in lates), lates  # a busy machine may be late, within the second
        figures = [[row["queue_size"], row["established"], row["close_wait"], row["sum"]] for row in rows]
        log = self.log_rows()
        assert [line[:2] for line in log] == [[str(n), row["version"] or "NOK"] for n, row in enumerate(rows, 1)]
        assert [["" if text in ("NOK", "N/A") else text for text in line[2:]] for line in log] == figures
        return rows

    def count_subscriptions(self) -> int:
        """Return how many subscriptions the service has, as the broker counts them."""
        answer = requests.get(self.subscriptions_url, {"options": "count"}, headers=self.scope, timeout=5)
        return int(answer.headers["Fiware-Total-Count"])

    def subscribe(self, count: int, description: str = DESCRIPTION) -> None:
        """Create subscriptions, by default as an earlier run might have left them."""
        body = {
            "description": description,
            "subject": {"entities": [{"idPattern": ".*"}]},
            "notification": {"http": {"url": "http://127.0.0.1:9"}},
        }
        for _ in range(count):
            requests.post(self.subscriptions_url, json=body, headers=self.scope, timeout=5).raise_for_status()

    def received(self) -> int:
        """Return how many notifications the listener has received."""
        stats = requests.get(f"http://{self.local(self.listener_port)}/-/stats", timeout=5).json()
        return int(stats["received"])


def start_mongo(processes: Processes, host: str = "127.0.0.1") -> str:
    """Start a SecantusDB on a free port; return host:port."""
    server = Path(sys.executable).with_name("secantusd-py")
    words = ("--standalone", "--storage-path", ":memory:", "--host", host, "--port", 0)
    return joined(host, int(processes.start(server, *words, name="mongo").wait_for(LISTENING, 30)[1]))


def steps(prefix: Path) -> list[dict[str, str]]:
    """Return the rows of <prefix>_steps.csv."""
    with Path(f"{prefix}_steps.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def moment(row: dict[str, str]) -> float:
    """Return when a row was measured, in s since the epoch."""
    return datetime.fromisoformat(row["time_utc"]).timestamp()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def verdict(process: Process) -> tuple[str, str]:
    """Return outcome and reasons from the console's output."""
    found = re.search(r"Verdict: ([A-Z ]+)\n((?:.*\n?)*)", process.output[process.output.rfind("| Verdict:") :])
    assert found, process.output
    return found[1], found[2]
