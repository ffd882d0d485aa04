"""python -m rehearsal.leftovers BROKER_URL NOTIFY_URL N [MONGODB]

Leaves N subscriptions in the test's service, as an earlier run does. With MONGODB (host:port) it also drops the
service's database, so that only the broker's subscription cache still has them.
"""

from __future__ import annotations

import json
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

from pymongo import MongoClient

SCOPE = {"Fiware-Service": "stablished_connections", "Fiware-ServicePath": "/test", "Content-Type": "application/json"}


def main() -> None:
    """Create the subscriptions over one connection."""
    broker, notify_url, count, *mongo = sys.argv[1:]
    body = {
        "description": "connections stress test",  # or the test would not drop them: they would be somebody else's
        "subject": {"entities": [{"idPattern": ".*"}]},
        "notification": {"http": {"url": notify_url}},
    }
    connection = HTTPConnection(urlsplit(broker).netloc, timeout=5)
    for _ in range(int(count)):
        connection.request("POST", "/v2/subscriptions", json.dumps(body), SCOPE)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            sys.exit(f"leftovers: the broker answered {answer.status}")
    if mongo:
        with MongoClient[dict[str, object]](f"mongodb://{mongo[0]}") as client:
            client.drop_database(f"orion-{SCOPE['Fiware-Service']}")


if __name__ == "__main__":
    main()
