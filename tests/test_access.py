"""What it takes to be let in: files that can be used, headers that can be sent, one sentence for the others."""

from __future__ import annotations

import logging
import os
import ssl
from argparse import ArgumentTypeError
from http.client import BadStatusLine
from pathlib import Path

import pytest
import requests
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from scenario.errors import OptionError
from scenario.peers.answers import Answer
from scenario.peers.failures import of_exception
from scenario.settings import access
from scenario.settings.access import Access


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        ("A: b", {"A": "b"}),
        ("A:b, c: d \n\n# E: f\nG:\th", {"A": "b, c: d", "G": "h"}),
        ("A: b\nA: c", {"A": "c"}),
    ],
)
def test_headers(text: str, headers: dict[str, str]) -> None:
    assert Access(header=text).headers() == headers


@pytest.mark.parametrize("text", ["s3cret", ": s3cret", "s3 cret: x", "A: s3cret\r\nB: \x00", "A:", "A: s3crét"])
def test_what_is_no_header_is_not_repeated(text: str) -> None:
    with pytest.raises(ArgumentTypeError) as said:
        access.header(text)
    assert str(said.value) == "takes 'Name: value', of printable ASCII"


@pytest.mark.parametrize(
    "name",
    [
        *("Fiware-Service", "fiware-servicepath", "NGSILD-Tenant", "accept", "Accept-Encoding"),
        *("Content-Length", "Connection"),
    ],
)
def test_headers_of_the_test_itself(name: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"takes no {name}, which the test itself sets"):
        access.header(f"{name}: x")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, new = tmp_path / "headers", tmp_path / "new"
    file.write_text("A: 1\n", encoding="ascii")
    asked = Access(header="A: 0\nB: 0", header_file=str(file))
    assert asked.headers() == {"A": "1", "B": "0"}
    new.write_text("A: 2\n", encoding="ascii")
    new.replace(file)
    assert asked.headers() == {"A": "2", "B": "0"}
    for broken in (lambda: file.write_text("t0ken", encoding="ascii"), file.unlink):
        broken()
        with caplog.at_level(logging.WARNING):
            assert asked.headers() == asked.headers() == {"A": "2", "B": "0"}
        assert "the headers that were in it before are sent on" in caplog.text
    assert len(caplog.records) == 2
    assert "t0ken" not in caplog.text
    file.write_text("A: 3\n", encoding="ascii")
    assert asked.headers() == {"A": "3", "B": "0"}


def test_files(tmp_path: Path) -> None:
    no_file, no_pem = str(tmp_path / "none"), str(tmp_path / "pem")
    Path(no_pem).write_bytes(os.urandom(99))
    for text in (no_file, no_pem):
        with pytest.raises(ArgumentTypeError, match="takes a file of PEM certificates, not '"):
            access.ca_file(text)
        with pytest.raises(ArgumentTypeError):
            access.header_file(text)


def test_a_key_with_a_passphrase_asks_nobody(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("a@localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / "key.pem").write_bytes(locked)
    with pytest.raises(OptionError, match="--cert: takes a certificate and its key, without a passphrase: "):
        Access(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem")).check()
    (tmp_path / "key.pem").write_bytes(issued.private_key_pem.bytes())
    Access(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem")).check()


def test_an_answer_repeats_no_header() -> None:
    assert Access(header="Authorization: Bearer abcd.efgh").headers()
    assert str(Answer(401, body="Bearer abcd.efgh? abcd.efgh!")) == "HTTP 401 ***? ***!"
    moved = Answer(302, {"Location": "http://a/?token=abcd.efgh"})
    assert str(moved) == "HTTP 302, a redirect to http://a/?token=***, not followed"


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "tls")
    error.reason = reason
    return error


def _untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "tls")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (_untrusted(), "not trusted: self-signed certificate (--ca"),
        (_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "it requires another client certificate (--cert)"),
        (_tls("WRONG_VERSION_NUMBER"), "it does not speak TLS there"),
        (
            ConnectionError("Connection aborted.", BadStatusLine("Connection refused, timed out")),
            "its answer is not HTTP",
        ),
    ],
)
def test_why_there_was_no_answer(error: Exception, text: str) -> None:
    assert text in of_exception(requests.ConnectionError(error)).text
