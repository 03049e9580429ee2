"""Personal data: sealed, merged, and never lost to a mask."""

import base64
import itertools

import msgspec
import pytest
from staged import chunk, counts, line, load, order, person

from orderflow.domain.errors import ConfigError
from orderflow.domain.order import Order
from orderflow.domain.source import Secret
from orderflow.staging.vault import Vault

MASKED = {
    "masking": "masked",
    "ship_postal_prefix": None,
    "contacts": [person("王**", phone="+886*******78", email=None)],
}


def known(store, order_id="A-1", channel="shop_tw"):
    """The contacts as they stand in the vault."""
    with store.connection, store.connection.cursor() as cursor:
        cursor.execute(
            "SELECT sealed, key_id, masking FROM orderflow.order_contacts WHERE channel = %s AND order_id = %s",
            (channel, order_id),
        )
        row = cursor.fetchone()
    return row and (msgspec.json.decode(store.vault.open(bytes(row[0]), row[1], channel, order_id)), row[2])


def test_a_mask_alone_is_no_new_version_and_hides_nothing(store, ask):
    load(store, order())
    ask("DELETE FROM orderflow.outbox")
    assert counts(load(store, order(minute=5, **MASKED), fetched=5)) == (0, 0, 1, 0)
    people, masking = known(store)
    assert (people[0]["name"], people[0]["phone"], masking) == ("王小明", "+886912345678", "plain")
    assert ask("SELECT version, masking, ship_postal_prefix FROM orderflow.orders") == [(1, "plain", "1")]
    assert ask("SELECT document ->> 'ship_postal_prefix', document ->> 'masking' FROM orderflow.orders") == [
        ("1", None)
    ]
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(0,)]


def test_a_platform_that_shows_and_hides_by_turns_makes_no_versions(store, ask):
    load(store, order())
    for minute in range(1, 5):
        fields = MASKED if minute % 2 else {}
        assert counts(load(store, order(minute=minute, **fields), fetched=minute)) == (0, 0, 1, 0)
    assert ask("SELECT count(*) FROM orderflow.order_versions") == [(1,)]


def test_a_change_that_comes_with_a_mask_is_a_version_with_the_people_we_know(store, ask):
    load(store, order())
    assert counts(load(store, order(minute=5, order_status="completed", **MASKED))) == (0, 1, 0, 0)
    assert known(store)[0][0]["name"] == "王小明"
    assert ask("SELECT version, order_status, masking, ship_postal_prefix FROM orderflow.orders") == [
        (2, "completed", "plain", "1")
    ]
    assert ask("SELECT changed FROM orderflow.order_versions WHERE version = 2") == [(["order_status"],)]
    assert counts(load(store, order(minute=5, order_status="completed", **MASKED))) == (0, 0, 1, 0)


def test_what_was_hidden_and_is_shown_is_a_new_version(store, ask):
    load(store, order(**MASKED))
    assert counts(load(store, order(minute=1))) == (0, 1, 0, 0)
    people, masking = known(store)
    assert (people[0]["name"], masking) == ("王小明", "plain")
    assert ask("SELECT masking, ship_postal_prefix FROM orderflow.orders") == [("plain", "1")]


def test_an_older_version_that_shows_more_fills_in_what_is_hidden_but_nothing_else(store, ask):
    load(store, order(minute=9, order_status="completed", lines=[line(5)], **MASKED))
    assert counts(load(store, order(minute=1, order_status="open"))) == (0, 1, 0, 0)
    assert known(store)[0][0]["name"] == "王小明"
    assert ask("SELECT version, order_status, masking, ship_postal_prefix FROM orderflow.orders") == [
        (2, "completed", "plain", "1")
    ]
    assert ask("SELECT number FROM orderflow.order_lines") == [(5,)]
    assert ask("SELECT version, changed FROM orderflow.order_versions ORDER BY 1") == [(1, None), (2, ["contacts"])]
    assert counts(load(store, order(minute=1, order_status="open"))) == (0, 0, 0, 1)


@pytest.mark.parametrize("empty", [[], [person("", email=None, phone="", address=[], city=None, postal_code=None)]])
def test_nothing_never_overwrites_something(store, empty):
    load(store, order())
    assert counts(load(store, order(minute=1, contacts=empty))) == (0, 0, 1, 0)
    assert known(store)[0][0]["email"] == "ming@example.tw"


def test_a_new_address_replaces_the_old_one_whole(store):
    load(store, order(contacts=[person(region="TPE")]))
    load(store, order(minute=1, contacts=[person(phone=None, address=["中山路1號"], city="台中市", postal_code=None)]))
    (now,), _ = known(store)
    assert (now["address"], now["city"], now.get("postal_code"), now.get("region")) == (
        ["中山路1號"],
        "台中市",
        None,
        None,
    )
    assert now["phone"] == "+886912345678"


def test_the_number_of_a_place_comes_and_goes_with_its_address(store, ask):
    load(store, order(contacts=[person(party_id="STORE-7")]))
    load(store, order(minute=1, contacts=[person(party_id="STORE-8", address=[], city=None, postal_code=None)]))
    now = known(store)[0][0]
    assert (now["party_id"], now.get("address"), now.get("city")) == ("STORE-8", None, None)
    load(store, order(minute=2, contacts=[person()]))
    now = known(store)[0][0]
    assert (now.get("party_id"), now["address"]) == (None, ["信義路五段7號"])
    changes = ask("SELECT changes FROM orderflow.order_versions WHERE version > 1 ORDER BY version")
    assert changes == [(["address_changed"],), (["address_changed"],)]


def test_a_changed_address_is_a_new_version(store, ask):
    load(store, order())
    assert counts(load(store, order(minute=1, contacts=[person(city="台中市")]))) == (0, 1, 0, 0)
    assert ask("SELECT changed FROM orderflow.order_versions WHERE version = 2") == [(["contacts"],)]


def test_a_version_that_moves_to_another_postal_area_has_its_own_hash(store, ask):
    moved = {"contacts": [person(postal_code="709")], "ship_postal_prefix": "7"}
    load(store, order())
    assert counts(load(store, order(minute=5, **moved), fetched=5)) == (0, 1, 0, 0)
    ((found, prefix),) = ask("SELECT content_hash, document ->> 'ship_postal_prefix' FROM orderflow.orders")
    (own,) = chunk(order(minute=5, **moved)).orders["content_hash"].to_pylist()
    assert (bytes(found), prefix) == (own, "7")
    assert ask("SELECT content_hash FROM orderflow.order_versions WHERE version = 2") == [(found,)]


VERSIONS: list[Order] = [
    order(minute=1, **MASKED),
    order(minute=2),
    order(minute=3, order_status="on_hold", contacts=[]),
    order(minute=4, order_status="completed", masking="erased", contacts=[person("-", phone=None, email=None)]),
]


@pytest.mark.parametrize("sequence", list(itertools.permutations(range(4))), ids=str)
def test_whatever_the_order_of_arrival_the_people_we_know_are_the_same(store, ask, sequence):
    for number in sequence:
        load(store, VERSIONS[number], fetched=number)
    people, masking = known(store)
    assert (people[0]["name"], people[0]["email"], masking) == ("王小明", "ming@example.tw", "plain")
    assert ask("SELECT order_status, channel_updated_at, masking, ship_postal_prefix FROM orderflow.orders") == ask(
        "SELECT 'completed', timestamptz '2026-03-01 00:04Z', 'plain', '1'"
    )


def test_a_sealed_value_opens_only_where_it_belongs_and_with_its_key():
    old, new = Vault({"old": bytes(32)}), Vault({"new": bytes(31) + b"x", "old": bytes(32)})
    plain = "收件人 😀".encode()
    sealed, again = old.seal([plain, plain], ["A-1", "A-1"], "shop")
    assert new.open(sealed, "old", "shop", "A-1") == new.open(again, "old", "shop", "A-1") == plain
    assert sealed != again, "every value has a nonce of its own"
    for channel, name in (("shop", "A-2"), ("other", "A-1")):
        with pytest.raises(ConfigError, match="does not open"):
            old.open(sealed, "old", channel, name)
    with pytest.raises(ConfigError, match="the vault does not have"):
        old.open(new.seal([b"x"], ["A-1"], "shop")[0], "new", "shop", "A-1")
    assert repr(new) == "Vault(keys=['new', 'old'])"


def test_vault_keys_are_read_with_the_current_one_first():
    key = base64.b64encode(bytes(32)).decode()
    vault = Vault.parse(Secret(f"k2:{key}, k1:{key}"))
    assert vault.key_id == "k2"
    for wrong in ("k1:short", f"k1:{key[:-8]}", ""):
        with pytest.raises(ConfigError, match=r"vault key|no key"):
            Vault.parse(Secret(wrong))


def test_a_new_vault_key_under_the_id_of_the_old_one_is_refused():
    """Only the last would count: the one that was to be replaced."""
    new, old = (base64.b64encode(bytes([each]) * 32).decode() for each in (1, 2))
    with pytest.raises(ConfigError, match=r"'k1' stands there twice.*an id of its own"):
        Vault.parse(Secret(f"k1:{new},k1:{old}"))
