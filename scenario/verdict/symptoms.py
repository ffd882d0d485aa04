"""What a run's figures show: the symptoms that tell one cause from another.

criteria.py judges by them, diagnosis.py draws its conclusions from them. The command line is looked at only for what
shows nowhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile

from scenario.peers.command_line import Pool
from scenario.verdict.clients import Clients
from scenario.verdict.held import HELD_SHARE, held_per_row
from scenario.verdict.resources import FEW_FREE

REFUSED = "connection refused"
UNREACHABLE = (REFUSED, "no connection within the time limit", "host name unknown")
MANY_PORTS = 50  # from here on it is no accident that every port between the lowest and the highest is taken
_DENSE = 0.6  # of the ports in a row: others may have bound the rest, and few of thousands are far less dense
_MOST = 0.8  # of the rows


@dataclass(frozen=True)
class Symptoms(Clients):
    """The symptoms of a run: some are just there or not, others are what was seen, or empty."""

    @property
    def fell_short(self) -> bool:
        """Tell whether connections were counted, and too few were held."""
        return bool(held_per_row(self.hold)) and self.held < HELD_SHARE * self.wanted

    @property
    def nearly_none_held(self) -> bool:
        """Tell whether there never was more than a connection per listener: all notifications share it."""
        held = [sample.held for sample in self.listener if sample.held is not None]
        return 0 < (max(held) if held else self.held) <= len(set(self.hold.options.listener_addresses)) < self.wanted

    @property
    def ports_exhausted(self) -> bool:
        """Tell whether the local ports are packed: they are chosen at random from the range while some are free."""
        ports, span, taken = self.ports
        return ports >= MANY_PORTS and taken >= _DENSE * span

    @property
    def restarted(self) -> bool:
        """Tell whether the process was replaced; when nobody looks into it, its counters began anew, and it lost what
        it had: another broker behind the same name has counters of its own. It answers.
        """
        refused = any(row.version and row.version.error == REFUSED for row in self.nok)
        lost = refused or not self.listener or self.abandoned > self.few
        began_anew = not self.pids and self.counters_fell and lost
        return self.gone_since is None and (len(self.pids) > 1 or began_anew)

    @property
    def restart(self) -> str:
        """Say what shows that it was replaced."""
        return f"its process was {', then '.join(self.pids)}" if self.pids else "its queue's counters began anew"

    @property
    def counters_fell(self) -> bool:
        """Tell whether the notification queue's counters fell."""
        return any(now < before for before, now in pairwise(sample.entered or 0 for sample in self.queue))

    @cached_property
    def gone_since(self) -> int | None:
        """The second from which on every connection was refused, to the last row; None when it is not so."""
        refused = list(takewhile(lambda row: row.version and row.version.error == REFUSED, reversed(self.probed)))
        return refused[-1].since_trigger if refused and len(refused) < len(self.probed) else None

    @property
    def died(self) -> bool:
        """Tell whether the broker is gone, for good."""
        return self.gone_since is not None

    @property
    def low_numbers_taken(self) -> bool | None:
        """Tell whether hardly a descriptor number below 1024 was free when connections were closed at once."""
        free = [row.connections.free_low for row in self.closed_at_once if row.connections]
        known = [number for number in free if number is not None]
        return sum(number <= FEW_FREE for number in known) > _MOST * len(known) if known else None

    @property
    def out_of_descriptors(self) -> bool:
        """Tell whether the broker came to its limit on descriptors."""
        return self.nofile is not None and self.fds >= self.nofile - FEW_FREE - self.nofile // 100

    @property
    def free_low(self) -> int:
        """The most free descriptor numbers below 1024 in the rows whose connections were closed at once."""
        return max((row.connections.free_low or 0 for row in self.closed_at_once if row.connections), default=0)

    @property
    def queue_untold(self) -> bool:
        """Tell whether GET /statistics was answered, and never with the queue that was asked for."""
        asked = [row.queue for row in self.hold.rows if row.queue]
        return not self.queue and any(not sample.error for sample in asked)

    @property
    def mode(self) -> str:
        """The notification mode's name by the broker's command line; empty when nobody could read that."""
        return self.hold.found.command_line.mode if self.hold.found.process else ""

    @property
    def pool(self) -> Pool | None:
        """The service's notification workers, by the broker's command line; None: there are none, or nobody knows."""
        return self.hold.found.command_line.pool(self.hold.options.service)

    @property
    def workers(self) -> int:
        """Their number; 0: there are none, or nobody knows."""
        return self.pool.workers if self.pool else 0

    @property
    def broker_gave_up(self) -> bool:
        """Tell whether it was the broker that ended notifications without an answer, for their time was over.

        The listeners know who left them. Where they do not tell, the command line does: -httpTimeout was over.
        """
        if self.listener:
            return self.abandoned > self.few
        return self.sent_error > self.few and self.timed_out

    @property
    def lost_on_the_way(self) -> int:
        """Answers of the listeners that never reached the broker, unless that may have had no CPU to take them."""
        return 0 if self.too_little_cpu or self.silent else self.answers_lost

    @property
    def timed_out(self) -> bool:
        """Tell whether those notifications had had the time that -httpTimeout gives them; rows tell it to a second."""
        return self.ended_at + 1 >= self.http_timeout

    @property
    def http_timeout(self) -> float:
        """The broker's -httpTimeout in s, by its command line."""
        return self.hold.found.command_line.http_timeout / 1000

    @cached_property
    def unreachable(self) -> Counter[str]:
        """Which listeners could not be reached, and why, from the trigger on, more than once: "host:port: reason"."""
        samples = [row.listener for row in self.hold.rows if row.listener and row.since_trigger >= 0]
        errors = [error for sample in samples for error in sample.error.split("; ")]
        seen = Counter(error for error in errors if error.partition(": ")[2] in UNREACHABLE)
        return Counter({error: rows for error, rows in seen.items() if rows > 1})

    @property
    def listener_took_too_few(self) -> bool:
        """Tell whether listeners ran out of descriptors: what they did not take is in the kernel's accept queue."""
        return self.pauses > 0 and self.accepted < HELD_SHARE * min(self.held, self.wanted)

    @property
    def unprivileged(self) -> list[str]:
        """What the inspector says when it may not look into the broker's process."""
        errors = [row.connections.error for row in self.hold.rows if row.connections]
        return [error for error in errors if "may not look into" in error]
