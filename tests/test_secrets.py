"""What may leave this process: no password, no token, no control character, whatever the text is part of."""

from __future__ import annotations

import csv
import io
import logging
from argparse import Namespace
from dataclasses import replace

import pytest

from scenario.outputs.csv import guarded
from scenario.outputs.log import harmless
from scenario.outputs.run_file import encode
from scenario.run import events
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.records import Evidence, Refused, Said
from scenario.run.results import Row
from scenario.run.samples import VersionSample
from scenario.settings.secrets import redacted, shown, taken_from
from tests.support.holds import options

SECRET = "se:cret"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mongodb://me:secret@db:27017/?a=b", "mongodb://***@db:27017/?a=b"),
        ("mongodb+srv://me:p@ss@db", "mongodb+srv://***@db"),
        (
            "'mongodb://db/?tls=true&tlsCertificateKeyFilePassword=a&authMechanismProperties=AWS_SESSION_TOKEN:b,c&d=e'",
            "'mongodb://db/?tls=true&tlsCertificateKeyFilePassword=***&authMechanismProperties=***&d=e'",
        ),
        ("of http://u:p@a and 'ftp://u@b'", "of http://***@a and 'ftp://***@b'"),
        ('{"a": "http://me@h", "b": "http://x/y"}', '{"a": "http://***@h", "b": "http://x/y"}'),
        ("http://localhost:8090/notify?to=me@home", "http://localhost:8090/notify?to=me@home"),
        ("no URL: me@home", "no URL: me@home"),
    ],
)
def test_credentials_of_urls(text: str, left: str) -> None:
    assert redacted(text) == left == redacted(left)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[2J\x1b]0;owned\x07HTTP", " [2J ]0;owned HTTP"),
        ("500\r\nVerdict: PASS\x00", "500 Verdict: PASS "),
        ("a\x9b31mb\x7fc\u2028d\u202ee\ud800", "a 31mb c d e "),
        ("ñandú ✓ 日本", "ñandú ✓ 日本"),
    ],
)
def test_control_characters_collapse(text: str, left: str) -> None:
    assert shown(text) == left == shown(left)
    assert shown(("x", {text: [text]})) == ("x", {left: [left]})


def test_lines_stay_where_they_are_meant() -> None:
    assert shown("a\n\x1bb\r\n", lines=True) == "a\n b \n"


def found() -> Found:
    secret = options(
        mongo="mongodb://me:secret@db",
        inspector_token="t0ken",
        restart_command="sshpass -p secret ssh",
        header="X-Auth-Token: t0ken",
    )
    return Found(secret, version="1\x1b[31m", problems={"database": "mongodb://me:secret@db\nfailed"})


def test_no_record_has_a_secret() -> None:
    heard: list[Found] = []
    events.on(Found, lambda record, **_: heard.append(record))
    events.fire(found(), 0)
    (record,) = heard
    hidden = record.options.broker
    assert (hidden.inspector_token, hidden.restart_command, hidden.access.header) == ("***", "***", "***")
    assert record.options.broker.mongo == "mongodb://***@db"
    assert (record.version, record.problems["database"]) == ("1 [31m", "mongodb://***@db failed")
    assert not [word for word in ("secret", "t0ken") if word in encode(record, 0) + repr(record)]
    assert shown(record) == record


@pytest.mark.parametrize(
    "record", [Evidence("a\nb\x1b"), Refused("a\nb\x1b")], ids=lambda record: type(record).__name__
)
def test_records_of_several_lines(record: Evidence | Refused) -> None:
    heard: list[object] = []
    events.on(type(record), lambda record, **_: heard.append(record))
    events.fire(record, 0)
    assert heard[-1] in (Evidence("a\nb "), Refused("a\nb "))


def test_a_row_is_harmless_whole() -> None:
    row = Row(1, 0, "observe", VersionSample(1, 1.0, 2.0, "HTTP 500 \x1b[2J\n"), None, None, None)
    assert shown(row) == replace(row, version=VersionSample(1, 1.0, 2.0, "HTTP 500  [2J "))


def test_no_secret_is_in_a_repr_or_goes_to_a_worker() -> None:
    text = repr(found().options) + repr(found().options.to_message())
    assert not [word for word in ("secret", "t0ken") if word in text]


def test_secrets_are_taken_out_of_what_locust_sends_its_workers() -> None:
    parsed = Namespace(host="h", mongo="m", inspector_token="t", restart_command="c", header="A: b")
    taken = {"mongo": "m", "inspector_token": "t", "restart_command": "c", "header": "A: b"}
    assert taken_from(parsed) == taken
    assert vars(parsed) == {"host": "h"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "=HYPERLINK('http://evil')"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert guarded([text, -1, 2.5, None, "OK"]) == [f"'{text}", -1, 2.5, None, "OK"]
    written = io.StringIO()
    csv.writer(written).writerow(guarded([text]))
    assert written.getvalue().lstrip('"').startswith("'")


def test_what_is_logged() -> None:
    try:
        int("mongodb://me:secret@db\x9b")
    except ValueError as error:
        error.add_note("http://me:secret@db\x1b[2J")
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "%s\x1b", (error,), (ValueError, error, None))
    assert harmless(record)
    text = logging.Formatter().format(record)
    assert text.count("mongodb://***@db") == 2
    assert "http://***@db [2J" in text
    assert not [word for word in ("secret", "\x1b") if word in text]


def test_said() -> None:
    assert shown(Said(Phase.SEED, "a\tb")) == Said(Phase.SEED, "a b")
