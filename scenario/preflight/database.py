"""The database that is to be dropped: it is the broker's, and holds nothing but the test's own."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.peers import drops_database, run_mark
from scenario.peers.database import UNDER_WAY, servers
from scenario.peers.failures import Kind
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check
from scenario.settings.secrets import redacted

CONTENTS = "database contents"  # the line that --force does not override
NEEDED = "nothing but this test's subscriptions and entities, for it is dropped"


def check_database(found: Found) -> Iterator[Check]:
    """Say what will be dropped, or why it may not be."""
    options, name, contents = found.options, found.database, found.contents
    if not drops_database(options):
        return
    yield from _check_server(found)
    if contents is None:
        problem = found.problems.get("database", "nobody looked into it")
        unknown = found.kinds.get("database") == Kind.CERTIFICATE
        names = (
            "tlsCAFile=FILE in its URI names its CA certificates" if unknown else "--mongo names the broker's database"
        )
        remedy = f"{names}; --no-reset does without"
        yield Check("database", ERROR, problem, f"it answers, for {name} is dropped", remedy)
    elif contents.run:
        remedy = f"wait for its end, or {run_mark.VALID.seconds} s if it was killed; --service takes another"
        yield Check(CONTENTS, ERROR, f"{UNDER_WAY} in {name}: {contents.run}", "none, for it is dropped", remedy)
    elif options.broker.drop_foreign not in ("", name):
        wrong = f"--drop-foreign {options.broker.drop_foreign}, but the database of the service is {name}"
        yield Check(CONTENTS, ERROR, wrong, "its name", "check --service and the broker's -db, then what is in it")
    elif contents.foreign and not options.broker.drop_foreign:
        holds = "; ".join(map(str, contents.foreign))
        remedy = (
            "--service takes one that nobody else uses, --no-reset drops nothing; "
            f"--drop-foreign {name} drops it with all that is in it"
        )
        yield Check(CONTENTS, ERROR, f"{name} at {redacted(options.broker.mongo)} holds {holds}", NEEDED, remedy)
    elif not contents.may_drop:
        remedy = f"give its user the role dbAdmin in {name}, or name another; --no-reset drops nothing"
        yield Check(
            "database", ERROR, f"the user of {redacted(options.broker.mongo)} may not drop {name}", "it may", remedy
        )
    else:
        yield Check("database", OK, f"{redacted(options.broker.mongo)}; {name} will be dropped ({describe(found)})")


def describe(found: Found) -> str:
    """Say in a few words what is in the database that is to be dropped."""
    contents = found.contents
    assert contents is not None
    own = f"{contents.own} of this test's own in it" if contents.own else "empty" if not contents.foreign else ""
    return "; ".join(filter(None, [own, *map(str, contents.foreign)]))


def _check_server(found: Found) -> Iterator[Check]:
    """Compare the broker's -dbURI or -dbhost, where it is on the command line, with --mongo."""
    option = next((option for option in ("-dbURI", "-dbhost") if found.argument(option)), "")
    host = found.options.broker_address[0]
    told, asked = servers(found.argument(option) or "", host), servers(found.options.broker.mongo, "localhost")
    if told and asked and not told & asked:
        shown = f"{option} {', '.join(f'{name}:{port}' for name, port in sorted(told))}"
        remedy = "should it be another server, the run ends when its first subscription is not seen there"
        yield Check(
            "broker's database", WARNING, shown, f"that of --mongo, {redacted(found.options.broker.mongo)}", remedy
        )
