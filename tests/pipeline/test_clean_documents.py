"""Documents: what msgspec writes for the order, and hashes that are equal exactly when the content is."""

import msgspec
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from good_orders import order, shipment, with_line
from orderflow.domain.order import Charge, Contact, Line, Order, Payment, Refund, Shipment
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning.documents import documents
from orderflow.pipeline.cleaning.typed import type_frames

AWKWARD = st.text(max_size=12) | st.sampled_from(
    ['"', "\\", "\n\t\x00\x1f", "茶", "😀", "مريم", "</script>", "\u2028", ""]
)
TEXT = st.none() | AWKWARD
AMOUNT = st.none() | st.decimals(-(10**9), 10**9, places=6).map(str)
TIME = st.none() | st.datetimes().map(lambda moment: moment.isoformat() + "Z")
PAIRS = st.lists(st.tuples(AWKWARD, st.integers(0, 99).map(str)), max_size=3)
ORDERS = st.builds(
    Order,
    order_id=st.text(min_size=1, max_size=8),
    order_number=TEXT,
    is_test=st.booleans(),
    placed_at=TIME,
    channel_updated_at=TIME,
    order_status=st.sampled_from(["open", "cancelled"]),
    raw_status=st.dictionaries(AWKWARD, TEXT, max_size=3),
    tags=st.lists(AWKWARD, max_size=3),
    taxes_included=st.booleans(),
    grand_total=AMOUNT,
    lines=st.lists(
        st.builds(
            Line, number=st.integers(-5, 10**6), sku=TEXT, title=TEXT, kind=AWKWARD, quantity=AMOUNT, ship_by=TIME
        ),
        max_size=3,
    ),
    charges=st.lists(st.builds(Charge, amount=AMOUNT), max_size=2),
    payments=st.lists(st.builds(Payment, at=TIME, status=st.just("success")), max_size=2),
    shipments=st.lists(st.builds(Shipment, tracking_numbers=st.lists(AWKWARD, max_size=2), lines=PAIRS), max_size=2),
    refunds=st.lists(st.builds(Refund, reason=TEXT, lines=PAIRS), max_size=2),
    contacts=st.lists(st.builds(Contact, name=TEXT, address=st.lists(AWKWARD, max_size=2)), max_size=2),
    ext=st.dictionaries(AWKWARD, AWKWARD, max_size=2),
)


def written(*orders):
    typed, _ = type_frames(fr.from_orders(list(orders)), "UTC")
    return documents(typed)


def test_own_names_and_values_lose_their_nul_characters_and_nothing_else():
    ext = {"": None, "\x00": None, "a\x00": "b\x00c", "path": r"C:\u0000"}
    (document,) = written(Order(order_id="1", ext=ext)).document.to_pylist()
    assert msgspec.json.decode(document)["ext"] == {"": None, "a": "bc", "path": r"C:\u0000"}


@given(st.lists(ORDERS, max_size=4))
def test_a_document_is_what_msgspec_writes_for_the_order_that_it_holds(orders):
    made = written(*orders)
    for given_order, document, contacts in zip(
        orders, made.document.to_pylist(), made.contacts.to_pylist(), strict=True
    ):
        read = msgspec.json.decode(document, type=Order)
        assert msgspec.json.encode(read) == document
        assert read.order_id == given_order.order_id
        assert [line.title for line in read.lines] == [line.title for line in given_order.lines]
        assert [line.number for line in read.lines] == [line.number for line in given_order.lines]
        assert [shipment.lines for shipment in read.shipments] == [shipment.lines for shipment in given_order.shipments]
        assert read.contacts == []
        assert msgspec.json.decode(contacts, type=list[Contact]) == given_order.contacts
        assert msgspec.json.encode(msgspec.json.decode(contacts, type=list[Contact])) == contacts


@given(st.lists(ORDERS, min_size=1, max_size=5))
def test_an_orders_document_and_hashes_do_not_depend_on_the_orders_beside_it(orders):
    together = written(*orders)
    for row, alone in enumerate(orders):
        assert [column[0] for column in written(alone)] == [column[row] for column in together]


def test_equal_content_has_an_equal_hash_however_it_is_spelled():
    one = order(1, grand_total="24.50", placed_at="2026-03-01T10:00:00+08:00")
    other = order(1, grand_total="2.45e1", placed_at="2026-03-01 02:00:00Z")
    made = written(one, other)
    assert made.content_hash[0] == made.content_hash[1]
    assert made.document[0] == made.document[1]


def test_the_modified_time_alone_makes_no_new_content():
    made = written(order(1), order(1, channel_updated_at="2026-03-01T11:59:00Z"), order(1, channel_updated_at=None))
    assert len(set(made.content_hash.to_pylist())) == 1
    assert len(set(made.document.to_pylist())) == 3


def test_contacts_have_a_hash_of_their_own():
    good = order(1)
    moved = msgspec.structs.replace(good, contacts=good.contacts[:1])
    made = written(good, moved)
    assert made.content_hash[0] == made.content_hash[1]
    assert made.contacts_hash[0] != made.contacts_hash[1]


def test_any_change_of_content_changes_the_hash():
    good = order(1)
    changed = [
        order(1, order_status="on_hold"),
        order(1, raw_status={"financial_status": "paid"}),
        order(1, is_test=True),
        with_line(good, 1, quantity="9"),
        with_line(good, 1, title="茶"),
        msgspec.structs.replace(good, lines=good.lines[::-1]),
        msgspec.structs.replace(good, lines=good.lines[:1]),
        msgspec.structs.replace(good, shipments=[shipment(good)]),
        msgspec.structs.replace(good, tags=["a"]),
        msgspec.structs.replace(good, tags=["a", "b"]),
        msgspec.structs.replace(good, tags=["a,b"]),
    ]
    hashes = written(good, *changed).content_hash.to_pylist()
    assert len(set(hashes)) == len(hashes)


def test_a_value_without_a_name_is_never_written_into_its_neighbour():
    half = Order(order_id="1", order_number=None, origin=None, lines=[Line(number=1), Line(number=2, sku="x")])
    assert written(half).document.to_pylist() == [
        b'{"order_id":"1","lines":[{"number":1},{"number":2,"sku":"x"}]}',
    ]


def test_hashes_are_32_bytes():
    made = written(order(1))
    assert made.content_hash.type == made.contacts_hash.type == pa.binary(32)
