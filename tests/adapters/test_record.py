"""Recording: what goes to disk holds no secret and no buyer, and still is a case that can be played back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import msgspec
import pytest
import yaml
from http_server import Reply, Time, account, serve

from orderflow import adapters
from orderflow.adapters.record import MAIL, STAND_IN, Recording, Scrubber, mask
from orderflow.domain.window import Window

CASES = Path(__file__).parents[1] / "contract" / "cases"
BUYER = ["Zoë", "Łukasiewicz", "zoe@example.test", "Götgatan", "lgh 1304", "211 20", "Malmö", "+46701234567", "dörren"]
SECRETS = ["cs_89abcdef", "ck_01234567"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Zoë Łukasiewicz-Nuñez", "Xxx Xxxxxxxxxxx-Xxxxx"), ("山田 太郎", "某某 某某"), ("ליאור", "אאאאא"),
        ("211 20", "000 00"), ("+46 70-123", "+00 00-000"), ("a@b.se", MAIL), ("", ""), ("🎁 7", "🎁 0"),
        ("さくら", "ののの"), ("Иван", "жжжж"),
    ],
)  # fmt: skip
def test_a_mask_keeps_the_form_and_nothing_else(text: str, masked: str):
    assert mask(text) == masked
    assert mask(masked) == masked


def scrub(value: object, *secrets: str) -> object:
    return json.loads(Scrubber(secrets).body(json.dumps(value).encode()))


def test_people_are_masked_from_top_to_bottom_but_countries_and_ids_stay():
    found = scrub({
        "id": "O-1", "name": "#1001", "shippingAddress": {"name": "Zoë Ł", "city": "Malmö", "countryCodeV2": "SE"},
        "customer": {"id": "C-1", "displayName": "Zoë", "tags": ["Zoë's"], "orders": 3},
        "billing": {"first_name": "Zoë", "email": "zoe@example.test", "country": "SE", "state": "M"},
        "lineItems": [{"name": "Crème-brûlée torch", "sku": "TORCH-01"}],
    })  # fmt: skip
    assert found == {
        "id": "O-1", "name": "#1001", "shippingAddress": {"name": "Xxx X", "city": "Xxxxx", "countryCodeV2": "SE"},
        "customer": {"id": "C-1", "displayName": "Xxx", "tags": ["Xxx'x"], "orders": 3},
        "billing": {"first_name": "Xxx", "email": MAIL, "country": "SE", "state": "M"},
        "lineItems": [{"name": "Crème-brûlée torch", "sku": "TORCH-01"}],
    }  # fmt: skip


def test_credentials_and_addresses_go_wherever_they_stand():
    found = scrub(
        {"access_token": "t0", "code": "SUMMER", "note": "call Zoë", "nested": [["ck_0123"]],
         "text": "mail zoe@example.test or +46 70 123 45 67", "url": "https://shop.test/?key=ck_0123"},
        "ck_0123",
    )  # fmt: skip
    assert found == {
        "access_token": STAND_IN, "code": "SUMMER", "note": "xxxx Xxx", "text": f"mail {MAIL} or +00 00 000 00 00",
        "url": f"https://shop.test/?key={STAND_IN}", "nested": [[STAND_IN]],
    }  # fmt: skip


def test_numbers_keep_their_spelling():
    assert Scrubber([]).body(b'{"a": 1.50, "b": 9007199254740993, "c": 1e2, "d": 0.1}') == (
        b'{"a":1.50,"b":9007199254740993,"c":1E+2,"d":0.1}'
    )


def test_what_is_no_json_is_not_written_down():
    assert Scrubber([]).body(b"<order><name>Zo\xc3\xab</name></order>") is None


@pytest.mark.parametrize("name", ["woocommerce", "shopify"])
def test_a_recorded_case_can_be_played_back_and_shows_nobody(name: str, tmp_path: Path):
    folder = CASES / name / "one_page"
    told = yaml.safe_load((folder / "case.yml").read_text())
    page = (folder / "page.json").read_bytes()
    headers = {"x-wp-total": "1", "x-wp-totalpages": "1", "set-cookie": "session=ck_01234567"}
    with serve(lambda _: Reply(body=page, headers=headers)) as (url, seen):
        recording = Recording(httpx.HTTPTransport(), Scrubber([*SECRETS, "key-0001", "secret-0001"]))
        window = Window.parse(told["window"])
        adapter = adapters.find(name)
        opened = adapter.open(adapter.options(), account(url, login=None if name == "shopify" else "key-0001"),
                              Time().runtime(transport=recording))  # fmt: skip
        list(opened.fetch(window))
        recording.write(tmp_path / "case", {"about": "recorded", "window": told["window"], "now": told["now"]})
    assert len(seen) == 1
    written = b"".join(path.read_bytes() for path in (tmp_path / "case").iterdir()).decode()
    assert not [
        word for word in [*BUYER, *SECRETS, "key-0001", "secret-0001", "oauth_", "set-cookie"] if word in written
    ]
    assert "TORCH-01" in written
    assert "菜刀" in written
    assert not re.search(r"127\.0\.0\.1", written)

    played = yaml.safe_load((tmp_path / "case" / "case.yml").read_text())
    answers = played["exchanges"][0]["answers"][0]
    body = (tmp_path / "case" / answers["body"]).read_bytes()
    decode = msgspec.json.Decoder(float_hook=str).decode

    def orders(content: bytes):
        rows = decode(content)
        rows = rows if isinstance(rows, list) else [edge["node"] for edge in rows["data"]["orders"]["edges"]]
        return [adapter.to_order(row, adapter.options()) for row in rows]

    for recorded, real in zip(orders(body), orders(page), strict=True):
        assert recorded.grand_total == real.grand_total
        assert [line.sku for line in recorded.lines] == [line.sku for line in real.lines]
        assert [contact.country for contact in recorded.contacts] == [contact.country for contact in real.contacts]


def test_the_same_question_asked_twice_is_one_exchange_with_two_answers(tmp_path: Path):
    numbers = iter([b'{"n": 1}', b"<html>", b'{"n": 2}'])
    with serve(lambda _: Reply(body=next(numbers))) as (url, _):
        recording = Recording(httpx.HTTPTransport(), Scrubber([]))
        asking = httpx.Client(transport=recording)
        for page in ("1", "1", "2"):
            asking.get(f"{url}/orders", params={"page": page, "oauth_nonce": "n", "access_token": "t"})
    recording.write(tmp_path, {"about": "x"})
    exchanges = yaml.safe_load((tmp_path / "case.yml").read_text())["exchanges"]
    assert [each["request"]["query"] for each in exchanges] == [{"page": "1"}, {"page": "2"}]
    assert [len(each["answers"]) for each in exchanges] == [2, 1]
    assert exchanges[0]["answers"][1]["text"] == "(6 bytes that are no JSON, not recorded)"
