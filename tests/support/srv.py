"""A DNS server that knows one MongoDB cluster, as Atlas names them: `python -m tests.support.srv PORT`."""

from __future__ import annotations

import socket
import sys

import dns.message
import dns.rdatatype
import dns.rrset

CLUSTER, SERVER = "cluster.example.test", "db1.example.test"


def main() -> None:
    """Answer on port 53 of 127.0.0.1, which only a network namespace of its own has free."""
    answers = {
        (f"_mongodb._tcp.{CLUSTER}.", "SRV"): f"0 0 {sys.argv[1]} {SERVER}.",
        (f"{CLUSTER}.", "TXT"): '"replicaSet=secantus"',
        (f"{SERVER}.", "A"): "127.0.0.1",
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        print("ready", flush=True)
        while True:
            text, client = server.recvfrom(4096)
            asked = dns.message.from_wire(text)
            response, question = dns.message.make_response(asked), asked.question[0]
            kind = dns.rdatatype.to_text(question.rdtype)
            if found := answers.get((question.name.to_text(), kind)):
                response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, found))
            server.sendto(response.to_wire(), client)


if __name__ == "__main__":
    main()
