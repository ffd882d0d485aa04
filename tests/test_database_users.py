"""A MongoDB with users, or behind TLS: what that user may not do is said before the run does it. SecantusDB is one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pymongo
import pytest
import trustme

from scenario.errors import DatabaseError
from scenario.peers.database import Contents, drop, look
from scenario.peers.privileges import may_drop
from tests.support import srv
from tests.support.hosts import Hosts
from tests.support.processes import Process, Processes
from tests.support.stack import LISTENING, Stack, verdict

Words = tuple[str | int | Path, ...]
USER: dict[str, Any] = {"authenticatedUsers": [{"user": "u", "db": "admin"}]}
OTHERS: dict[str, Any] = {"db": "e", "collection": ""}
DROP = ["find", "dropDatabase"]


@pytest.mark.parametrize(
    ("auth_info", "may"),
    [
        ({"authenticatedUsers": []}, True),  # no users there
        ({**USER, "authenticatedUserPrivileges": [{"resource": {"db": "d", "collection": ""}, "actions": DROP}]}, True),
        ({**USER, "authenticatedUserPrivileges": [{"resource": {"db": "", "collection": ""}, "actions": DROP}]}, True),
        ({**USER, "authenticatedUserPrivileges": [{"resource": {"anyResource": True}, "actions": DROP}]}, True),
        ({**USER, "authenticatedUserPrivileges": [{"resource": OTHERS, "actions": DROP}]}, False),
        ({**USER, "authenticatedUserPrivileges": [{"resource": {"cluster": True}, "actions": DROP}]}, False),
        ({**USER, "authenticatedUserPrivileges": [{"resource": {"db": "d", "collection": ""}, "actions": []}]}, False),
        ({**USER, "authenticatedUserRoles": [{"role": "dbAdmin", "db": "d"}]}, True),
        ({**USER, "authenticatedUserRoles": [{"role": "dbAdmin", "db": "e"}]}, False),
        ({**USER, "authenticatedUserRoles": [{"role": "readWrite", "db": "d"}]}, False),
        ({**USER, "authenticatedUserRoles": [{"role": "root", "db": "admin"}]}, True),
        ({**USER, "authenticatedUserRoles": [{"role": "ours", "db": "d"}]}, True),  # who knows what it may
        ({**USER, "authenticatedUserRoles": 7}, True),
        (None, True),
    ],
)  # fmt: skip
def test_may_drop(auth_info: object, may: bool) -> None:
    assert may_drop(auth_info, "d") is may


@pytest.fixture
def users(stack: Stack, processes: Processes, tmp_path: Path) -> Stack:
    """The stack, over a MongoDB whose users are called as their role in the service's database."""
    _, port = _serve(processes, tmp_path)
    with pymongo.MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{port}") as client:
        for role in ("read", "readWrite", "dbOwner"):
            roles = [{"role": role, "db": f"orion-{stack.service}"}]
            client.admin.command("createUser", role, pwd="s3cret", roles=roles)
        client.admin.command("createUser", "nobody", pwd="s3cret", roles=[])
        client.admin.command("createUser", "orion", pwd="s3cret", roles=[{"role": "root", "db": "admin"}])
    processes.started[-1].stop()
    stack.mongo = f"mongodb://orion:s3cret@127.0.0.1:{_serve(processes, tmp_path, '--auth')[1]}/?authSource=admin"
    return stack.start()


def _serve(processes: Processes, folder: Path, *more: str) -> tuple[Process, str]:
    server = Path(sys.executable).with_name("secantusd-py")
    words: Words = ("--standalone", "--storage-path", folder / "db", "--port", 0, *more)
    process = processes.start(server, *words, name="mongo")
    return process, process.wait_for(LISTENING, 30)[1]


def _as(stack: Stack, user: str, password: str = "s3cret") -> str:
    return stack.mongo.replace("orion:s3cret", f"{user}:{password}")


def test_who_may_do_what(users: Stack) -> None:
    name = f"orion-{users.service}"
    for user, may in (("dbOwner", True), ("readWrite", False), ("read", False)):
        assert look(_as(users, user), name, {}) == Contents(0, may_drop=may)
    drop(_as(users, "dbOwner"), name)
    for user, password, why in (("nobody", "s3cret", "not authorized"), ("dbOwner", "wr0ng", "uthentication failed")):
        with pytest.raises(DatabaseError, match=rf"the database at mongodb://\*\*\*@.*{why}") as failed:
            look(_as(users, user, password), name, {})
        assert password not in str(failed.value)
    run = users.locust("--preflight-only", "--mongo", _as(users, "readWrite"))
    assert run.wait() == 3
    run.wait_for(r"error +database +the user of .* may not drop orion-test_\w+; needed: the right to drop it; give")
    assert "s3cret" not in run.output


@pytest.mark.slow
def test_run_as_a_user(users: Stack) -> None:
    run = users.locust("--mongo", _as(users, "dbOwner"))
    users.ended(run, 0)
    assert verdict(run)[0] == "PASS"


@pytest.mark.slow
def test_behind_tls_and_found_by_dns(processes: Processes, tmp_path: Path) -> None:
    """A replica set that mongodb+srv:// leads to, on a host with a DNS server of its own."""
    ca, resolver = trustme.CA(), tmp_path / "resolv.conf"
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = ca.issue_cert(srv.SERVER, "127.0.0.1")  # by which the replica set calls itself
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    resolver.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    with Hosts("db", folder=tmp_path) as hosts:
        if hosts.loopback:
            pytest.skip("needs a network namespace: root and ip(8)")
        secured: Words = ("--tls-cert-file", tmp_path / "cert.pem", "--tls-key-file", tmp_path / "key.pem")
        server: Words = (*hosts.on("db"), Path(sys.executable).with_name("secantusd-py"), "--storage-path", ":memory:")
        port = processes.start(*server, "--port", 0, *secured, name="mongo").wait_for(LISTENING, 30)[1]
        processes.start(*hosts.on("db"), sys.executable, "-m", "tests.support.srv", port, name="dns").wait_for("ready")
        words: Words = (*hosts.on("db"), "sh", "-c", RESOLVED_BY, resolver, sys.executable, "-c", LOOK)
        uri = f"mongodb+srv://{srv.CLUSTER}/"
        for query, output in (("", "CERTIFICATE_VERIFY_FAILED"), (f"?tlsCAFile={tmp_path}/ca.pem", "Contents.own=0")):
            processes.start(*words, uri + query, name="look").wait_for(output)
        for process in processes.started:
            process.stop()


RESOLVED_BY = 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
LOOK = "import sys; from scenario.peers.database import look; print(look(sys.argv[1], 'orion-test', {}))"
