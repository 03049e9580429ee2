"""Countries, regions and postal codes in their one spelling, or as they came."""

import pytest
from cleaned_orders import cleaned, contacted

from orderflow.domain.order import Contact, Order, postal_prefix
from orderflow.pipeline.cleaning import places


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
