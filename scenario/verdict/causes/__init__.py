"""The table of causes, the most specific first; `sh setup_scripts/rehearse.sh --cause NAME` shows each.

The symptoms were measured on a real Orion. docs/causes.md says which only on the stand-in broker.
"""

from scenario.peers import kind_of
from scenario.settings.options import Options
from scenario.verdict.causes.behind import BEHIND
from scenario.verdict.causes.cause import Cause
from scenario.verdict.causes.front import BUSY_HOST, BUSY_TESTER, FRONT
from scenario.verdict.causes.http_server import SERVER, SLOWNESS
from scenario.verdict.causes.ngsild import NGSILD
from scenario.verdict.causes.orion import NOTIFICATIONS, STARVED
from scenario.verdict.causes.peers import PEERS
from scenario.verdict.causes.process import PROCESS

CAUSES = (*PROCESS, *FRONT, *PEERS, *BEHIND, *SERVER, *NOTIFICATIONS, STARVED, SLOWNESS, BUSY_HOST, BUSY_TESTER)
# Of these, those that make sense there by the same evidence
_ALSO = ("privilege", "listener-nofile", "threads", "nofile", "frozen", "overloaded", "listen-queue")
_ALSO_DATABASE = ("database-hangs", "database-away", "database-down")
_ALSO_SLOW = (SLOWNESS, BUSY_HOST, BUSY_TESTER)
CAUSES_OF_NGSILD = (
    *PROCESS,
    *FRONT,
    *(cause for cause in (*PEERS, *SERVER) if cause.name in (*_ALSO, *_ALSO_DATABASE)),
    *NGSILD,
    *_ALSO_SLOW,
)


def causes_of(options: Options) -> tuple[Cause, ...]:
    """Return the causes that the options' kind of broker can have."""
    return CAUSES_OF_NGSILD if kind_of(options).speaks_ngsild else CAUSES
