"""What may leave this process: no password, no token, no control character, whatever the text is part of."""

from __future__ import annotations

import csv
import html
import io
import json
import logging
import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from http.client import BadStatusLine
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from scenario.outputs.csv import guarded
from scenario.outputs.log import harmless
from scenario.outputs.run_file import encode
from scenario.peers.answers import Answer
from scenario.peers.failures import of_exception
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.run import events
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.records import Evidence, Refused, Said
from scenario.run.results import Row
from scenario.run.samples import VersionSample
from scenario.settings import secrets
from scenario.settings.access import parse_headers
from scenario.settings.mongo_uri import secrets_of
from scenario.settings.secrets import hide, redacted, shown, taken_from
from tests.support.holds import options

SECRET = "se:cret"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mongodb://me:secret@db:27017/?a=b", "mongodb://***@db:27017"),
        ("mongodb+srv://me:p@ss@db", "mongodb+srv://***"),
        (
            "'mongodb://db/?tls=true&tlsCertificateKeyFilePassword=a&authMechanismProperties=AWS_SESSION_TOKEN:b,c&d=e'",
            "'mongodb://db?***",
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
    hide("t0k'en")
    try:
        int("http://me:hunter2@db\x9b of t0k'en")
    except ValueError as error:
        error.add_note("http://me:hunter2@db\x1b[2J t0k'en")
        arguments = ("%s\x1b", (error,), (ValueError, error, error.__traceback__), None, "t0k'en")
        record = harmless("urllib3", logging.ERROR, "x.py", 1, *arguments)
    text = logging.Formatter().format(record)
    assert text.count("http://***@db") >= 3
    assert "http://***@db [2J" in text
    assert not [word for word in ("hunter2", "\x1b", "t0k") if word in text]
    assert "t0k" not in harmless("x", logging.INFO, "x.py", 1, "%d of it", ("t0k'en",), None).getMessage()


def test_said() -> None:
    assert shown(Said(Phase.SEED, "a\tb")) == Said(Phase.SEED, "a b")


def words(least: int = 4) -> st.SearchStrategy[str]:
    """Return texts that may be a password: blanks, quotes, control characters and U+2028 included."""
    letters = st.one_of(st.sampled_from("'\"\\ &<%+~^|\x85\u2028\x1b\t\r\n"), st.characters(codec="utf-8"))
    return st.text(letters, min_size=least, max_size=12).filter(lambda text: not set("***") >= set(text))


TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(lambda text: f"k{text}~9Z")
# How a peer, or what reads it, may repeat a text
REPEATED: tuple[Callable[[str], str], ...] = (
    *(str, repr, html.escape, quote, quote_plus, json.dumps, lambda text: json.dumps(text, ensure_ascii=False)),
    lambda text: text.replace('"', '""'),
    lambda text: f"HTTP/1.1 {text}\r\n",
    lambda text: "x" * 195 + text,
    lambda text: text * 60,
)


def is_free_of(text: str, secret: str) -> bool:
    return not any(repeated(secret).strip("'\"") in text for repeated in REPEATED[:8])


@given(TOKENS, st.sampled_from(REPEATED), st.text(max_size=5), st.text(max_size=5))
@settings(deadline=None, max_examples=300)
def test_no_token_is_left_in_any_text(token: str, repeated: Callable[[str], str], before: str, after: str) -> None:
    secrets._known.clear()
    assert parse_headers(f"X-Auth-Token: {token}")
    text = before + repeated(token) + after
    failure = Answer(500, {"Location": text}, text).failure()
    records: list[Any] = [
        Said(Phase.SEED, text),
        Found(options(), version=text, libraries={text: text}, problems={"a": text}),
    ]
    records += [Evidence(text), failure, [text, (text,)], {text: text}, Answer(302, {"Location": text}, "").failure()]
    records += [of_exception(OSError(text)), of_exception(requests.ConnectionError(BadStatusLine(text)))]
    for record in records:
        for lines in (False, True):
            left = texts_of(shown(record, lines))
            assert not [each for each in left if not is_free_of(each, token)]
    for cut in (str(failure), of_exception(RuntimeError(text)).text, *BROKER.libraries_of(libraries(text)).values()):
        assert token[:5] not in cut.replace(before, "") or token[:5] in before + after


BROKER = Ngsiv2("http://localhost:1026", "s", "/test")


def libraries(text: str) -> Answer:
    return Answer(200, body=json.dumps({"orion": {"version": text, "libversions": {"boost": text}}}))


def texts_of(record: object) -> Iterator[str]:
    """Yield all texts in a record."""
    if isinstance(record, str):
        yield record
    elif isinstance(record, dict):
        for each in record.items():
            yield from texts_of(each)
    elif isinstance(record, list | tuple):
        for each in record:
            yield from texts_of(each)
    elif hasattr(record, "__dict__") and not isinstance(record, Enum):
        yield from texts_of(vars(record))


def in_uri(password: str) -> str:
    """Return it as pymongo takes it: percent-encoded only where it has to be."""
    return re.sub("[%:/?#@\\[\\]+]", lambda letter: quote(letter[0], safe=""), password)


@given(
    words(),
    st.sampled_from(
        [
            "mongodb://me:{}@db",
            "mongodb://me:{}@db:1,db2/admin?replicaSet=r",
            "mongodb://me:secret@db/?tls=true&tlsCertificateKeyFilePassword={}",
            "mongodb://me:secret@db/?authSource=%24external&authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{}",
        ]
    ),
)
@settings(deadline=None, max_examples=300)
def test_no_password_of_a_uri_is_left(password: str, pattern: str) -> None:
    secrets._known.clear()
    uri = pattern.format(in_uri(password).replace("&", "%26").replace(";", "%3B").replace("=", "%3D"))
    hide(*secrets_of(uri))
    in_json = f'{{"a": "{uri}", "b": "{password}"}}'
    plain = "failed: (--mongo) 'of a b'! mongodb://***@db:1,db2"
    for text in (uri, f"failed: {uri} (--mongo)", f"'{uri}'", in_json, f"of {password}!", repr(uri)):
        for lines in (False, True):
            left = shown(text, lines)
            for form in (password, secrets._CONTROLS.sub(" ", password)):
                assert form not in left or form in plain
            assert "secret" not in left


def test_a_word_of_a_header_stays_in_the_options() -> None:
    hide("tests /test orion-test", words=True)
    assert shown(options(service_path="/test")).broker.service_path == "/test"
    assert shown(Said(Phase.SEED, "of /test")).text == "of ***"
