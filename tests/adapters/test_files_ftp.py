"""The files kit over FTP and FTPS, against a real server on loopback."""

from __future__ import annotations

import hashlib
import os
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from ftp_server import secured, serve
from http_server import Time, account

from orderflow.adapters.files import Inbox
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Secret


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the server shows, with an inbox and a file in it."""
    (tmp_path / "root" / "in").mkdir(parents=True)
    (tmp_path / "root" / "in" / "a.csv").write_text("a\n")
    return tmp_path / "root"


def inbox(url: str, certificate: object = None, **storage: object) -> Inbox:
    extra = {"storage": storage, **({"certificate": str(certificate)} if certificate else {})}
    given = account(url, login="partner", password=Secret("secret-0001"), extra=extra)
    return Inbox(given, Time().runtime(), pattern="*.csv", settle=timedelta(seconds=10))


def taken(box: Inbox) -> list[str]:
    origins = [copy.origin for copy in box.copies(box.ready())]
    box.acknowledge(origins)
    return [origin.partition("#")[0] for origin in origins]


def fingerprint(folder: Path) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert((folder / "server.pem").read_text())).hexdigest()


def test_files_come_from_a_server_that_demands_one_session_for_all_of_its_connections(folder: Path, tmp_path: Path):
    (folder / "in" / "a.csv").write_bytes(b"a\n" * 100_000)
    with serve(folder, secured(tmp_path)) as (url, told):
        assert taken(inbox(url, fingerprint(tmp_path), tls=True)) == ["a.csv"]
    assert told[0] == "AUTH TLS"
    assert [len(path.read_bytes()) for path in (folder / "in" / "done").iterdir()] == [200_000]


def test_a_certificate_that_nobody_vouches_for_is_denied_before_the_password_is_told(folder: Path, tmp_path: Path):
    with serve(folder, secured(tmp_path)) as (url, told):
        with pytest.raises(DeniedError, match="self-signed certificate") as caught:
            inbox(url, tls=True).ready()
        assert told == ["AUTH TLS"]
    for part in ("extra field certificate", f"-connect {url[6:-3]} -starttls ftp", "PEM file with the authority"):
        assert part in str(caught.value)


def test_another_certificate_than_the_one_that_was_named_is_denied_before_the_password_is_told(
    folder: Path, tmp_path: Path
):
    other = tmp_path / "other"
    other.mkdir()
    secured(other)
    with serve(folder, secured(tmp_path)) as (url, told):
        with pytest.raises(DeniedError, match=r"another one .*whether it was renewed") as caught:
            inbox(url, fingerprint(other), tls=True).ready()
        assert told == ["AUTH TLS"]
    assert fingerprint(tmp_path) in str(caught.value)


def test_a_certificate_may_be_named_in_the_spelling_of_openssl(folder: Path, tmp_path: Path):
    context = secured(tmp_path, "192.0.2.1")
    plain = fingerprint(tmp_path).upper()
    spelled = "sha256 Fingerprint=" + ":".join(plain[at : at + 2] for at in range(0, 64, 2))
    with serve(folder, context) as (url, _):
        assert taken(inbox(url, spelled, tls=True)) == ["a.csv"]


@pytest.mark.parametrize("named", [True, False], ids=["in the connection", "in the system"])
def test_a_server_is_known_by_the_authority_that_signed_for_its_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
):
    """A certificate that signed itself is its own authority."""
    if not named:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    given = tmp_path / "server.pem" if named else None
    with serve(folder, secured(tmp_path)) as (url, _):
        assert taken(inbox(url, given, tls=True)) == ["a.csv"]
    with (
        serve(folder, secured(tmp_path, "192.0.2.1")) as (url, _),
        pytest.raises(DeniedError, match=r"not valid for '127\.0\.0\.1'"),
    ):
        inbox(url, given, tls=True).ready()


def test_a_server_that_speaks_nothing_but_tls_is_known_too(folder: Path, tmp_path: Path):
    with serve(folder, secured(tmp_path), implicit=True) as (url, told):
        with pytest.raises(DeniedError, match="self-signed certificate") as caught:
            inbox(url, tls="tls").ready()
        assert (told, "starttls" in str(caught.value)) == ([], False)
        assert taken(inbox(url, fingerprint(tmp_path), tls="tls")) == ["a.csv"]


@pytest.mark.parametrize(
    ("certificate", "tls", "said"),
    [
        ("AB:CD", True, "a SHA-256 fingerprint .64 hex digits., or a PEM file on this machine .'AB:CD': No such file"),
        (__file__, True, "no certificate or crl found"),
        ("0" * 64, False, "tls in the connection's extra field storage is False; FTPS needs true"),
        (None, "yes", "is 'yes'; FTPS needs true"),
    ],
)
def test_a_certificate_that_cannot_be_looked_for_is_told_before_anything_is_asked(
    certificate: str | None, tls: object, said: str
):
    with pytest.raises(ConfigError, match=said):
        inbox("ftp://127.0.0.1:1/in", certificate, tls=tls).ready()


def test_files_of_any_size_are_read_and_written_at_one_go(folder: Path):
    """ProFTPD begins nowhere in the middle when it is written to, and ends a session of TLS that is broken off."""
    content = os.urandom(3_000_000)
    with serve(folder) as (url, told):
        files, root = inbox(url).storage.open()
        files.pipe_file(f"{root}/a.csv", content)
        with files.open(f"{root}/a.csv", "rb") as file:
            assert file.read() == content
    assert not [line for line in told if line.startswith(("REST", "ABOR"))]


def test_a_list_that_gets_no_connection_is_no_empty_inbox(folder: Path):
    (folder / "busy").mkdir()
    with serve(folder) as (url, _), pytest.raises(TransientError, match="425 Can't open data connection"):
        inbox(url.removesuffix("in") + "busy").ready()


def test_names_are_read_in_the_encoding_that_the_connection_tells(folder: Path):
    (folder / "in" / "a.csv").rename(folder / "in" / os.fsdecode("订单.csv".encode("gbk")))
    with serve(folder) as (url, told):
        assert taken(inbox(url, encoding="gbk")) == ["订单.csv"]
    assert told[:2] == ["USER partner", "PASS secret-0001"]
    assert [os.fsencode(path.name)[:4].decode("gbk") for path in (folder / "in" / "done").iterdir()] == ["订单"]


def test_an_encoding_that_is_none_is_a_matter_of_configuration():
    with pytest.raises(ConfigError, match="storage is 'gkb', which is none; write utf-8"):
        inbox("ftp://127.0.0.1:1/in", encoding="gkb").ready()


def test_a_name_in_another_encoding_is_read_like_any_other(folder: Path):
    (folder / "in" / os.fsdecode("订单.csv".encode("gbk"))).write_text("b\n")
    with serve(folder) as (url, _):
        assert sorted(taken(inbox(url))) == ["%B6%A9%B5%A5.csv", "a.csv"]
    assert [path.name for path in (folder / "in").glob("*.csv")] == []
    assert sorted(path.name.partition(".")[0] for path in (folder / "in" / "done").iterdir()) == ["%B6%A9%B5%A5", "a"]


def test_what_a_server_says_when_it_lets_nobody_in_is_told(folder: Path, tmp_path: Path):
    with (
        serve(folder, secured(tmp_path)) as (url, _),
        pytest.raises(DeniedError, match=r"530 must encrypt.*login and password") as caught,
    ):
        inbox(url).ready()
    assert "secret-0001" not in str(caught.value)


def test_what_a_storage_says_of_its_trouble_is_told():
    with (
        pytest.raises(TransientError, match=r"no room on its disk .*No space left"),
        inbox("ftp://h/in").storage.speaking("a.csv"),
    ):
        raise OSError(28, "No space left on device")
    with pytest.raises(TransientError) as caught, inbox("ftp://h/in").storage.speaking("a.csv"):
        raise OSError(os.fsdecode(b"M\xe4rz.csv: held"))
    assert "M\\udce4rz.csv: held" in str(caught.value), "and every log can hold it"
