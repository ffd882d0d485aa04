"""A MongoDB with users: the preflight says what that user may not do before the run does it. SecantusDB with --auth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pymongo
import pytest

from scenario.peers.privileges import may_drop
from tests.support.processes import Process, Processes
from tests.support.stack import LISTENING, Stack, verdict

USER: dict[str, Any] = {"authenticatedUsers": [{"user": "u", "db": "admin"}]}
OTHERS: dict[str, Any] = {"db": "e", "collection": ""}
DROP = ["find", "dropDatabase"]


@pytest.mark.parametrize(
    ("told", "may"),
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
def test_may_drop(told: object, may: bool) -> None:
    assert may_drop(told, "d") is may


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
    words: tuple[str | int | Path, ...] = ("--standalone", "--storage-path", folder / "db", "--port", 0, *more)
    process = processes.start(server, *words, name="mongo")
    return process, process.wait_for(LISTENING, 30)[1]


def _as(stack: Stack, user: str, password: str = "s3cret") -> str:
    return stack.mongo.replace("orion:s3cret", f"{user}:{password}")


def test_who_may_do_what(users: Stack) -> None:
    for user, password, told in (
        ("dbOwner", "s3cret", r"ok +database +.*will be dropped"),
        ("readWrite", "s3cret", r"error +database +the user of .* may not drop orion-test_\w+; needed: it may; give"),
        ("read", "s3cret", r"error +database +the user of .* may not drop"),
        ("nobody", "s3cret", r"error +database +.*not authorized"),
        ("dbOwner", "wrong", r"error +database +.*uthentication failed"),
    ):
        run = users.locust("--preflight-only", "--mongo", _as(users, user, password))
        assert run.wait() == (0 if told.startswith("ok") else 3), run.output
        run.wait_for(told)
        assert "s3cret" not in run.output


def test_run_as_a_user(users: Stack) -> None:
    run = users.locust("--mongo", _as(users, "dbOwner"))
    users.ended(run, 0)
    assert verdict(run)[0] == "PASS"
