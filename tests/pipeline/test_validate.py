"""The whole stage: verdicts, counts, waivers, tolerance, and what the guards do."""

import msgspec
import pytest

from good_orders import channel, land, order, with_line, with_part
from orderflow.domain.errors import ConfigError, DriftError
from orderflow.pipeline import validate as stage
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files, mapped
from orderflow.pipeline.validate import validate
from orderflow.quality.guards import History
from orderflow.quality.profile import Profile, profile


def judge(folder, orders, *, history=None, **blocks):
    shop = channel(**blocks)
    return validate(shop, clean(shop, land(folder, orders)), history=history)


def verdicts(folder):
    found = []
    for chunk in files.chunks(folder):
        found += files.read(folder, "verdicts", chunk).to_pylist()
    return found


def codes(folder):
    return {(each["order_id"], each["code"], each["severity"]) for each in verdicts(folder)}


def test_an_order_with_one_bad_line_is_quarantined_whole(tmp_path):
    batch = judge(tmp_path, [order(1), with_line(order(2), 1, sku=None), order(3)])
    assert (batch.counts.accepted, batch.counts.quarantined) == (2, 1)
    assert batch.reasons == {"SKU_MISSING": 1}
    (verdict,) = verdicts(tmp_path)
    assert (verdict["order_id"], verdict["field"]) == ("A2", "lines.2.sku")
    assert verdict["message"] == (
        "a line that is to be shipped has no SKU; "
        "give the article a SKU on the channel; the order is read again by itself"
    )


def test_all_broken_rules_of_an_order_are_kept_whatever_their_kind(tmp_path):
    bad = order(1, order_status="?", grand_total="1", placed_at="soon", currency="XXY", is_test=True)
    batch = judge(tmp_path, [with_line(bad, 1, tax="1,5"), order(2)])
    assert {code for _, code, _ in codes(tmp_path)} == {
        "AMOUNT_MALFORMED",
        "CURRENCY_UNKNOWN",
        "GRAND_TOTAL_MISMATCH",
        "ORDER_STATUS_UNKNOWN",
        "PAID_TOO_MUCH",
        "TEST_ORDER",
        "TIME_MALFORMED",
    }
    assert batch.counts.quarantined == 1
    assert sum(batch.reasons.values()) == 6


def test_a_value_that_could_not_be_typed_is_not_called_missing_as_well(tmp_path):
    judge(tmp_path, [order(1, placed_at="x"), with_line(order(2), quantity="two"), with_line(order(3), total="?")])
    assert codes(tmp_path) == {
        ("A1", "TIME_MALFORMED", "refuse"),
        ("A2", "AMOUNT_MALFORMED", "refuse"),
        ("A3", "AMOUNT_MALFORMED", "refuse"),
    }


def test_a_warning_does_not_hold_an_order_back(tmp_path):
    batch = judge(tmp_path, [order(1, items_total="1")])
    assert (batch.counts.accepted, batch.warnings, batch.reasons) == (1, {"ITEMS_TOTAL_MISMATCH": 1}, {})


def test_a_waived_rule_warns(tmp_path):
    batch = judge(tmp_path, [order(1, is_test=True)], validate={"waive": ["TEST_ORDER"]})
    assert (batch.counts.accepted, batch.warnings) == (1, {"TEST_ORDER": 1})
    assert codes(tmp_path) == {("A1", "TEST_ORDER", "warn")}


@pytest.mark.parametrize("code", ["NO_SUCH_RULE", "MAPPING_FAILED"])
def test_waiving_an_unknown_rule_or_one_that_cannot_be_waived_is_a_fault_of_the_channel_file(tmp_path, code):
    with pytest.raises(ConfigError, match=f"shop_tw: validate.waive: .*{code}"):
        judge(tmp_path, [order(1)], validate={"waive": [code]})


def test_a_residue_within_the_channels_tolerance_is_explained(tmp_path):
    off = order(1, grand_total=f"{float(order(1).grand_total) + 0.02:.2f}")
    off = with_part(msgspec.structs.replace(off, paid=off.grand_total), "payments", amount=off.grand_total)
    assert judge(tmp_path / "a", [off], validate={"tolerance": "0.02"}).counts.accepted == 1
    assert judge(tmp_path / "b", [off], validate={"tolerance": "0.01"}).reasons == {"GRAND_TOTAL_MISMATCH": 1}
    (verdict,) = verdicts(tmp_path / "b")
    assert (verdict["field"], verdict["value"]) == ("grand_total", "-0.02")


def test_personal_values_are_masked_in_verdicts(tmp_path):
    bad = with_part(order(1), "contacts", phone="call Anna 1", email="anna.öberg+1", postal_code="AB-1 茶")
    judge(tmp_path, [bad])
    assert {each["field"]: each["value"] for each in verdicts(tmp_path)} == {
        "contacts.1.phone": "xxxx xxxx 9",
        "contacts.1.email": "xxxx.xxxxx+9",
        "contacts.1.postal_code": "xx-9 x",
    }


def test_other_values_are_shown_exactly(tmp_path):
    judge(tmp_path, [order(1, currency="元" * 300), order(2, channel_updated_at="2026-03-01T12:06:00Z")])
    shown = {each["code"]: each["value"] for each in verdicts(tmp_path)}
    assert shown == {"CURRENCY_UNKNOWN": "元" * 200, "TIME_IN_FUTURE": "60 s"}


def test_unreadable_records_count_among_the_reasons_but_not_among_the_quarantined(tmp_path):
    batch = judge(tmp_path, [order(1), b"x", order(2, is_test=True)])
    assert (batch.counts.accepted, batch.counts.quarantined, batch.counts.unreadable) == (1, 1, 1)
    assert batch.reasons == {"RECORD_MALFORMED": 1, "TEST_ORDER": 1}


def test_judging_again_gives_the_same_batch_and_the_same_files(tmp_path):
    shop = channel(validate={"orders_per_window": [5, 9]})
    once = validate(shop, clean(shop, land(tmp_path, [order(1), order(2, is_test=True), b"x"])))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = validate(shop, once)
    assert set(again.seconds) == {"clean", "validate"}
    assert msgspec.structs.replace(again, seconds=once.seconds) == once
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_empty_batch_is_judged_too(tmp_path):
    batch = judge(tmp_path, [])
    assert (batch.counts.accepted, batch.counts.quarantined, batch.notes) == (0, 0, [])


def test_orders_of_several_chunks_are_judged_together_and_written_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "CHUNK_ORDERS", 2)
    monkeypatch.setattr(stage, "CHUNKS_AT_ONCE", 2)
    told = []
    shop = channel()
    orders = [
        order(number, is_test=number % 3 == 0, order_number="#1" if number in {1, 5} else f"#x{number}")
        for number in range(1, 8)
    ]
    batch = validate(shop, clean(shop, land(tmp_path, orders)), progress=lambda *each: told.append(each))
    assert batch.reasons == {"TEST_ORDER": 2}
    assert batch.warnings == {"ORDER_NUMBER_DUPLICATE": 2}
    rows = {
        chunk: [each["order_row"] for each in files.read(tmp_path, "verdicts", chunk).to_pylist()] for chunk in range(4)
    }
    assert rows == {0: [0], 1: [0], 2: [0, 1], 3: []}
    assert told == [("validate", 4, 7), ("validate", 7, 7)]


TEN = [order(number, is_test=number <= 6) for number in range(1, 11)]


def test_too_many_refused_orders_stop_the_run_and_tell_where_the_data_lies(tmp_path):
    with pytest.raises(DriftError) as stopped:
        judge(tmp_path, TEN, validate={"guards": "stop"})
    message = str(stopped.value)
    assert "shop_tw 2026-03-01T11:00:00Z/2026-03-01T12:00:00Z: TOO_MANY_REFUSED: 6 of 10 orders (60.0%)" in message
    assert "TEST_ORDER 6" in message
    assert str(tmp_path) in message


def test_guards_may_warn_or_hold_instead(tmp_path):
    warned = judge(tmp_path / "a", TEN, validate={"guards": "warn"})
    assert warned.held is None
    assert [note.partition(":")[0] for note in warned.notes] == ["TOO_MANY_REFUSED"]
    held = judge(tmp_path / "b", TEN, validate={"guards": "hold"})
    assert held.held is not None
    assert held.held.startswith("TOO_MANY_REFUSED: 6 of 10")
    assert held.notes == warned.notes


def test_a_batch_that_is_good_on_a_second_look_is_held_no_longer(tmp_path):
    shop = channel(validate={"guards": "hold"})
    held = validate(shop, clean(shop, land(tmp_path, TEN)))
    wider = channel(validate={"guards": "hold", "quarantine_at_most": "80%"})
    assert validate(wider, clean(wider, held)).held is None


def test_history_tells_what_is_unexpected(tmp_path):
    raws = [msgspec.to_builtins(order(number)) for number in range(60)]
    before = profile({**raw, "gone": 1} for raw in raws)
    batch = judge(
        tmp_path / "a",
        [order(number, payment_status="authorized") for number in range(60)],
        history=History(profile=before),
    )
    assert "FIELD_GONE: field gone was in 100% of the records and is in none" in batch.notes
    news = "CATEGORY_NEW: field payment_status has the new categories authorized since 2026-03-01"
    assert any(note.startswith(news) for note in batch.notes)
    empty = judge(tmp_path / "b", [], history=History(orders=(50, 60, 70, 80, 90, 50, 60, 70)))
    assert empty.notes == ["UNEXPECTEDLY_EMPTY: no orders, where the last 8 comparable windows had 50 to 90"]


def test_the_profile_of_the_batch_is_kept_beside_it(tmp_path):
    judge(tmp_path, [order(number) for number in range(5)])
    kept = Profile.from_json((tmp_path / "profile.json").read_bytes())
    assert kept.records == 5
    assert kept.fields["lines[].sku"].types == {"text"}
