"""The landing zone keeps what came, byte for byte, and notices when somebody touched it."""

import hashlib
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orderflow.domain.errors import BalanceError
from orderflow.domain.source import Page
from orderflow.domain.window import Window
from orderflow.pipeline import landing

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AWKWARD = [b'{"id": 1,\n "note": "\xe8\x8f\x9c\xe5\x88\x80 \xf0\x9f\x94\xaa"}', b"{}", b"", b'{"a":"\\u0000"}']


def write(folder: Path, pages: list[Page]) -> None:
    with landing.Writer(folder) as writer:
        for page in pages:
            writer.write(page, NOW)


@given(st.lists(st.lists(st.binary(max_size=50), max_size=5), max_size=6))
def test_every_byte_comes_back(tmp_path_factory: pytest.TempPathFactory, pages: list[list[bytes]]):
    folder = tmp_path_factory.mktemp("batch")
    write(folder, [Page(records, f"/orders?page={number}") for number, records in enumerate(pages)])
    assert [record.data for record in landing.records(folder)] == [data for page in pages for data in page]
    assert [record.ordinal for record in landing.records(folder)] == list(range(sum(map(len, pages))))


def test_evidence_stands_beside_each_record(tmp_path: Path):
    write(tmp_path, [Page(AWKWARD, "/orders?page=1"), Page([], "/orders?page=2"), Page(AWKWARD, "/orders?page=1")])
    record = next(landing.records(tmp_path))
    assert (record.origin, record.fetched_at, record.data) == ("/orders?page=1", NOW, AWKWARD[0])
    assert landing.origins(tmp_path) == ["/orders?page=1", "/orders?page=2"]


def test_each_record_has_its_own_proof_which_a_person_finds_in_the_file(tmp_path: Path):
    write(tmp_path, [Page(AWKWARD, "p")])
    text = zstandard.ZstdDecompressor().stream_reader((tmp_path / "raw-00000.jsonl.zst").read_bytes()).read()
    for record in landing.records(tmp_path):
        assert record.sha256 == hashlib.sha256(record.data).digest()
        assert record.sha256.hex().encode() in text


def old_file(folder: Path, records: list[bytes], digest: str | None = None) -> None:
    """As it was written before every record had a SHA-256 of its own."""
    body = b"".join(record + b"\n" for record in records)
    header = {
        "origin": "p",
        "fetched_at": "2026-03-01T09:00:00Z",
        "sizes": [*map(len, records)],
        "sha256": digest or hashlib.sha256(body).hexdigest(),
    }
    text = json.dumps(header).encode() + b"\n" + body
    (folder / "raw-00000.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(text))


def test_a_file_with_one_proof_for_the_whole_page_is_still_read(tmp_path: Path):
    old_file(tmp_path, AWKWARD)
    assert [record.data for record in landing.records(tmp_path)] == AWKWARD
    old_file(tmp_path, AWKWARD, "0" * 64)
    with pytest.raises(BalanceError, match="a page is not as it was written"):
        list(landing.records(tmp_path))


def test_a_new_file_begins_when_one_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(landing, "FILE_BYTES", 10)
    write(tmp_path, [Page([b'{"id": 1}'], f"p{number}") for number in range(5)])
    assert len(list(tmp_path.glob(landing.RAW))) == 5
    assert landing.origins(tmp_path) == ["p0", "p1", "p2", "p3", "p4"]


def test_writing_again_replaces_what_was_there(tmp_path: Path):
    write(tmp_path, [Page([b"1"], "old")])
    write(tmp_path, [Page([b"2"], "new")])
    assert landing.origins(tmp_path) == ["new"]


@pytest.mark.parametrize(
    "damage", [lambda text: text.replace(b"1001", b"1002"), lambda text: text[:-5], lambda text: text[:-1]]
)
def test_a_touched_file_is_noticed(tmp_path: Path, damage):
    write(tmp_path, [Page([b'{"name": "#1001"}'], "p")])
    path = tmp_path / "raw-00000.jsonl.zst"
    text = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    path.write_bytes(zstandard.ZstdCompressor().compress(damage(text)))
    with pytest.raises(BalanceError, match="clear the extract task of this run so that the window is pulled again"):
        list(landing.records(tmp_path))


def test_a_file_that_is_cut_or_spoilt_anywhere_is_noticed(tmp_path: Path):
    noise = random.Random(7).randbytes
    write(tmp_path, [Page([noise(60_000), noise(60_000)], f"p{number}") for number in range(4)])
    path = tmp_path / "raw-00000.jsonl.zst"
    whole = path.read_bytes()
    for place in range(0, len(whole), 4_999):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(BalanceError, match="a page is not as it was written"):
                list(landing.records(tmp_path))


def test_a_batch_has_a_folder_of_its_own():
    window = Window.parse("2026-03-01T00:00Z/2026-03-01T01:00Z")
    folder = landing.folder(Path("/landing"), "shop_tw", window, "manual__2026-03-01T00:00:00+00:00")
    assert folder == Path("/landing/shop_tw/20260301T000000Z--20260301T010000Z/manual__2026-03-01T00-00-00-00-00")


def test_no_other_user_of_the_machine_reads_what_buyers_wrote(tmp_path: Path):
    with landing.Writer(tmp_path / "shop" / "window" / "run"):
        pass
    assert (tmp_path / "shop" / "window" / "run").stat().st_mode & 0o007 == 0


def cut_off(folder: Path, page: Page) -> None:
    """An attempt at a mailbox that fails once this page is written."""

    def attempt() -> None:
        with landing.Writer(folder, keep=True) as writer:
            writer.write(page, NOW)
            raise OSError("the network went away")

    with pytest.raises(OSError, match="the network"):
        attempt()


def test_an_attempt_that_failed_keeps_nothing_of_a_mailbox(tmp_path: Path):
    cut_off(tmp_path, Page([b"1"], "orders.csv"))
    with landing.Writer(tmp_path, keep=True) as writer:
        writer.write(Page([b"1"], "orders.csv"), NOW)
        writer.write(Page([b"2"], "orders.csv"), NOW)
    with landing.Writer(tmp_path, keep=True) as again:
        pass
    assert [record.data for record in landing.records(tmp_path)] == [b"1", b"2"]
    assert (again.pages, again.records) == (2, 2)


@pytest.mark.parametrize("left", [b"", b"(\xb5/\xfd torn by a full disk"])
def test_what_a_mailbox_was_told_of_outlives_an_attempt_that_fails(tmp_path: Path, left: bytes):
    with landing.Writer(tmp_path, keep=True) as writer:
        writer.write(Page([b"1"], "orders.csv"), NOW)
    cut_off(tmp_path, Page([b"2"], "more.csv"))
    if left:
        (tmp_path / "raw-00001.jsonl.zst").write_bytes(left)
    with landing.Writer(tmp_path, keep=True) as writer:
        writer.write(Page([b"3"], "last.csv"), NOW)
    assert [record.data for record in landing.records(tmp_path)] == [b"1", b"3"]
    assert (writer.pages, writer.records) == (2, 2)
