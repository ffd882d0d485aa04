"""What the broker's process did when it was NOK or slow: its CPU time, and whether it went on accepting connections."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

from scenario.run.results import Row
from scenario.verdict.figures import grown
from scenario.verdict.resources import Resources, measured, was_stopped

BUSY = 0.9  # of the CPUs that the broker may use, or of the host's
STILL = 0.02  # s of CPU per second: a process that runs needs more, if only to say no
_MOST, _FEW = 0.8, 3  # of the rows; rows


@dataclass(frozen=True)
class Activity(Resources):
    """What it did."""

    def cpu_when(self, seconds: set[int]) -> float | None:
        """Return the CPUs that the broker kept busy in some rows (median); None where nobody can tell."""
        rates = [rate for row, rate in self._per_second("cpu_seconds") if row.second in seconds]
        return median(rates) if rates else None

    @property
    def cpus(self) -> float:
        """CPUs that the broker may use; 1 where nobody tells."""
        return next((sample.cpus for sample in self.process if sample.cpus), 1.0)

    @property
    def throttled(self) -> float:
        """The share of the time for which a CPU quota kept the broker waiting, at most over the NOK or slow rows."""
        rates = [rate for row, rate in self._per_second("throttled_seconds") if row.second in self.suffering]
        return max(rates, default=0.0)

    @property
    def host_busy(self) -> bool:
        """Tell whether the host had no CPU to spare in the rows that were NOK or slow."""
        idle = [rate for row, rate in self._per_second("host_idle_seconds") if row.second in self.suffering]
        return bool(idle) and median(idle) < 1 - BUSY

    @cached_property
    def suffering(self) -> set[int]:
        """The seconds of the rows in which GET /version failed or took longer than the SLO; or else another client."""
        return {row.second for row in (*self.nok, *self.slow)} or {row.second for row in self.client_slow}

    @cached_property
    def client_slow(self) -> list[Row]:
        """The rows in which it was right, and a right answer to the ordinary client slower than the SLO."""
        return [row for row in self.probed if row.version_ok and self.late(row)]

    def late(self, row: Row) -> list[float]:
        """Return the latencies in ms of the ordinary client's right answers that took longer than the SLO."""
        if row.client is None:
            return []
        slo, client = self.hold.options.version_slo, row.client
        answers = ((client.update_latency, client.update_error), (client.query_latency, client.query_error))
        return [latency for latency, error in answers if not error and latency is not None and latency > slo]

    def _per_second(self, counter: str) -> list[tuple[Row, float]]:
        """Return by how much a counter grew per second, for each row that follows one with a count."""
        told = [(row, row.connections) for row in self.hold.rows if row.connections]
        counts = [(row, s.at, getattr(s, counter)) for row, s in told if getattr(s, counter) is not None]
        return [
            (row, max(0.0, (now - before) / (at - earlier)))
            for (_, earlier, before), (row, at, now) in pairwise(counts)
            if at > earlier
        ]

    @property
    def stands_still(self) -> bool | None:
        """Tell whether the process did nothing in the silent rows: spent no CPU; where nobody tells, opened nothing.

        One that goes on answering on connections that were open before does something.
        """
        if self.stopped:
            return True
        if self.queue_silent is False:
            return False
        silent = measured(self.silent)
        seconds = {row.second for row in self.silent[1:]}
        spent = self.cpu_when(seconds)
        if spent is not None:
            return spent < STILL
        figures = {(sample.fds, sample.threads, sample.nofile) for sample in silent}
        return len(figures) == 1 if len(silent) > 1 else None

    @property
    def stopped(self) -> bool:
        """Tell whether the process was seen to be stopped in a row in which it answered nobody."""
        nobody = [row for row in self.silent if row.queue is None or row.queue.error]
        return any(map(was_stopped, nobody))

    @property
    def queue_silent(self) -> bool | None:
        """Tell whether GET /statistics, on a connection that was open before, was not answered either."""
        asked = [row.queue for row in self.silent if row.queue]
        return sum(bool(sample.error) for sample in asked) > _MOST * len(asked) if asked else None

    @property
    def still(self) -> str:
        """Say what shows that the process stood still."""
        states = sorted({sample.state for sample in self.process_when_nok if sample.state})
        spent = self.cpu_when({row.second for row in self.silent[1:]})
        told = "" if spent is None else f"it spent {spent:.3f} s of CPU per second"
        state = f"state {'/'.join(states)}" if states else ""
        return ", ".join(filter(None, (told, state))) or "its descriptors and threads never moved"

    @property
    def answered_again(self) -> bool:
        """Tell whether GET /version was answered after the last silent row."""
        return bool(self.silent) and self.probed[-1].version_ok

    @property
    def too_little_cpu(self) -> bool | None:
        """Tell whether the broker used all the CPU that it could get when it was NOK or slow."""
        spent = self.cpu_when(self.suffering)
        if self.throttled > BUSY / 4 or (self.host_busy and (spent is None or spent > STILL)):
            return True  # one that asks for none lacks none, however busy its host is
        return None if spent is None else spent >= BUSY * self.cpus or (self.always_ready and spent > STILL)

    @property
    def always_ready(self) -> bool:
        """Tell whether it was running or ready to run (R) in nearly all these rows: it waited for nothing but a CPU."""
        states = [row.connections.state for row in self.hold.rows if row.second in self.suffering and row.connections]
        return len(states) > _FEW and sum(state.startswith("R") for state in states) > _MOST * len(states)

    # Its port

    @cached_property
    def listen_queue(self) -> int:
        """The most connections that waited to be accepted in a NOK row."""
        return max((sample.listen_queue or 0 for sample in self.process_when_nok), default=0)

    @property
    def dropped_before_accept(self) -> int:
        """Connections that found the listen queue full, on the broker's host."""
        return grown(self.process, "listen_overflows")

    @property
    def not_accepted(self) -> bool | None:
        """Tell whether connections waited at the broker's port while it was silent; None: at a port of its host."""
        if all(sample.listen_queue is None for sample in self.process_when_nok):
            return None
        return self.listen_queue > 1 or (None if self.dropped_before_accept else False)
