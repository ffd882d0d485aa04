"""The table of causes, the most specific first; `sh setup_scripts/rehearse.sh --cause NAME` shows each.

How each looks was measured on a real Orion: docs/causes.md tells which, and which only on the stand-in broker.
"""

from scenario.verdict.causes.behind import BEHIND
from scenario.verdict.causes.front import BUSY_HOST, BUSY_TESTER, FRONT
from scenario.verdict.causes.notifications import NOTIFICATIONS, STARVED
from scenario.verdict.causes.peers import PEERS
from scenario.verdict.causes.process import PROCESS
from scenario.verdict.causes.server import SERVER, SLOWNESS

CAUSES = (*PROCESS, *FRONT, *PEERS, *BEHIND, *SERVER, *NOTIFICATIONS, STARVED, SLOWNESS, BUSY_HOST, BUSY_TESTER)
