"""All steps of cleaning together: what they record, what they leave alone, and all of them twice."""

import pyarrow as pa
from cleaned_orders import cleaned
from hypothesis import given, settings
from hypothesis import strategies as st

from good_orders import order, with_part
from orderflow.domain.order import Contact, Discount, Line, Order
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning import steps
from orderflow.pipeline.cleaning.steps import Settings
from orderflow.pipeline.cleaning.typed import type_frames


def test_every_repair_is_recorded_with_its_place_and_personal_values_are_not_shown():
    _, repairs = cleaned(
        with_part(order(1), "contacts", 1, phone="070-123 45 67", country="Sweden"), order(2, currency="eur")
    )
    found = {
        (each["order_row"], each["rule"], each["table"], each["position"], each["field"]): each for each in repairs
    }
    assert found[0, "phones", "contacts", 2, "phone"]["before"] is None
    assert found[0, "countries", "contacts", 2, "country"]["before"] == "Sweden"
    assert found[1, "currencies", "orders", None, "currency"]["before"] == "eur"
    assert all(each["before_hash"] != each["after_hash"] for each in repairs)


def test_steps_look_at_frames_and_leave_them_as_they_were():
    typed, _ = type_frames(fr.from_orders([order(1)]), "UTC")
    before = {table: dict(columns) for table, columns in typed.items()}
    steps.apply(typed, Settings())
    assert all(typed[table][name] is before[table][name] for table in before for name in before[table])


DIRT = st.text("aé\u0301 \u200b\u3000\t\x00\ufeff茶가Å*@.+0912345-", max_size=10)
DIRTY = st.builds(
    Order,
    order_id=st.just("1"),
    order_number=DIRT,
    currency=DIRT | st.sampled_from(["eur", "jpy"]),
    grand_total=st.just("1"),
    tags=st.lists(DIRT, max_size=2),
    lines=st.lists(
        st.builds(Line, number=st.just(1), sku=DIRT, title=DIRT, total=st.integers(0, 50).map(str)), max_size=3
    ),
    discounts=st.lists(st.builds(Discount, amount=st.integers(0, 40).map(str)), max_size=2),
    contacts=st.lists(
        st.builds(
            Contact,
            name=DIRT,
            note=DIRT,
            phone=DIRT | st.sampled_from(["0912345678", "+46 70 123 45 67"]),
            country=DIRT | st.sampled_from(["sweden", "台灣", "us", "GBR", "jp"]),
            region=DIRT | st.sampled_from(["California", "US-NY"]),
            postal_code=DIRT | st.sampled_from(["11122", "sw1a1aa", "〒1000001"]),
            address=st.lists(DIRT, max_size=2),
        ),
        max_size=2,
    ),
)


@settings(max_examples=50)
@given(st.lists(DIRTY, min_size=1, max_size=3))
def test_what_was_cleaned_is_left_alone(orders):
    rules = {"country": "TW", "currency": "TWD", "lookups": {"currency": {"eur": "EUR"}}}
    once, _ = cleaned(*orders, **rules)
    twice, repairs = cleaned(*once, **rules)
    assert twice == once
    assert repairs == []


@settings(max_examples=50)
@given(st.lists(DIRTY, min_size=1, max_size=2))
def test_every_step_leaves_alone_what_it_returned(orders):
    frames, _ = type_frames(fr.from_orders(orders), "UTC")
    rules = Settings(country="TW", currency="TWD")
    for step in (*steps.REPAIRS, *steps.DERIVATIONS):
        frames = fr.put(frames, step(frames, rules))
        again = step(frames, rules)
        assert {column: array for column, array in again.items() if not array.equals(fr.get(frames, *column))} == {}


def test_frames_hold_arrow_arrays_all_along():
    typed, _ = type_frames(fr.from_orders([order(1)]), "UTC")
    frames, _ = steps.apply(typed, Settings())
    assert all(isinstance(array, pa.Array) for columns in frames.values() for array in columns.values())
