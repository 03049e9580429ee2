"""The dry run: what a replay would change, to the field, before anything is written."""

import hashlib
import json

import msgspec
import shop
from replayed import bad, channel, good, line, repaired, window
from staged import person

SHOP = channel()
TODAY = channel(repaired)


def everything(world):
    """Every table and sequence of the schema, byte for byte."""
    tables = world.ask(
        "SELECT quote_ident(table_name) FROM information_schema.tables"
        " WHERE table_schema = 'orderflow' AND table_type = 'BASE TABLE' ORDER BY 1"
    )
    assert len(tables) > 15
    found = {}
    for (name,) in tables:
        rows = world.ask(f"SELECT xmin::text, ctid::text, t::text FROM orderflow.{name} AS t ORDER BY t::text")
        found[name] = hashlib.sha256(repr(rows).encode()).hexdigest()
    found["sequences"] = world.ask("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
    return found


def test_a_dry_run_writes_nothing(world):
    world.pull(SHOP, 0, good("A-1"), bad("B-1"), b"{}", good("A-2", tags=["x"]))
    before, files = everything(world), sorted(world.landing.rglob("*"))
    world.landing = world.landing.with_name("scratch")
    changes = world.preview(TODAY, window=window(0))
    assert changes.orders == 4
    assert everything(world) == before
    assert sorted(world.landing.with_name("landing").rglob("*")) == files


def test_a_dry_run_says_what_would_change_field_by_field(world):
    world.pull(SHOP, 0, *(good(f"A-{n}", 1) for n in range(5)), bad("B-1"), bad("B-2"), good("C-1", 1))

    def today(raw, options):
        mapped = repaired(raw, options)
        if mapped.order_id == "C-1":
            return msgspec.structs.replace(mapped, items_total="1", grand_total="1")
        if mapped.order_id.startswith("A"):
            return msgspec.structs.replace(mapped, lines=[msgspec.structs.replace(mapped.lines[0], sku="neu-1")])
        return mapped

    changes = world.preview(channel(today), window=window(0))
    assert (changes.orders, changes.changed, changes.unchanged) == (8, 8, 0)
    assert (changes.leave, changes.stay, changes.enter, changes.added) == (2, 0, 1, 0)
    assert changes.fields == {"lines.oms_sku": 5, "lines.sku": 5, "grand_total": 3, "items_total": 1}
    assert changes.groups == {"SKUs": 5, "totals": 3}
    assert str(changes) == ("8 of 8 orders would change: 5 SKUs, 3 totals; 2 would leave quarantine, 1 would enter it")
    assert set(changes.cured) == set(world.waiting()["B-1"][1])
    example = next(each for each in changes.examples if each.place == "lines.1.sku")
    assert (example.before, example.after) == ("SKU-1", "neu-1")
    assert json.loads(msgspec.json.encode(changes))["fields"]["grand_total"] == 3


def test_the_replay_does_what_the_dry_run_said(world):
    world.pull(SHOP, 0, good("A-1", 1), good("A-2", 1), bad("B-1"), b'{"order_id": "B-2", "lines": 7}')
    world.pull(SHOP, 1, good("A-2", 61, tags=["newer"]))

    def today(raw, options):
        mapped = repaired(raw, options)
        return msgspec.structs.replace(mapped, tags=[*mapped.tags, "today"])

    now = channel(today)
    changes = world.preview(now, window=window(0))
    assert (changes.older, changes.leave, changes.stay, changes.changed) == (1, 1, 1, 2)
    counts = world.again(now, window=window(0)).counts
    assert counts.stale == changes.older
    assert counts.inserted + counts.updated == changes.changed
    assert counts.quarantined + counts.unreadable == changes.stay + changes.enter
    after = world.preview(now, window=window(0))
    assert (after.changed, after.leave, after.enter) == (0, 0, 0)
    assert (after.unchanged, after.older, after.stay) == (2, 1, 1)


def test_personal_fields_are_shown_by_their_shape(world):
    world.pull(SHOP, 0, good("A-1", 1, contacts=[person("王小明", phone="+886912345678")]))

    def today(raw, options):
        mapped = shop.to_order(raw, options)
        someone = msgspec.structs.replace(mapped.contacts[0], name="Ann Lee", phone="+886900000001")
        return msgspec.structs.replace(mapped, contacts=[someone], buyer_id="B-77")

    changes = world.preview(channel(today), order_ids=("A-1",))
    assert changes.fields == {"buyer_id": 1, "contacts.name": 1, "contacts.phone": 1}
    shown = {each.place: (each.before, each.after) for each in changes.examples}
    assert shown["contacts.1.name"] == ("xxx", "xxx xxx")
    assert shown["contacts.1.phone"] == ("+999999999999", "+999999999999")
    assert shown["buyer_id"] == (None, "x-99")
    assert "王小明" not in msgspec.json.encode(changes).decode()


def test_a_dropped_line_and_a_rule_newly_broken_are_told(world):
    world.pull(SHOP, 0, good("A-1", 1, lines=[line(), line(2)], items_total="49", grand_total="49"))

    def today(raw, options):
        mapped = shop.to_order(raw, options)
        return msgspec.structs.replace(mapped, lines=mapped.lines[:1])

    changes = world.preview(channel(today), window=window(0))
    assert changes.fields == {"lines": 1}
    assert changes.enter == 1
    assert changes.broken == {"GRAND_TOTAL_MISMATCH": 1}


def test_a_rule_that_staged_orders_break_now_holds_nothing_back_that_is_staged_already(world):
    world.pull(channel(validate={"waive": ["ITEMS_TOTAL_MISMATCH"]}), 0, good("A-1", 1, items_total="7"))
    assert "A-1" in world.staged()
    changes = world.preview(SHOP, window=window(0))
    assert (changes.enter, changes.changed, changes.unchanged) == (0, 0, 1)


def test_memory_stays_that_of_a_chunk_and_examples_stay_few(world):
    world.pull(SHOP, 0, *(good(f"A-{n}", 1) for n in range(60)))

    def today(raw, options):
        return msgspec.structs.replace(shop.to_order(raw, options), tags=["t"])

    changes = world.preview(channel(today), window=window(0))
    assert changes.fields == {"tags": 60}
    assert len(changes.examples) == 20


def test_an_old_record_cures_nothing_newer_that_waits(world):
    world.pull(SHOP, 0, good("A-1", 1))
    world.pull(SHOP, 1, bad("A-1", 61))
    changes = world.preview(SHOP, window=window(0))
    assert (changes.leave, changes.changed, changes.unchanged) == (0, 0, 1)
    world.again(SHOP, window=window(0))
    assert world.waiting()["A-1"][0] == "open"
