"""Removes what runs left in a broker: `python -m scenario.cleanup --host URL [--service NAME] [--service-path PATH]`.

Removes subscriptions and entities of this test only: those of one run (--run), or of all.
"""

from __future__ import annotations

import argparse
import re
import sys

from scenario.errors import BrokerError, OptionError
from scenario.outputs.streams import keep_streams
from scenario.peers import recognise
from scenario.settings import values
from scenario.settings.access import Access
from scenario.settings.arguments import DEFAULT_HOST, DEFAULT_SERVICE, DEFAULT_SERVICE_PATH, add_access


def main() -> int:
    """Remove them, and print their number. Return 0; 1 if something is left."""
    parser = argparse.ArgumentParser(prog="python -m scenario.cleanup", description=__doc__.partition(":")[0])
    parser.add_argument("--host", default=DEFAULT_HOST, type=values.broker_url, help="the broker")
    parser.add_argument("--broker", default=values.AUTO, type=values.broker, help="its kind: auto, orion, ngsi-ld")
    parser.add_argument("--service", default=DEFAULT_SERVICE, type=values.service)
    parser.add_argument("--service-path", default=DEFAULT_SERVICE_PATH, type=values.service_path)
    parser.add_argument("--run", default="", type=_run, help="id of a run, as its subscriptions' description ends")
    add_access(parser.add_argument)
    keep_streams(plain=True)
    options = parser.parse_args()
    access = Access(**{name: getattr(options, name) for name in Access.__annotations__})
    try:
        access.check()
    except OptionError as error:
        parser.error(str(error))
    removed = 0
    try:
        kind = recognise(options.broker, options.host, options.service, access)
        for scope in (kind.scope_of(options.service_path), kind.client_scope()):
            for _ in kind(options.host, options.service, scope, options.run, access).remove_all():
                removed += 1
                if removed % 1000 == 0:
                    print(f"{removed} subscriptions removed so far", file=sys.stderr)
    except (BrokerError, KeyboardInterrupt) as error:
        print(f"{removed} subscriptions removed, then: {str(error) or 'stopped'}", file=sys.stderr)
        return 1
    print(f"{removed} subscriptions removed, and the test's entities")
    return 0


def _run(text: str) -> str:
    if text and not re.fullmatch("[0-9a-f]{32}", text):
        raise argparse.ArgumentTypeError(f"takes the 32 hex digits of a run, not {text!r}")
    return text


if __name__ == "__main__":
    sys.exit(main())
