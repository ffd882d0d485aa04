"""The inspector's front door: who may come in, what can be reached, how it starts and ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
import rpyc

from scenario.errors import InspectionError
from scenario.peers.failures import Kind
from scenario.peers.inspector import Inspector
from tests.support.inspector import SCRIPT, Target, start
from tests.support.processes import Processes

A_TOKEN = "takes a file with a token of 16 to 4096 characters, 8 of them different"


def test_only_the_right_token_opens(processes: Processes, target: Target, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("open sesame, please\n")
    _, port = start(processes, "--host", "0.0.0.0", "--token-file", secret, name=target.name)
    right = Inspector("127.0.0.1", port, target.port, token="open sesame, please")
    assert right.inspect().pid == target.process.pid
    right.close()
    with pytest.raises(InspectionError, match="closed the connection"):
        Inspector("127.0.0.1", port, target.port, token="open barley").inspect()
    with pytest.raises(InspectionError, match=r"asks for a token \(--inspector-token\)"):
        Inspector("127.0.0.1", port, target.port).inspect()
    _, port = start(processes, name=target.name)
    with pytest.raises(InspectionError, match="asks for no token: was it started with --token-file"):
        Inspector("127.0.0.1", port, target.port, token="open sesame, please").inspect()


def test_every_address_is_either_kinds(processes: Processes, target: Target, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("open sesame, please\n")
    _, port = start(processes, "--host", "::", "--token-file", secret, name=target.name)
    for host in ("127.0.0.1", "::1"):
        inspector = Inspector(host, port, target.port, token="open sesame, please")
        assert inspector.inspect().pid == target.process.pid
        inspector.close()


def test_one_method_can_be_reached_and_nothing_else(processes: Processes) -> None:
    _, port = start(processes)
    connection = rpyc.connect("127.0.0.1", port, config={"sync_request_timeout": 5, "allow_pickle": True})
    root, method = connection.root, connection.root.inspect
    get = rpyc.core.consts.HANDLE_GETATTR  # asked of the other side, also for names that a proxy answers itself
    for name in ("exposed_get_service_name", "get_service_name", "_connect", "__class__", "__dict__", "__init__"):
        with pytest.raises(AttributeError, match="not for clients"):
            rpyc.core.netref.syncreq(root, get, name)
    for name in ("__func__", "__self__", "__globals__", "__class__", "__module__", "__reduce_ex__", "__call__"):
        with pytest.raises(AttributeError, match="cannot access"):
            rpyc.core.netref.syncreq(method, get, name)
    for name in ("execute", "eval", "modules", "builtins", "namespace", "getmodule"):
        with pytest.raises(AttributeError):
            getattr(root, name)
    with pytest.raises(AttributeError):
        root.inspect = print
    with pytest.raises(AttributeError):
        del root.inspect
    with pytest.raises(ValueError, match="pickling is disabled"):
        rpyc.core.netref.syncreq(method, rpyc.core.consts.HANDLE_PICKLE, 2)
    connection.close()


@pytest.mark.parametrize(
    "arguments",
    [
        (0, ()),
        ("1", ()),
        (object(), ()),  # stays here, the inspector gets a proxy
        ("x", 1, ()),  # as before a process was named on its own command line
        (1, ["a:1"]),
        (1, (["a:1"],)),
        (1, ("x" * 301,)),
        (1, ("a:1",) * 65),
        (1, (), 1),
        (1, (), object()),
    ],
)
def test_arguments_out_of_bounds_are_refused(processes: Processes, arguments: tuple[object, ...]) -> None:
    _, port = start(processes)
    connection = rpyc.connect("127.0.0.1", port, config={"sync_request_timeout": 5})
    assert json.loads(connection.root.inspect(*arguments))["error"].startswith("it takes a port")
    connection.close()


def test_the_folder_stands_alone(processes: Processes, tmp_path: Path) -> None:
    copy = shutil.copytree(SCRIPT, tmp_path / "inspector")
    processes.start("python", copy, "--port", 0, cwd=tmp_path).wait_for("listening on")


def test_another_users_process_is_refused_with_advice(processes: Processes, target: Target) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can start the inspector as another user")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # the interpreter may lie where the other user cannot read, so it changes user after the imports
    code = f"import encodings.ascii, encodings.idna, os, shutil, sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); "
    code += "import inspector.__main__ as inspector; "
    code += "os.setgroups([]); os.setgid(65534); os.setuid(65534); "
    code += f"sys.argv[1:] = ['--port={port}', '--process-name={target.name}']; inspector.main()"
    processes.start("python", "-c", code, name="nobody").wait_for("listening on")
    inspector = Inspector("127.0.0.1", port, target.port)
    with pytest.raises(InspectionError, match="run the inspector as the user that runs the broker") as refused:
        inspector.inspect()
    assert refused.value.kind == Kind.NOT_ALLOWED


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        *((["--host", text], "an address other than loopback needs --token-file") for text in ("0.0.0.0", "::")),
        *((["--port", text], "--port: takes a number from 0 to 65535") for text in ("70000", "-1", "٣", "9" * 5000)),
        *((["--token-file", path], "--token-file: takes a file with a token") for path in ("/no/such", "/", "/bin/sh")),
        *(
            (["--token-file", f"/dev/{name}"], f"--token-file: {A_TOKEN}, not '/dev/{name}'")
            for name in ("null", "zero")
        ),
        (["--process-name", " "], "--process-name: takes the first letters of a process's name"),
        *((["--host", text], "--host takes an address or a name") for text in ("no.such.host.invalid", "a" * 70, "..")),
        (["--host", "192.0.2.1", "--token-file", "/proc/version"], r"192.0.2.1:0 \(--host, --port\): Cannot assign"),
        (["--\x1b[31m"], r"unrecognized arguments: --\?\[31m"),
    ],
)
def test_options_that_make_no_sense_are_refused(processes: Processes, options: list[str], sentence: str) -> None:
    process = processes.start("python", SCRIPT, "--port", 0, *options, name="inspector")
    process.wait_for(sentence)
    assert process.wait(10) == 2
    assert "Traceback" not in process.output


def test_a_port_in_use_is_one_sentence(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = processes.start("python", SCRIPT, "--port", taken.getsockname()[1])
        process.wait_for(r"\Acannot listen on 127\.0\.0\.1:\d+ \(--host, --port\): Address already in use$")
        assert process.wait(10) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_at_once(processes: Processes, number: signal.Signals) -> None:
    process, port = start(processes)
    with socket.create_connection(("127.0.0.1", port)):
        began = time.monotonic()
        assert process.stop(number) == 0
        assert time.monotonic() - began < 1
