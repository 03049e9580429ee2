"""Every rule of the catalogue is broken by exactly the order that was made to break it, and by no good order."""

import msgspec
import pytest
from defects import DEFECTS

import good_orders
from orderflow.domain.order import Contact
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files
from orderflow.pipeline.validate import validate
from orderflow.quality.checks import MEANING, STRUCTURE
from orderflow.quality.rules import RULES, TOPICS

GOOD = range(1, 61)
JUDGED = {code: RULES[code] for code in DEFECTS}
"""All rules but those that a database or an OMS finds, or whoever corrects an order by hand."""
SKUS = {sku: f"OMS-{sku}" for sku in [*good_orders.SKUS, "SKU\u200b-001"]}


def role_of_nobody(raw, options):
    """A mapping that does not keep to the declared roles, where the record says so."""
    if "role" not in raw:
        return good_orders.unmapped(raw, options)
    good = good_orders.order(raw["role"])
    return msgspec.structs.replace(good, contacts=[*good.contacts, Contact(role="neighbour", name="X")])


ADAPTER = good_orders.Adapter(
    options=good_orders.Options,
    limits=good_orders.Limits(timezone="America/New_York"),
    open=lambda *_: None,
    to_order=role_of_nobody,
)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """One batch of good orders and all defects: the codes and severities that each record was given."""
    folder = tmp_path_factory.mktemp("batch")
    records = [good_orders.order(number) for number in GOOD]
    planted = {}
    for number, (code, defect) in enumerate(DEFECTS.items(), 1001):
        made = defect(number)
        for each in made if isinstance(made, list) else [made]:
            planted[len(records)] = code
            records.append(each)
    channel = good_orders.channel(adapter=ADAPTER, clean={"sku": "mapped"})
    batch = validate(channel, clean(channel, good_orders.land(folder, records), skus=SKUS))
    found = {ordinal: {} for ordinal in range(len(records))}
    for chunk in files.chunks(folder):
        ordinals = files.read(folder, "orders", chunk)["ordinal"].to_pylist()
        for verdict in files.read(folder, "verdicts", chunk).to_pylist():
            found[ordinals[verdict["order_row"]]][verdict["code"]] = verdict["severity"]
        for unreadable in files.read(folder, "unreadable", chunk).to_pylist():
            found[unreadable["ordinal"]][unreadable["code"]] = "refuse"
    return batch, planted, found


def test_every_rule_has_a_defect_that_breaks_it():
    assert set(DEFECTS) == set(RULES) - {rule.code for rule in TOPICS["Storing and delivery"]} - {"EDIT_MISPLACED"}


@pytest.mark.parametrize("code", sorted(JUDGED))
def test_a_planted_defect_breaks_its_rule_and_no_other(judged, code):
    _, planted, found = judged
    broken = [found[ordinal] for ordinal, planted_code in planted.items() if planted_code == code]
    assert broken == [{code: RULES[code].severity}] * len(broken)


def test_good_orders_break_no_rule(judged):
    _, planted, found = judged
    assert {ordinal: codes for ordinal, codes in found.items() if codes and ordinal not in planted} == {}


def test_the_batch_counts_what_was_planted(judged):
    batch, planted, _ = judged
    refused = [code for code in planted.values() if RULES[code].severity == "refuse"]
    counts = batch.counts
    assert counts.quarantined + counts.unreadable == len(refused)
    assert counts.accepted == len(GOOD) + len(planted) - len(refused)
    assert batch.reasons == {code: refused.count(code) for code in batch.reasons}
    assert sum(batch.reasons.values()) == len(refused)
    assert batch.warnings == {code: list(planted.values()).count(code) for code in batch.warnings}


def test_every_rule_that_is_not_found_while_reading_has_a_check_and_every_check_a_rule():
    checked = {check.code for check in (*STRUCTURE, *MEANING)}
    assert checked <= set(RULES)
    typing = {
        "AMOUNT_MALFORMED",
        "AMOUNT_TOO_FINE",
        "AMOUNT_OUT_OF_RANGE",
        "TIME_MALFORMED",
        "TIME_AMBIGUOUS",
        "EDIT_MISPLACED",
    }
    assert set(RULES) - checked - typing == {code for code, rule in RULES.items() if not rule.waivable}


def test_no_two_checks_of_a_table_have_one_name():
    for checks in (STRUCTURE, MEANING):
        names = [(check.table, check.name) for check in checks]
        assert len(names) == len(set(names))


def test_a_tolerance_softens_exactly_the_rules_that_say_so(tmp_path):
    """A tolerance of a million explains every residue of money that was planted, and nothing else."""
    planted = {}
    records = []
    for number, (code, defect) in enumerate(DEFECTS.items(), 1001):
        made = defect(number)
        for each in made if isinstance(made, list) else [made]:
            planted[len(records)] = code
            records.append(each)
    channel = good_orders.channel(
        adapter=ADAPTER, clean={"sku": "mapped"}, validate={"guards": "warn", "tolerance": "1000000"}
    )
    folder = tmp_path / "batch"
    folder.mkdir()
    validate(channel, clean(channel, good_orders.land(folder, records), skus=SKUS))
    found = set()
    for chunk in files.chunks(folder):
        ordinals = files.read(folder, "orders", chunk)["ordinal"].to_pylist()
        for verdict in files.read(folder, "verdicts", chunk).to_pylist():
            if planted[ordinals[verdict["order_row"]]] == verdict["code"]:
                found.add(verdict["code"])
        found |= {row["code"] for row in files.read(folder, "unreadable", chunk).to_pylist()}
    assert set(DEFECTS) - found == {code for code in DEFECTS if RULES[code].tolerance}
