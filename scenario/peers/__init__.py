"""What the scenario talks to, a room for each: only here is known what a peer says on the wire.

`broker` is what the scenario needs of a broker. A kind of broker is one room: `ngsiv2`, which Orion speaks, and
`ngsild` with a small room for each product. Which kind answers is found here.
"""

from __future__ import annotations

import requests

from scenario.peers.answers import Answer, ask
from scenario.peers.antares import Antares
from scenario.peers.broker import Broker
from scenario.peers.coraine import Coraine
from scenario.peers.ngsild import NgsiLd
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.peers.orion_ld import OrionLd
from scenario.peers.scorpio import Scorpio
from scenario.settings.access import Access
from scenario.settings.options import Options
from scenario.settings.values import AUTO

_PRODUCTS: tuple[type[NgsiLd], ...] = (OrionLd, Coraine, Scorpio, Antares, NgsiLd)  # the unknown one last
_KINDS: dict[str, type[Broker]] = {Ngsiv2.kind: Ngsiv2} | {kind.kind: kind for kind in _PRODUCTS}
_LAST_BY_VERSION = Coraine  # of those that GET /version tells
_NO_SUCH_PATH = (400, 404, 405)


def kind_of(options: Options) -> type[Broker]:
    """Return the options' kind of broker; while it was not looked for, Orion's."""
    return _KINDS.get(options.broker.kind, Ngsiv2)


def broker_of(options: Options, run: str = "") -> Broker:
    """Return the broker that the options name, of its kind; what is made there bears the id of the `run`."""
    kind = kind_of(options)
    scope = kind.scope_of(options.broker.service_path)
    return kind(options.broker.host, options.broker.service, scope, run, options.broker.access)


def client_of(options: Options, run: str = "") -> Broker:
    """Return the same broker in the ordinary client's scope, in which slow subscriptions are not notified."""
    kind = kind_of(options)
    return kind(options.broker.host, options.broker.service, kind.client_scope(), run, options.broker.access)


def known_to_hold(options: Options) -> int | None:
    """Return the most notifications that the broker holds at one time; None if unknown or unlimited."""
    return kind_of(options).holds(len({*options.slow_addresses}), options.load.updates)


def drops_database(options: Options) -> bool:
    """Whether the reset drops the service's database."""
    return options.broker.reset and kind_of(options).own_database


def recognised(options: Options) -> Options:
    """Return the options with the kind of broker that answers, less what that kind does not have."""
    kind = recognise(options.broker.kind, options.broker.host, options.broker.service, options.broker.access)
    queue_size, pings = options.probes.queue_size and kind.has_queue, options.probes.pings and kind.own_database
    return options.changed(kind=kind.kind, queue_size=queue_size, pings=pings, healthy_apart=kind.speaks_ngsild)


def recognise(name: str, host: str, service: str, access: Access) -> type[Broker]:
    """Return the kind of broker at a URL: as --broker says, or the one whose answer to its own question is right.

    Where nobody answers it is as --broker says, or an Orion. Other paths than /version are asked for where there is
    no such path: what answers that is no other kind.
    """
    if name not in (AUTO, NgsiLd.kind):
        return _KINDS[name]
    otherwise: type[Broker] = Ngsiv2 if name == AUTO else NgsiLd
    answers: dict[str, Answer] = {}
    for kind in _PRODUCTS:
        broker = kind(host, service, kind.scope_of(""), access=access)
        asked = broker.about_request()
        try:
            if asked.path not in answers:
                answers[asked.path] = ask("GET", host + asked.path, broker.headers(asked), access=access)
        except requests.RequestException:
            return otherwise
        if kind.recognises(answers[asked.path]):
            return kind
        if kind is _LAST_BY_VERSION and answers[asked.path].status not in _NO_SUCH_PATH:
            return otherwise
    return otherwise
