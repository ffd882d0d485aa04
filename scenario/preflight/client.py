"""What the ordinary client found when it was tried once: a broker without a database answers GET /version, too."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.found import Found
from scenario.run.results import ERROR, OK, Check

_NEEDED = "an entity is stored, found and removed"
# What Orion 4.7.0 says of an update, or a query, then; and what mends it
_REMEDIES = (
    ("null DB connection", "it was started before its database answered: start that, then the broker anew"),
    ("Database Error", "the broker does not reach its database: see that it runs, and -dbURI (-dbhost)"),
    ("without the entity", "the broker does not reach its database: see that it runs, and -dbURI (-dbhost)"),
    ("no answer within", "its database may hang: see that it answers"),
)


def client(found: Found) -> Iterator[Check]:
    """Yield the line of the table; none when it was not tried, as when something else was wrong."""
    if problem := found.problems.get("client"):
        remedy = next((remedy for words, remedy in _REMEDIES if words in problem), "the broker's log may tell why")
        yield Check("client", ERROR, problem, _NEEDED, f"{remedy}; --no-client does without")
    elif found.client is not None:
        yield Check("client", OK, f"{_NEEDED} in {found.client:.0f} ms")
