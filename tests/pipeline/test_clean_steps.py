"""Each step of cleaning by itself, and all of them twice."""

import msgspec
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from good_orders import order, with_line, with_part
from orderflow.domain.errors import ConfigError
from orderflow.domain.money import allocate
from orderflow.domain.order import Contact, Discount, Line, Order, Shipment, postal_prefix
from orderflow.pipeline import frames as fr
from orderflow.pipeline.cleaning import phones, places, steps
from orderflow.pipeline.cleaning.documents import documents
from orderflow.pipeline.cleaning.steps import Settings
from orderflow.pipeline.cleaning.typed import type_frames


def cleaned(*orders, **rules):
    """The orders as cleaning leaves them, and its repairs."""
    typed, _ = type_frames(fr.from_orders(list(orders)), "UTC")
    frames, repairs = steps.apply(typed, Settings(**rules))
    made = documents(frames)
    return [
        msgspec.structs.replace(
            msgspec.json.decode(document, type=Order), contacts=msgspec.json.decode(contacts, type=list[Contact])
        )
        for document, contacts in zip(made.document.to_pylist(), made.contacts.to_pylist(), strict=True)
    ], repairs.to_pylist()


def titled(title):
    orders, _ = cleaned(Order(order_id="1", lines=[Line(number=1, title=title)]))
    return orders[0].lines[0].title


def contacted(**fields):
    country = fields.pop("channel_country", None)
    orders, _ = cleaned(Order(order_id="1", contacts=[Contact(**fields)]), country=country)
    return orders[0].contacts[0]


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("Cafe\u0301", "Café"),
        ("  Tea \u3000", "Tea"),
        ("\ufeffTea\u200b", "Tea"),
        ("Te\x00a\x07", "Tea"),
        ("two\r\n\tlines", "two lines"),
        ("\u202eevil\u202c", "evil"),
        ("e\u200b\u0301", "é"),
        ("👩\u200d🔬 ☕\ufe0f", "👩\u200d🔬 ☕\ufe0f"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "ｆｕｌｌ　ｗｉｄｔｈ"),
        ("가", "가"),
        (" \u200b\u3000 ", None),
        ("", None),
        (None, None),
    ],
)
def test_text_is_normal_visible_and_trimmed(dirty, clean):
    assert titled(dirty) == clean


def test_a_note_keeps_its_lines():
    assert contacted(note=" ring\r\ntwice \x07").note == "ring\r\ntwice"


def test_codes_are_trimmed_and_never_respelled():
    orders, _ = cleaned(with_line(order(1), sku=" SKU\u200bé\x00-1\ufeff ", gtin="\t"))
    assert orders[0].lines[0].sku == "SKU\u200bé-1"
    assert orders[0].lines[0].gtin is None


def test_an_order_id_is_never_touched():
    orders, _ = cleaned(Order(order_id=" A\u200b1 "))
    assert orders[0].order_id == " A\u200b1 "


def test_an_empty_status_stays_for_validation_to_see():
    orders, _ = cleaned(Order(order_id="1", order_status="  "))
    assert orders[0].order_status == ""


def test_empty_members_leave_lists():
    shop = Order(
        order_id="1",
        tags=[" new ", "", "急"],
        shipments=[Shipment(tracking_numbers=["", " 1Z "]), Shipment(tracking_numbers=["\u200b"])],
        contacts=[Contact(address=["Storgatan 1", "\u3000", " "]), Contact(role="bill_to", address=["", "x"])],
    )
    orders, repairs = cleaned(shop)
    assert orders[0].tags == ["new", "急"]
    assert [shipment.tracking_numbers for shipment in orders[0].shipments] == [["1Z"], []]
    assert [contact.address for contact in orders[0].contacts] == [["Storgatan 1"], ["x"]]
    assert {(each["table"], each["field"], each["position"]) for each in repairs} >= {
        ("orders", "tags", None),
        ("shipments", "tracking_numbers", 1),
        ("contacts", "address", 2),
    }


@pytest.mark.parametrize(
    ("spelled", "code"),
    [
        ("tw", "TW"),
        ("TWN", "TW"),
        ("Taiwan", "TW"),
        ("Taiwan, Province of China", "TW"),
        ("台灣", "TW"),
        ("臺灣", "TW"),
        ("中国", "CN"),
        ("日本", "JP"),
        ("대한민국", "KR"),
        ("South Korea", "KR"),
        ("UK", "GB"),
        ("England", "GB"),
        ("U.S.A.", "US"),
        ("united  states", "US"),
        ("Deutschland", "DE"),
        ("Sverige", "SE"),
        ("Österreich", "AT"),
        ("España", "ES"),
        ("México", "MX"),
        ("Mexico", "MX"),
        ("Россия", "RU"),
        ("ประเทศไทย", "TH"),
        ("Việt Nam", "VN"),
        ("السعودية", "SA"),
        ("ישראל", "IL"),
        ("Türkiye", "TR"),
        ("Cote d\u2019Ivoire", "CI"),
        ("The Netherlands", "NL"),
        ("Trinidad & Tobago", "TT"),
        ("St. Lucia", "LC"),
        ("United Kingdom (UK)", "GB"),
        ("Taiwan (ROC)", "TW"),
        ("Korea (KP)", "Korea (KP)"),
        ("Korea (DPRK)", "Korea (DPRK)"),
        ("China (ROC)", "China (ROC)"),
        ("Congo (DRC)", "CD"),
        ("Virgin Islands (US)", "VI"),
        ("Virgin Islands (British)", "VG"),
        ("Channel Islands (UK)", "Channel Islands (UK)"),
        ("Kosovo", "XK"),
        ("Georgia", "GE"),
        ("Niger", "NE"),
        ("Atlantis", "Atlantis"),
        ("12", "12"),
    ],
)
def test_a_country_becomes_its_alpha_2_code_or_stays(spelled, code):
    assert places.country(spelled) == code
    assert places.country(code) == code


def test_an_address_without_a_country_has_the_channels():
    assert contacted(city="Taipei", channel_country="TW").country == "TW"
    assert contacted(address=["1 Main St"], channel_country="US").country == "US"
    assert contacted(email="a@b.se", channel_country="TW").country is None
    assert contacted(city="Oslo", country="Norge", channel_country="TW").country == "NO"


@pytest.mark.parametrize(
    ("spelled", "country", "clean"),
    [
        ("California", "US", "CA"),
        ("us-ca", "US", "CA"),
        ("US-CA", "US", "CA"),
        ("ca", "US", "CA"),
        ("Québec", "CA", "QC"),
        ("New South Wales", "AU", "NSW"),
        ("São Paulo", "BR", "SP"),
        ("Milano", "IT", "MI"),
        ("台北市", "TW", "台北市"),
        ("東京都", "JP", "東京都"),
        ("JP13", "JP", "Tokyo"),
        ("TR-34", "TR", "İstanbul"),
        ("CN2", "CN", "CN2"),
        ("Stockholms län", "SE", "Stockholms län"),
        ("California", None, "California"),
        ("Nowhere", "US", "Nowhere"),
    ],
)
def test_a_region_becomes_the_letters_that_carriers_want_or_stays(spelled, country, clean):
    found = places.region(spelled, country)
    assert found == clean
    assert places.region(found, country) == found


@pytest.mark.parametrize(
    ("spelled", "country", "clean"),
    [
        ("11122", "SE", "111 22"),
        ("111 22", "SE", "111 22"),
        ("SE-111 22", "SE", "111 22"),
        ("D 80331", "DE", "80331"),
        ("LV-1010", "LV", "LV-1010"),
        ("E1 6AN", "GB", "E1 6AN"),
        ("1000001", "JP", "100-0001"),
        ("〒１００－０００１", "JP", "100-0001"),
        ("sw1a1aa", "GB", "SW1A 1AA"),
        ("k1a0b1", "CA", "K1A 0B1"),
        ("941051234", "US", "94105-1234"),
        ("94105", "US", "94105"),
        ("1234ab", "NL", "1234 AB"),
        ("00950", "PL", "00-950"),
        ("01310100", "BR", "01310-100"),
        ("  106  ", "TW", "106"),
        ("d02 x285", "IE", "D02 X285"),
        ("odd", "SE", "ODD"),
        ("d02", None, "D02"),
    ],
)
def test_a_postal_code_is_divided_as_the_countrys_post_does_it(spelled, country, clean):
    assert places.postal_code(spelled, country) == clean
    assert places.postal_code(clean, country) == clean


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("111 22", "11"),
        ("100-0001", "100"),
        ("SW1A 1AA", "SW1"),
        ("106", "1"),
        ("94105-1234", "941"),
        ("1", "1"),
        ("", None),
        ("@", None),
    ],
)
def test_a_postal_prefix_names_an_area_and_no_street(code, prefix):
    assert postal_prefix(code) == prefix


@pytest.mark.parametrize(
    ("spelled", "country", "clean"),
    [
        ("0912-345-678", "TW", "+886912345678"),
        ("+886 912 345 678", None, "+886912345678"),
        ("070-123 45 67", "SE", "+46701234567"),
        ("(650) 253-0000", "US", "+16502530000"),
        ("+1 650-253-0000 ext. 71548", "US", "+16502530000;ext=71548"),
        ("+44 (0)20 7031 3000", None, "+442070313000"),
        ("06 12345678", "IT", "+390612345678"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("138****8000", "CN", "138****8000"),
        ("call me maybe", "SE", "call me maybe"),
        ("0701234567", None, "0701234567"),
        ("12", "SE", "12"),
    ],
)
def test_a_phone_becomes_e164_or_stays(spelled, country, clean):
    assert phones.phone(spelled, country) == clean
    assert phones.phone(clean, country) == clean


EXAMPLES = [
    (region, number)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    if (number := phonenumbers.example_number_for_type(region, kind))
]


@given(st.sampled_from(EXAMPLES), st.sampled_from([0, 1, 2]), st.text("0123456789", max_size=2), st.integers(0, 3))
def test_the_short_way_to_a_phone_gives_the_answer_of_the_long_one(example, form, extra, cut):
    region, number = example
    spelled = phonenumbers.format_number(number, form)
    for text in (spelled, spelled + extra, spelled[cut:], spelled[: len(spelled) - cut], extra + spelled):
        short = phones._short_way(text, region)
        assert short is None or short == phones._long_way(text, region)


def test_the_short_way_is_taken_for_plain_numbers():
    assert all(phones._short_way(text, region) for text, region in [("0912345678", "TW"), ("+46701234567", None)])


def test_phones_are_read_in_their_contacts_country_else_the_channels():
    assert contacted(phone="070-123 45 67", country="Sweden", channel_country="TW").phone == "+46701234567"
    assert contacted(phone="0912-345-678", channel_country="TW").phone == "+886912345678"


def test_currencies_are_capitals_and_the_channels_where_there_is_an_amount_without_one():
    orders, _ = cleaned(
        order(1, currency=" eur "),
        order(2, currency=None),
        order(3, currency=None, grand_total=None),
        order(4, shop_grand_total="5"),
        currency="SEK",
    )
    assert [each.currency for each in orders] == ["EUR", "SEK", None, "EUR"]
    assert [each.shop_currency for each in orders] == [None, None, None, "SEK"]


def test_lookups_rewrite_listed_values_of_their_field_only():
    orders, repairs = cleaned(
        with_part(order(1, origin="COD"), "payments", method=" COD "),
        with_part(order(2), "payments", method="信用卡"),
        with_part(order(3), "payments", method="cash_on_delivery"),
        lookups={"payment_method": {"COD": "cash_on_delivery", "信用卡": "card"}, "order_status": {"open": "on_hold"}},
    )
    assert [each.payments[0].method for each in orders] == ["cash_on_delivery", "card", "cash_on_delivery"]
    assert orders[0].origin == "COD"
    assert {each.order_status for each in orders} == {"on_hold"}
    assert {each["before"] for each in repairs if each["rule"] == "lookups"} == {"COD", "信用卡", "open"}


@pytest.mark.parametrize(
    ("lookups", "named"),
    [
        ({"payment_methods": {"COD": "cod"}}, "payment_methods"),
        ({"carrier": {"A": "B", "B": "C"}}, "'B', which becomes 'C'"),
    ],
)
def test_lookups_that_cannot_work_are_a_fault_of_the_channel_file(lookups, named):
    from good_orders import channel

    with pytest.raises(ConfigError, match=named):
        Settings.of(channel(clean={"lookups": lookups}), None)


def test_skus_are_the_channels_own_or_those_of_the_map():
    same, _ = cleaned(with_line(order(1), sku="A"))
    assert same[0].lines[0].oms_sku == "A"
    mapped, _ = cleaned(with_line(with_line(order(1), sku="A"), 1, sku="B"), skus={"A": "OMS-A"})
    assert [line.oms_sku for line in mapped[0].lines] == ["OMS-A", None]
    assert [line.sku for line in mapped[0].lines] == ["A", "B"]


def test_the_coarse_destination_is_that_of_the_delivery_address():
    ship = Contact(country="US", region="California", postal_code="94105")
    bill = Contact(role="bill_to", country="SE", postal_code="11122")
    orders, _ = cleaned(
        Order(order_id="1", contacts=[bill, ship]),
        Order(order_id="2", contacts=[bill]),
        Order(order_id="3", ship_country="TW", ship_postal_prefix="1"),
    )
    assert [(each.ship_country, each.ship_region, each.ship_postal_prefix) for each in orders] == [
        ("US", "CA", "94"),
        (None, None, None),
        ("TW", None, "1"),
    ]


def discounted(totals, *discounts, currency="EUR", **fields):
    lines = [Line(number=place, total=total, discount=None) for place, total in enumerate(totals, 1)]
    orders, _ = cleaned(Order(order_id="1", currency=currency, lines=lines, discounts=list(discounts), **fields))
    return orders[0]


def test_an_unallocated_discount_is_shared_by_largest_remainder():
    shared = discounted(["10", "10", "10"], Discount(amount="1.00"))
    assert [line.total for line in shared.lines] == ["9.66", "9.67", "9.67"]
    assert [line.discount for line in shared.lines] == ["0.34", "0.33", "0.33"]
    assert shared.discounts[0].allocated == "1"


def test_a_discount_is_shared_in_whole_minor_units_of_its_currency():
    assert [line.discount for line in discounted(["100", "200"], Discount(amount="50"), currency="JPY").lines] == [
        "17",
        "33",
    ]
    assert [
        line.discount for line in discounted(["1.000", "2.000"], Discount(amount="0.500"), currency="KWD").lines
    ] == [
        "0.167",
        "0.333",
    ]


def test_only_what_is_not_allocated_yet_is_shared():
    shared = discounted(["10", "30"], Discount(amount="4", allocated="4"), Discount(amount="2", allocated="1"))
    assert [line.discount for line in shared.lines] == ["0.25", "0.75"]
    assert [each.allocated for each in shared.discounts] == ["4", "2"]


@pytest.mark.parametrize(
    ("totals", "amount"), [(["1", "2"], "3.01"), (["5", None], "1"), (["5", "-1"], "1"), ([], "1"), (["0"], "1")]
)
def test_a_discount_that_the_lines_cannot_bear_stays_unallocated(totals, amount):
    left = discounted(totals, Discount(amount=amount))
    assert left.discounts[0].allocated is None
    assert [line.discount for line in left.lines] == [None] * len(totals)


def test_each_currency_set_is_shared_by_itself():
    lines = [Line(number=1, total="10", shop_total="110"), Line(number=2, total="10", shop_total="110")]
    orders, _ = cleaned(
        Order(
            order_id="1",
            currency="EUR",
            shop_currency="SEK",
            lines=lines,
            discounts=[Discount(amount="1", shop_amount="11")],
        )
    )
    assert [(line.total, line.shop_total) for line in orders[0].lines] == [("9.5", "104.5"), ("9.5", "104.5")]
    assert orders[0].discounts[0].shop_allocated == "11"


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 10**9), max_size=5), st.integers(0, 10**9)), min_size=1, max_size=5),
    st.sampled_from(["EUR", "JPY", "KWD", None]),
)
def test_shares_are_those_of_the_exact_rule_for_every_order_at_once(shops, currency):
    places_ = {"EUR": 2, "JPY": 0, "KWD": 3, None: 2}[currency]
    unit = 10 ** (6 - places_)
    orders = [
        Order(
            order_id=str(number),
            currency=currency,
            lines=[Line(number=place, total=f"{cents * unit / 10**6:.6f}") for place, cents in enumerate(weights, 1)],
            discounts=[Discount(amount=f"{due * unit / 10**6:.6f}")],
        )
        for number, (weights, due) in enumerate(shops)
    ]
    typed, _ = type_frames(fr.from_orders(orders), "UTC")
    frames, _ = steps.apply(typed, Settings())
    owners = fr.get(frames, "lines", "order_row").to_pylist()
    discounts = fr.get(frames, "lines", "discount").fill_null(0).to_pylist()
    for row, (weights, due) in enumerate(shops):
        shares = [discount // unit for discount, owner in zip(discounts, owners, strict=True) if owner == row]
        bearable = 0 < due <= sum(weights)
        assert shares == (allocate(due, weights) if bearable else [0] * len(weights))


def test_amounts_whose_products_leave_64_bits_are_shared_exactly():
    shared = discounted(["999999999999.99", "1", "333333333333.33"], Discount(amount="999999999999.99"))
    cents = [99999999999999, 100, 33333333333333]
    assert [round(float(line.discount) * 100) for line in shared.lines[1:2]] == [allocate(cents[0], cents)[1]]
    assert [line.discount for line in shared.lines] == [
        f"{share / 100:.2f}".rstrip("0").rstrip(".") for share in allocate(cents[0], cents)
    ]


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
