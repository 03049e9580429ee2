"""The files kit over SFTP, against a real server on loopback."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import asyncssh
import paramiko
import pytest
from edi_mailbox import change, mailbox, one, x12
from http_server import Time, account

from orderflow.adapters.files import FileError, Inbox, sftp
from orderflow.domain.errors import ConfigError, DeniedError, TransientError
from orderflow.domain.source import Secret

KEY = asyncssh.generate_private_key("ssh-ed25519")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)


class Door(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("partner", "secret-0001")


class Plain(asyncssh.SFTPServer):
    """A server that knows no more than the standard: a rename takes no place that is taken, and a folder of the
    archive that is not there, or any that cannot be made, is a failure like any other. Some files are closed.
    """

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        try:
            super().mkdir(path, attrs)
        except OSError:
            raise asyncssh.SFTPFailure("Failure") from None

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        try:
            async for entry in super().scandir(path):
                yield entry
        except OSError:
            if b"archive" not in path:
                raise
            raise asyncssh.SFTPFailure("Failure") from None

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("Operation unsupported")

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if b"closed" in path:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        if b"held" in path:
            raise asyncssh.SFTPFailure("Failure")
        return super().open(path, pflags, attrs)

    def close(self, file_obj: BinaryIO) -> None:
        is_full = "full" in str(file_obj.name) and file_obj.writable()
        super().close(file_obj)
        if is_full:
            raise asyncssh.SFTPFailure("No space left on device")

    async def read(self, file_obj: BinaryIO, offset: int, size: int) -> bytes:
        if "silent" in str(file_obj.name):
            await asyncio.Event().wait()
        file_obj.seek(offset)
        return file_obj.read(size)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of an SFTP server, and the folder that it serves."""
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    loop = asyncio.new_event_loop()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Door, server_host_keys=[KEY, RSA],
            sftp_factory=lambda channel: Plain(channel, chroot=str(root)),
        )  # fmt: skip

    acceptor = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"sftp://127.0.0.1:{acceptor.get_port()}/in", root
    asyncio.run_coroutine_threadsafe(_stop(acceptor), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


async def _stop(acceptor: asyncssh.SSHAcceptor) -> None:
    acceptor.close()


def inbox(url: str, **credentials) -> Inbox:
    given = {"login": "partner", "password": Secret("secret-0001"), **credentials}
    return Inbox(account(url, **given), Time().runtime(), pattern="*.csv", settle=timedelta(seconds=10))


def test_files_are_found_copied_and_put_away(server: tuple[str, Path]):
    url, root = server
    (root / "in" / "注文.csv").write_text("a,菜刀\n")
    (root / "in" / "b.csv.part").write_text("a\n")
    box = inbox(url)
    (drop,) = box.ready()
    assert drop.name == "注文.csv"
    assert drop.modified is not None
    assert abs(drop.modified - datetime.now(UTC)) < timedelta(minutes=5)
    with box.copy(drop) as copy:
        copy.file.seek(0)
        assert copy.file.read().decode() == "a,菜刀\n"
        origin = copy.origin
    box.acknowledge([origin])
    assert [path.name for path in (root / "in" / "done").iterdir()] == [f"注文.{origin[-64:][:12]}.csv"]
    assert box.ready() == []


def test_a_mailbox_keeps_its_archive_on_a_server_that_renames_over_nothing(server: tuple[str, Path], tmp_path: Path):
    url, root = server
    box = mailbox(root / "in", url)
    box.account = account(url, login="partner", password=Secret("secret-0001"))
    box.drop("a.edi", x12(one("PO-1")))
    box.run()
    box.drop("b.edi", x12(change("PO-1", "5"), control="000000102"))
    (order,), refused = box.run()
    assert (order.lines[0].quantity, refused, box.left(), len(box.out())) == ("5", [], [], 2)
    assert len(list((root / "in" / "archive" / "orders").rglob("*.part"))) == 0


def test_names_are_read_in_whatever_bytes_they_have(server: tuple[str, Path]):
    url, root = server
    box = mailbox(root / "in", url)
    box.account = account(url, login="partner", password=Secret("secret-0001"))
    box.drop(os.fsdecode("订单.edi".encode("gbk")), x12(one("PO-1")))
    box.drop("b.edi", x12(one("PO-2"), control="000000102"))
    orders, refused = box.run()
    assert (sorted(order.order_id for order in orders), refused) == (["PO-1", "PO-2"], [])
    assert (box.left(), len(box.out())) == ([], 2)
    assert [name.partition(".")[0] for name in box.done()] == ["%B6%A9%B5%A5", "b"]


def test_an_interchange_costs_no_more_requests_than_it_needs(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch):
    """Read, judged, remembered, answered and put away. This server needs three requests to rename a file."""
    url, root = server
    box = mailbox(root / "in", url)
    box.account = account(url, login="partner", password=Secret("secret-0001"))
    box.drop("first.edi", x12(one("PO-0")))
    box.run()
    asked: list[object] = []
    ask = paramiko.SFTPClient._async_request
    monkeypatch.setattr(paramiko.SFTPClient, "_async_request", lambda *given: asked.append(given[2]) or ask(*given))
    for number in range(1, 21):
        box.drop(f"{number}.edi", x12(one(f"PO-{number}"), control=f"{number:09d}"))
    orders, _ = box.run()
    assert (len(orders), len(box.out()), box.left()) == (20, 21, [])
    assert len(asked) / 20 < 50


def test_what_a_server_finds_no_room_for_at_the_end_of_a_file_is_not_written(server: tuple[str, Path]):
    url, root = server
    box = mailbox(root / "in", url)
    box.account = account(url, login="partner", password=Secret("secret-0001"))
    box.drop("a.edi", x12(one("full")))
    with pytest.raises(TransientError, match=r"archive/orders/.*No space left on device"):
        box.run()
    assert (box.left(), box.done(), box.out()) == (["a.edi"], [], [])


def test_an_interchange_that_cannot_be_opened_is_told_once_it_is_old(server: tuple[str, Path]):
    url, root = server
    box = mailbox(root / "in", url)
    box.account = account(url, login="partner", password=Secret("secret-0001"))
    box.drop("held.edi", x12(one("PO-1")), age=timedelta(minutes=1))
    box.drop("other.edi", x12(one("PO-2"), control="000000102"))
    orders, refused = box.run()
    assert ([order.order_id for order in orders], refused) == (["PO-2"], [])
    box.now += timedelta(hours=1)
    _, (told,) = box.run()
    assert (told.code, box.left()) == ("FILE_FAULT", ["held.edi"])


@pytest.mark.parametrize("name", ["closed.csv", "held.csv"])
def test_a_file_that_cannot_be_opened_stops_no_other(server: tuple[str, Path], name: str):
    url, root = server
    (root / "in" / name).write_text("a\n")
    (root / "in" / "z.csv").write_text("a\n")
    box = inbox(url)
    shut, opened = sorted(box.copies(box.ready()), key=lambda copy: copy.drop.name == "z.csv")
    assert (shut.drop.name, opened.drop.name) == (name, "z.csv")
    with pytest.raises(FileError, match="cannot be opened; let the account read it"):
        shut.file  # noqa: B018  reading it is what fails
    box.acknowledge([f"{name} left", opened.origin])
    assert [path.name for path in (root / "in").glob("*.csv")] == [name]


def test_a_wrong_password_is_denied_and_shows_nowhere(server: tuple[str, Path]):
    with pytest.raises(DeniedError, match="login and password") as caught:
        inbox(server[0], password=Secret("wrong-0002")).ready()
    assert "wrong-0002" not in str(caught.value)


def test_a_folder_that_is_not_there_is_a_matter_of_configuration(server: tuple[str, Path]):
    with pytest.raises(ConfigError, match="no such folder"):
        inbox(server[0] + "/nowhere").ready()


def test_the_folder_of_an_account_may_be_all_that_it_sees(server: tuple[str, Path]):
    url, root = server
    (root / "a.csv").write_text("a\n")
    for whole in (url.removesuffix("/in"), url.removesuffix("in")):
        box = inbox(whole)
        (copy,) = (copy.origin for copy in box.copies(box.ready()))
        assert copy.startswith("a.csv#")
    box.acknowledge([copy])
    assert len(list((root / "done").iterdir())) == 1


def test_a_folder_that_is_a_link_is_no_file(server: tuple[str, Path]):
    url, root = server
    (root / "kept").mkdir()
    (root / "in" / "done.csv").symlink_to("../kept")
    assert inbox(url).ready() == []


def test_a_server_without_a_kind_of_key_that_is_known_is_not_said_to_show_another_one(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """Old ones have only ssh-dss. Nobody told a key that it could differ from."""
    monkeypatch.setattr(paramiko.Transport, "_preferred_keys", ("ecdsa-sha2-nistp256",))
    with pytest.raises(TransientError, match=r"IncompatiblePeer \(.*no acceptable host key\)"):
        inbox(server[0]).ready()


def test_a_link_stops_no_file_and_is_told(server: tuple[str, Path]):
    url, root = server
    (root / "in" / "a.csv").write_text("a\n")
    (root / "in" / "b.csv").symlink_to("a.csv")
    box = inbox(url)
    told = {copy.drop.name: copy for copy in box.copies(box.ready())}
    assert set(told) == {"a.csv", "b.csv"}
    with pytest.raises(FileError, match="is a link"):
        told["b.csv"].file  # noqa: B018  reading it is what fails


def test_a_server_that_falls_silent_is_not_waited_for_forever(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    url, root = server
    monkeypatch.setattr(sftp, "ANSWER_SECONDS", 0.2)
    (root / "in" / "silent.csv").write_text("a\n")
    box = inbox(url)
    with pytest.raises(TransientError, match=r"silent\.csv: TimeoutError; the run tries again"):
        list(box.copies(box.ready()))


@pytest.mark.parametrize("key", [KEY, RSA], ids=["ed25519", "rsa"])
def test_a_known_host_key_opens_the_door_whichever_of_its_keys_it_is(server: tuple[str, Path], key: asyncssh.SSHKey):
    known = key.export_public_key().decode()
    assert inbox(server[0], extra={"host_key": known}).ready() == []


def test_where_any_host_key_is_taken_the_log_says_which_to_name(
    server: tuple[str, Path], caplog: pytest.LogCaptureFixture
):
    inbox(server[0]).ready()
    (told,) = (each for each in caplog.messages if "takes any host key" in each)
    caplog.clear()
    assert inbox(server[0], extra={"host_key": told.partition("host_key: ")[2]}).ready() == []
    assert "takes any host key" not in caplog.text


def test_a_host_key_that_is_none_is_told_before_anything_is_asked(server: tuple[str, Path]):
    known = f"[127.0.0.1]:2222 {KEY.export_public_key().decode()}"
    with pytest.raises(ConfigError, match="the last two words of a line that ssh-keyscan writes"):
        inbox(server[0], extra={"host_key": known}).ready()


def test_a_private_key_that_cannot_be_read_is_denied(server: tuple[str, Path], tmp_path: Path):
    sealed = tmp_path / "id_ed25519"
    sealed.write_bytes(KEY.export_private_key(passphrase="pass-0001"))
    for passphrase in ("bad-0002", None):
        given = {"key_filename": str(sealed), "passphrase": passphrase}
        with pytest.raises(DeniedError, match="its private key and passphrase") as caught:
            inbox(server[0], password=None, extra={"storage": given}).ready()
        assert "bad-0002" not in str(caught.value)


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_another_host_key_is_denied_before_the_password_is_told(server: tuple[str, Path], kind: str):
    other = asyncssh.generate_private_key(kind).export_public_key().decode()
    with pytest.raises(DeniedError, match="another host key"):
        inbox(server[0], extra={"host_key": other}).ready()


def test_the_key_is_compared_in_the_session_that_gets_the_password(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """Who stands in between could let a first one through and take the next."""
    begun, begin = [], paramiko.Transport.start_client

    def told(transport: paramiko.Transport, *given: object, **named: object) -> None:
        begun.append(transport)
        begin(transport, *given, **named)

    monkeypatch.setattr(paramiko.Transport, "start_client", told)
    assert inbox(server[0], extra={"host_key": KEY.export_public_key().decode()}).ready() == []
    assert len(begun) == 1
