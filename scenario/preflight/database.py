"""Checks of the database that will be dropped: it is the broker's, and holds nothing but the test's data."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.peers import drops_database, run_mark
from scenario.peers.database import UNDER_WAY, servers
from scenario.peers.failures import Kind
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check
from scenario.settings.secrets import redacted

CONTENTS = "database contents"  # the only error that --force does not override
NEEDED = "nothing but this test's subscriptions and entities, because it is dropped"


def check_database(found: Found) -> Iterator[Check]:
    """Report what will be dropped, or why it must not be."""
    options, name, contents = found.options, found.database, found.contents
    if not drops_database(options):
        return
    yield from _check_server(found)
    if contents is None:
        problem = found.problems.get("database", "not looked at")
        unknown = found.kinds.get("database") == Kind.CERTIFICATE
        names = "add tlsCAFile=FILE to its URI" if unknown else "set the broker's database with --mongo"
        remedy = f"{names}; or use --no-reset"
        yield Check("database", ERROR, problem, f"it answers, because {name} is dropped", remedy)
    elif contents.run:
        remedy = f"wait for its end, or {run_mark.VALID.seconds} s if it was killed; or use another --service"
        yield Check(CONTENTS, ERROR, f"{UNDER_WAY} in {name}: {contents.run}", "none, because it is dropped", remedy)
    elif options.broker.drop_foreign not in ("", name):
        wrong = f"--drop-foreign {options.broker.drop_foreign}, but the database of the service is {name}"
        yield Check(CONTENTS, ERROR, wrong, "the same name", "check --service and the broker's -db, then the contents")
    elif contents.foreign and not options.broker.drop_foreign:
        holds = "; ".join(map(str, contents.foreign))
        remedy = (
            "choose an unused --service, or drop nothing with --no-reset; "
            f"--drop-foreign {name} drops it with everything in it"
        )
        yield Check(CONTENTS, ERROR, f"{name} at {redacted(options.broker.mongo)} holds {holds}", NEEDED, remedy)
    elif not contents.may_drop:
        remedy = f"give the user the role dbAdmin in {name}, or use another user; or drop nothing with --no-reset"
        user = f"the user of {redacted(options.broker.mongo)}"
        yield Check("database", ERROR, f"{user} may not drop {name}", "the right to drop it", remedy)
    else:
        yield Check("database", OK, f"{redacted(options.broker.mongo)}; {name} will be dropped ({describe(found)})")


def describe(found: Found) -> str:
    """Return in a few words what is in the database that will be dropped."""
    contents = found.contents
    assert contents is not None
    own = f"{contents.own} documents of this test" if contents.own else "empty" if not contents.foreign else ""
    return "; ".join(filter(None, [own, *map(str, contents.foreign)]))


def _check_server(found: Found) -> Iterator[Check]:
    """Compare --mongo with the broker's -dbURI or -dbhost, if its command line has one."""
    option = next((option for option in ("-dbURI", "-dbhost") if found.argument(option)), "")
    host = found.options.broker_address[0]
    of_broker, ours = servers(found.argument(option) or "", host), servers(found.options.broker.mongo, "localhost")
    if of_broker and ours and not of_broker & ours:
        shown = f"{option} {', '.join(f'{name}:{port}' for name, port in sorted(of_broker))}"
        remedy = "if it is another server, the run ends when its first subscription does not appear there"
        yield Check(
            "broker's database", WARNING, shown, f"that of --mongo, {redacted(found.options.broker.mongo)}", remedy
        )
