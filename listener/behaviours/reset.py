"""Reset at once: the sender sees `connection reset by peer`, not an end of the connection."""

from __future__ import annotations

from listener.behaviours.behaviour import Answering
from listener.behaviours.close import Close
from listener.connections import Connection


class Reset(Close):
    """A receiver whose host or firewall drops the connection."""

    path = "/notify/reset"

    def finish(self, connection: Connection, server: Answering) -> None:
        connection.reset_at_close()
        super().finish(connection, server)
