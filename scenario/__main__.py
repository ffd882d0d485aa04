"""`python -m scenario` lists the scenario's options; with `--figures` the figures of `--limit` and `--json`.

`locust --help` ends before it reads a locustfile, so it cannot list them.
"""

from __future__ import annotations

import argparse

from locust.argument_parser import LocustArgumentParser

from scenario.outputs.streams import keep_streams
from scenario.settings.arguments import add_arguments
from scenario.verdict.expectations import add_limit
from scenario.verdict.measures import MEASURES
from scenario.web.metrics_port import add_metrics_port


def main() -> None:
    """Print the options that the scenario adds to Locust's, or the figures."""
    keep_streams(plain=True)
    asked = argparse.ArgumentParser(prog="python -m scenario", add_help=False)
    asked.add_argument("--figures", action="store_true")
    if asked.parse_known_args()[0].figures:
        for measure in MEASURES:
            print(f"{measure.name:<16} {measure.unit:<14} {measure.meaning}")
        return
    parser = LocustArgumentParser(prog="locust", usage="locust [options]", add_env_var_help=True)
    add_arguments(parser)
    add_limit(parser)
    add_metrics_port(parser)
    parser.print_help()


if __name__ == "__main__":
    main()
