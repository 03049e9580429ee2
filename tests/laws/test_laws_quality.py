"""Laws of clean and validate: they hold for any mixture of good and broken records, in any order and any chunks."""

import json
import random
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from good_orders import FETCHED, channel, land, order
from orderflow.domain.order import Order
from orderflow.pipeline import validate as stage
from orderflow.pipeline.clean import clean
from orderflow.pipeline.cleaning import files, mapped
from orderflow.pipeline.validate import validate
from orderflow.quality.rules import RULES

sys.path.append(str(Path(__file__).resolve().parents[1] / "quality"))
from defects import DEFECTS

SHOP = channel()


def planted(code, number):
    """The record that breaks one rule, or, where that takes two, the first of them."""
    made = DEFECTS[code](number)
    made = made[0] if isinstance(made, list) else made
    return made if isinstance(made, bytes) else msgspec.json.encode(made)


RECORDS = st.lists(
    st.builds(lambda number: msgspec.json.encode(order(number)), st.integers(1, 30))
    | st.builds(planted, st.sampled_from(sorted(DEFECTS)), st.integers(31, 60)),
    max_size=14,
)


@contextmanager
def cut(chunk, strip, together):
    """Other chunk sizes than those of every day."""
    sizes = (mapped.CHUNK_ORDERS, mapped.STRIP_ORDERS, stage.CHUNKS_AT_ONCE)
    mapped.CHUNK_ORDERS, mapped.STRIP_ORDERS, stage.CHUNKS_AT_ONCE = chunk, strip, together
    try:
        yield
    finally:
        mapped.CHUNK_ORDERS, mapped.STRIP_ORDERS, stage.CHUNKS_AT_ONCE = sizes


def outcome(records):
    """What becomes of the records: counts, reasons, documents and verdicts, without their place in the files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batch = validate(SHOP, clean(SHOP, land(folder, records, page=3)))
        documents, verdicts, unreadable = {}, Counter(), Counter()
        for chunk in files.chunks(folder):
            for row in files.read(folder, "orders", chunk).to_pylist():
                documents[row["order_id"]] = (row["document"], row["contacts"], row["content_hash"], row["raw_sha256"])
            for row in files.read(folder, "verdicts", chunk).to_pylist():
                verdicts[row["order_id"], row["code"], row["severity"], row["field"], row["value"]] += 1
            unreadable.update(row["code"] for row in files.read(folder, "unreadable", chunk).to_pylist())
        plain = (batch.counts, batch.reasons, batch.warnings, batch.repairs, batch.notes)
        return plain, documents, verdicts, unreadable


@settings(max_examples=12, deadline=None)
@given(RECORDS, st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_the_outcome_does_not_depend_on_the_size_of_chunks(records, chunk, strip, together):
    whole = outcome(records)
    with cut(chunk, strip, together):
        assert outcome(records) == whole


@settings(max_examples=12, deadline=None)
@given(RECORDS, st.randoms(use_true_random=False), st.integers(1, 6))
def test_the_outcome_does_not_depend_on_the_order_of_arrival(records, shuffle, chunk):
    whole = outcome(records)
    shuffled = list(records)
    shuffle.shuffle(shuffled)
    with cut(chunk, 3, 2):
        assert outcome(shuffled) == whole


@settings(max_examples=12, deadline=None)
@given(RECORDS)
def test_in_is_accepted_plus_quarantined_plus_what_clean_could_not_hand_on(records):
    (counts, reasons, _, _, _), documents, verdicts, unreadable = outcome(records)
    refused = {order_id for order_id, _, severity, _, _ in verdicts if severity == "refuse"}
    assert counts.fetched == len(records)
    assert counts.fetched == counts.cleaned + counts.duplicates + counts.unreadable
    assert counts.cleaned == len(documents) == counts.accepted + counts.quarantined
    assert counts.quarantined == len(refused)
    assert counts.unreadable == unreadable.total()
    assert set(reasons) == set(unreadable) | {code for _, code, severity, _, _ in verdicts if severity == "refuse"}
    assert set(reasons) <= set(RULES)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), min_size=1, max_size=12, unique=True),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_the_newest_version_wins_in_any_order(versions, shuffle, chunk):
    records = [
        order(number, channel_updated_at=(FETCHED - timedelta(minutes=50 - minute)).isoformat(), tags=[str(minute)])
        for number, minute in versions
    ]
    shuffle.shuffle(records)
    with cut(chunk, 2, 2):
        _, documents, _, _ = outcome(records)
    newest = {f"A{number}": str(max(minute for n, minute in versions if n == number)) for number, _ in versions}
    assert {order_id: json.loads(found[0])["tags"][0] for order_id, found in documents.items()} == newest


@settings(max_examples=8, deadline=None)
@given(RECORDS)
def test_what_clean_wrote_is_cleaned_to_itself(records):
    """A canonical document is a raw record of a channel that speaks our language: cleaning it changes nothing."""
    _, documents, _, _ = outcome(records)
    again = []
    for document, contacts, _, _ in documents.values():
        plain = json.loads(document) | {"contacts": json.loads(contacts)}
        again.append(json.dumps(plain).encode())
    (counts, _, _, repairs, _), repeated, _, _ = outcome(again)
    assert counts.cleaned == len(documents)
    assert repairs == {}
    assert {order_id: found[:3] for order_id, found in repeated.items()} == {
        order_id: found[:3] for order_id, found in documents.items()
    }


def test_a_tenth_of_poison_refuses_exactly_that_tenth():
    """400 orders, 40 of them broken at random: every good one is accepted, every broken one has its reason."""
    chosen = random.Random(7)
    codes = sorted(code for code in DEFECTS if RULES[code].severity == "refuse")
    broken = {number: chosen.choice(codes) for number in chosen.sample(range(1, 401), 40)}
    broken = {number: code for number, code in broken.items() if code not in {"SKU_UNMAPPED", "CONTACT_ROLE_UNKNOWN"}}
    records = [
        planted(broken[number], number) if number in broken else msgspec.json.encode(order(number))
        for number in range(1, 401)
    ]
    (counts, reasons, warnings, _, _), documents, _, _ = outcome(records)
    assert counts.accepted == 400 - len(broken)
    assert counts.quarantined + counts.unreadable == len(broken)
    assert reasons == dict(Counter(broken.values()))
    assert warnings == {}
    assert all(msgspec.json.decode(document, type=Order) for document, *_ in documents.values())
