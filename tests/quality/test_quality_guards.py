"""Batch guards and profiles: pure functions over counts, history and samples."""

from datetime import UTC, datetime

import msgspec
import pytest

import good_orders
from orderflow.domain.batch import Batch, Counts
from orderflow.domain.channel import Validation
from orderflow.quality import guards
from orderflow.quality.guards import History, compare, findings
from orderflow.quality.profile import Profile, Sampler, merged, of_windows, profile


def batch(**counts):
    return Batch(
        channel="c",
        window_start=good_orders.WINDOW.start,
        window_end=good_orders.WINDOW.end,
        run_id="r",
        landing="/l",
        counts=Counts(**counts),
        reasons={"TEST_ORDER": counts.get("quarantined", 0)},
    )


def codes(found):
    return [(each.code, each.severity) for each in found]


def rules(**fields):
    return Validation(**fields)


@pytest.mark.parametrize(
    ("cleaned", "refused", "unreadable", "alarms"),
    [(100, 5, 0, False), (100, 6, 0, True), (100, 3, 3, True), (3, 3, 0, False), (4, 4, 1, True), (1000, 50, 0, False)],
)
def test_refused_orders_alarm_by_their_share_but_never_by_a_few(cleaned, refused, unreadable, alarms):
    found = findings(batch(cleaned=cleaned, quarantined=refused, unreadable=unreadable), rules())
    assert codes(found) == ([("TOO_MANY_REFUSED", "alarm")] if alarms else [])


def test_what_nobody_has_to_decide_counts_in_no_refused_share():
    mixed = msgspec.structs.replace(batch(cleaned=100, unreadable=306), reasons={"SOLD_ELSEWHERE": 300, "RAW_SHAPE": 6})
    (found,) = findings(mixed, rules())
    assert found.message.startswith("6 of 106 orders (5.7%) are refused")
    assert found.message.endswith("most frequent reasons: RAW_SHAPE 6")
    settled = msgspec.structs.replace(batch(cleaned=100, unreadable=300), reasons={"SOLD_ELSEWHERE": 300})
    assert findings(settled, rules()) == []


@pytest.mark.parametrize(("orders", "code"), [(4, "TOO_FEW_ORDERS"), (5, None), (10, None), (11, "TOO_MANY_ORDERS")])
def test_the_number_of_orders_alarms_outside_its_band(orders, code):
    found = findings(batch(cleaned=orders), rules(orders_per_window=(5, 10)))
    assert codes(found) == ([(code, "alarm")] if code else [])
    assert all(str(orders) in each.message for each in found)


@pytest.mark.parametrize("band", [(5, 10), None])
@pytest.mark.parametrize(("kind", "orders"), [("holiday", 0), ("holiday", 5000), ("sale", 1), ("sale", 5000)])
def test_on_a_day_like_no_other_the_number_of_orders_is_not_judged(kind, orders, band):
    known = History(orders=(100,) * 12, special=kind)
    assert findings(batch(cleaned=orders), rules(orders_per_window=band), history=known) == []
    assert findings(batch(cleaned=orders), rules(orders_per_window=band), history=History(orders=(100,) * 12))


@pytest.mark.parametrize(("band", "code"), [((5, 10), "TOO_FEW_ORDERS"), (None, "UNEXPECTEDLY_EMPTY")])
def test_no_orders_at_all_are_judged_on_a_sale_day_too(band, code):
    known = History(orders=(100,) * 12, special="sale")
    assert codes(findings(batch(), rules(orders_per_window=band), history=known)) == [(code, "alarm")]


@pytest.mark.parametrize(
    ("history", "band", "alarms"),
    [
        ((20,) * 8, None, True),
        ((20,) * 7, None, False),
        ((20,) * 7 + (0,), None, False),
        ((), None, False),
        ((20,) * 8, (0, 100), False),
    ],
)
def test_no_orders_alarm_only_where_there_always_were_some(history, band, alarms):
    found = findings(batch(), rules(orders_per_window=band), history=History(orders=history))
    assert codes(found) == ([("UNEXPECTEDLY_EMPTY", "alarm")] if alarms else [])


@pytest.mark.parametrize(("usual", "alarms"), [(1, False), (3, False), (10, False), (15, True), (500, True)])
def test_an_empty_window_of_a_channel_with_few_orders_is_chance_and_no_alarm(usual, alarms):
    """Of three orders an hour one hour in twenty stays empty: that must not stop a run a day."""
    assert bool(findings(batch(), rules(), history=History(orders=(usual,) * 8))) == alarms


def raw(number, **changes):
    plain = {
        "id": number,
        "status": ("paid", "open")[number % 2],
        "buyer": {"name": f"N{number}"},
        "lines": [{"sku": "x"}],
    }
    return plain | changes


def test_a_profile_knows_paths_types_and_shares():
    found = profile(raw(number, note=None if number % 2 else "x") for number in range(10))
    assert found.records == 10
    assert found.share("buyer.name") == 1.0
    assert found.fields["note"].types == {"null", "text"}
    assert found.fields["lines[].sku"].records == 10
    assert found.share("nowhere") == 0.0


def test_a_profile_keeps_categories_and_never_anything_personal():
    records = [
        {
            "order_status": "PAID",
            "payment": {"method": "信用卡", "type": "a.person@example.com"},
            "buyer": {"name": "Anna", "city": "Lund", "phone": "+46701234567", "kind": "0701234567"},
            "statusText": "free prose",
            "reason": "Please deliver to my neighbour Anna Öberg at Storgatan 1",
        }
    ] * 3
    found = profile(iter(records))
    kept = {path: field.categories for path, field in found.fields.items() if field.categories is not None}
    assert kept == {"order_status": {"PAID"}, "payment.method": {"信用卡"}}
    for personal in (b"Anna", b"Lund", b"070", b"example.com", b"Storgatan"):
        assert personal not in found.to_json()


def test_names_that_are_ids_are_one_path():
    found = profile([{"items": {"100200300": {"a": 1}, "100200301": {"a": 2}}}])
    assert set(found.fields) == {"items.*.a"}


def test_a_sample_is_spread_over_the_batch_and_does_not_depend_on_chunks():
    sampler = Sampler(100_000)
    for ordinal in range(100_000):
        sampler.see(ordinal, b'{"id": %d}' % ordinal)
    assert sampler.profile().records == 200


def test_profiles_survive_storage():
    found = profile(raw(number) for number in range(3))
    assert Profile.from_json(found.to_json()) == found


def test_the_same_records_bring_no_finding():
    found = profile(raw(number) for number in range(60))
    assert compare(found, found) == []


def test_new_and_missing_fields_types_and_categories_are_found():
    earlier = profile(raw(number, old=1, price="1.50") for number in range(60))
    now = profile(raw(number, fresh="x", price=2, status="refunded") for number in range(60))
    assert [(each.code, each.message) for each in compare(now, earlier)] == [
        ("CATEGORY_NEW", "field status has the new categories refunded; see raw record 0"),
        ("FIELD_GONE", "field old was in 100% of the records and is in none"),
        ("FIELD_NEW", "field fresh is new, in 100% of the records; see raw record 0"),
        ("TYPE_NEW", "field price is number; before it was text; see raw record 0"),
    ]
    assert {each.severity for each in compare(now, earlier)} == {"note"}


def priced(number, times=1, currency="EUR", **changes):
    """A record as most platforms write one: some amounts are text, some numbers; one order is large."""
    price = (1 + number % 7) * (500 if number == 3 else 1) * times
    return raw(
        number, currency=currency, total_price=f"{price + 5 * times}.00", id=10**12 + number, total_discounts="0.01",
        lines=[{"sku": "x", "price": price, "price_list_id": 7}], **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "severity"),
    [
        ({"times": 100}, "alarm"),
        ({"times": 1000}, "alarm"),
        ({"times": 3}, None),
        ({"times": 100, "currency": "JPY"}, "note"),
        ({"times": 100, "currency": 392}, "note"),
    ],
)
def test_all_amounts_a_hundred_times_larger_are_in_another_unit(now, severity):
    earlier = of_windows(
        [(datetime(2026, 3, day, tzinfo=UTC), profile(map(priced, range(40))).to_json()) for day in (1, 2)]
    )
    late = profile(priced(number, **now) for number in range(40))
    for new, old, larger in ((late, earlier, True), (earlier, late, False)):
        found = [each for each in compare(new, old) if each.code == "AMOUNTS_IN_ANOTHER_UNIT"]
        assert [each.severity for each in found] == ([severity] if severity else []), larger


def test_signs_and_a_second_set_of_amounts_do_not_make_another_currency():
    """WooCommerce sends `currency_symbol`, Adobe Commerce `reward_currency_amount` and the website's own currency."""
    more = {"currency_symbol": "€", "reward_currency_amount": 0, "base_currency_code": "USD"}
    earlier, now = (profile(priced(number, times=times, **more) for number in range(40)) for times in (1, 100))
    assert ("AMOUNTS_IN_ANOTHER_UNIT", "alarm") in codes(compare(now, earlier))


def test_one_field_of_amounts_or_a_few_orders_are_no_other_unit():
    earlier = profile(map(priced, range(40)))
    sale = profile(priced(number, grand_total=1) | {"total_discounts": "50.00"} for number in range(40))
    partly = profile(priced(number) | {"total_price": "99999.00"} for number in range(40))
    few = profile(priced(number, times=100) for number in range(29))
    for now in (sale, partly, few):
        assert "AMOUNTS_IN_ANOTHER_UNIT" not in {each.code for each in compare(now, earlier)}


def test_a_whole_number_and_one_with_a_fraction_are_both_numbers():
    found = []
    for price in (b"10", b"10.50", b"1e400"):
        sampler = Sampler(60)
        for number in range(60):
            sampler.see(number, b'{"price": %b}' % price)
        found.append(sampler.profile())
    assert [each.fields["price"].types for each in found] == [{"number"}] * 3
    assert [each.fields["price"].amounts for each in found] == [60, 60, 0]
    assert compare(found[1], found[0]) == []


def test_a_list_that_is_empty_today_is_not_missing():
    earlier = profile(raw(number) for number in range(60))
    now = profile(raw(number, lines=[]) for number in range(60))
    assert [each.code for each in compare(now, earlier) if each.code == "FIELD_GONE"] == []


def test_few_records_prove_nothing():
    few = guards.FEWEST_RECORDS - 1
    earlier = profile(raw(number, old=1) for number in range(few))
    now = profile(raw(number, fresh=1) for number in range(60))
    assert compare(now, earlier) == []


def test_profiles_of_several_batches_are_one():
    one = profile(raw(number) for number in range(4))
    other = profile(raw(number, status="void", extra=1) for number in range(6))
    whole = profile([*(raw(n) for n in range(4)), *(raw(n, status="void", extra=1) for n in range(6))])
    for field in whole.fields.values():
        field.where = {}
    assert merged(one, other) == merged(other, one) == whole


def test_a_drift_says_where_how_much_and_since_when_and_shows_nothing_personal():
    earlier = of_windows(
        (datetime(2026, 3, day, tzinfo=UTC), profile(raw(n, old=1) for n in range(60)).to_json().decode())
        for day in (9, 8)
    )
    now = profile(raw(n, **({"phone": "+46701234567"} if n % 4 == 3 else {})) for n in range(60))
    new, gone = sorted(compare(now, earlier, since=datetime(2026, 3, 10, tzinfo=UTC)), key=lambda each: each.field)[
        ::-1
    ]
    assert (new.code, new.field, new.share, new.sample) == ("FIELD_NEW", "phone", 0.25, 3)
    assert new.message == "field phone is new, in 25% of the records since 2026-03-10 00:00Z; see raw record 3"
    assert (gone.code, gone.field, gone.share, gone.since) == (
        "FIELD_GONE",
        "old",
        1.0,
        datetime(2026, 3, 9, tzinfo=UTC),
    )
    assert "+46" not in new.message


@pytest.mark.parametrize(
    ("orders", "history", "noted"),
    [
        (100, (90, 110) * 4, False),
        (20, (90, 110) * 4, True),
        (500, (90, 110) * 4, True),
        (500, (90, 110) * 3, False),
        (12, (0, 1) * 4, False),
    ],
)
def test_a_volume_far_from_all_earlier_ones_is_noted(orders, history, noted):
    found = findings(batch(cleaned=orders, accepted=orders), rules(), history=History(orders=history))
    assert codes(found) == ([("VOLUME_UNUSUAL", "note")] if noted else [])


def test_findings_stand_with_the_alarms_first():
    earlier = profile(raw(number, old=1) for number in range(60))
    found = findings(
        batch(cleaned=3),
        rules(orders_per_window=(5, 9)),
        history=History(profile=earlier),
        profile=profile(raw(n) for n in range(60)),
    )
    assert codes(found) == [("TOO_FEW_ORDERS", "alarm"), ("FIELD_GONE", "note")]


def test_history_is_plain_json():
    history = History(orders=(1, 2), profile=profile([raw(1)]))
    assert msgspec.convert(msgspec.to_builtins(history), History) == history
