"""What the scenario talks to, a room for each: only here is known what a peer says on the wire.

`broker` is what the scenario needs of a broker, `ngsiv2` the kind that there is; another is one more room, chosen here.
"""

from __future__ import annotations

from scenario.peers.broker import Broker
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.settings.options import Options
from scenario.settings.values import CLIENT_PATH


def broker_of(options: Options, run: str = "") -> Broker:
    """Return the broker that the options name, of its kind; what is made there bears the id of the `run`."""
    return Ngsiv2(options.broker.host, options.broker.service, options.broker.service_path, run, options.broker.access)


def client_of(options: Options, run: str = "") -> Broker:
    """Return the same broker, in the service path of the ordinary client: what happens there notifies nobody else."""
    return Ngsiv2(options.broker.host, options.broker.service, CLIENT_PATH, run, options.broker.access)
