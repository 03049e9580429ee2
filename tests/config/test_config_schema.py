"""The schema for editors agrees with what reading accepts and refuses."""

import jsonschema
import pytest
from channel_files import GOOD, HERE

from orderflow import adapters
from orderflow.config.document import parse
from orderflow.config.schema import channel_schema


@pytest.fixture
def schema():
    return channel_schema(
        {"market": adapters.find("market")}, lookup_fields=["payment_method"], rules=["TOTAL_MISMATCH"]
    )


def faults(schema, value):
    return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(value)]


def test_the_schema_is_one(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


def test_a_good_file_has_no_fault(schema):
    assert faults(schema, parse(GOOD).value) == []


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("unknown_key_in_schedule", ["$.schedule"]),
        ("missing_blocks", ["$"] * 4),
        ("missing_option", ["$.source.feeds[0]", "$.source"]),
        ("block_is_text", ["$.source", "$.schedule", "$.oms"]),
        ("durations_without_unit", ["$.source.feeds[0].every", "$.schedule.lookback", "$.schedule.settle"]),
    ],
)
def test_a_bad_file_has_its_faults_where_reading_finds_them(schema, name, paths):
    assert sorted(faults(schema, parse((HERE / "bad" / f"{name}.yml").read_text()).value)) == sorted(paths)


def test_fields_carry_the_authors_words_and_defaults_as_a_file_spells_them(schema):
    schedule = schema["$defs"]["Schedule"]["properties"]
    assert schedule["cron"]["description"] == "Five fields; each run answers for the span between two ticks."
    assert schedule["deadline"]["default"] == "30m"
    assert schema["$defs"]["Validation"]["properties"]["quarantine_at_most"]["default"] == "5%"
    market = schema["$defs"]["SourceBlock"]["allOf"][0]["then"]["properties"]
    assert market["shop_id"]["description"] == "Number of the shop in the market's back office."
    assert schema["$defs"]["market.Feed"]["properties"]["path"]["type"] == "string"


def test_lookups_and_waived_rules_are_offered(schema):
    good = parse(GOOD).value
    assert faults(schema, {**good, "clean": {"lookups": {"payment_method": {"COD": "cash"}}}}) == []
    assert faults(schema, {**good, "clean": {"lookups": {"payment": {"COD": "cash"}}}}) == ["$.clean.lookups"]
    assert faults(schema, {**good, "validate": {"waive": ["TOTAL_MISMATCH"]}}) == []
    assert faults(schema, {**good, "validate": {"waive": ["TOTAL"]}}) == ["$.validate.waive[0]"]
