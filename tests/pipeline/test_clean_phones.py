"""Phone numbers as E.164, or as they came."""

import phonenumbers
import pytest
from cleaned_orders import contacted
from hypothesis import given
from hypothesis import strategies as st

from orderflow.pipeline.cleaning import phones


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
