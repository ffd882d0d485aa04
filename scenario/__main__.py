"""`python -m scenario` lists the scenario's options: `locust --help` ends before it has read a locustfile."""

from __future__ import annotations

from locust.argument_parser import LocustArgumentParser

from scenario.settings.arguments import add_arguments


def main() -> None:
    """Print the options that the scenario adds to Locust's."""
    parser = LocustArgumentParser(prog="locust", usage="locust [options]", add_env_var_help=True)
    add_arguments(parser)
    parser.print_help()


if __name__ == "__main__":
    main()
