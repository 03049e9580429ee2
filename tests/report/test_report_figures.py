"""What the report says, asked of a real database that real batches were loaded into."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from good_orders import FETCHED, channel, land, order, with_line
from orderflow.pipeline.clean import clean
from orderflow.pipeline.load import load
from orderflow.pipeline.trial import Material, _Judge, try_cures
from orderflow.pipeline.validate import validate
from orderflow.quality.report import queries
from orderflow.quality.report.clusters import clusters
from orderflow.quality.report.cures import Cure, Usual, normal, proposed
from orderflow.quality.report.figures import _freshness, figures
from orderflow.quality.report.tables import tables
from orderflow.staging import quarantine
from orderflow.staging.store import connect

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
DAY = date(2026, 3, 1)
SHOP = channel()


def staged(tmp_path, store, orders, shop=SHOP, skus=None):
    return load(shop, validate(shop, clean(shop, land(tmp_path, orders), skus=skus)), store)


def read(store, shop=SHOP, days=3):
    return figures(store.connection, shop, last=DAY, days=days, now=NOW)


def test_every_order_is_in_the_report_once_with_its_value(tmp_path, store, ask):
    good = [order(number) for number in range(1, 9)]
    good[7] = replace(good[7], currency="JPY", grand_total="1000", paid="1000", items_total=None, lines=[])
    broken = [
        replace(order(20), currency=None),
        replace(order(21), currency=None),
        replace(order(22), grand_total="1.00", paid="1.00"),
        with_line(order(23), quantity="-1", sku="تجربة", title="مريم 😀 " + "long" * 200),
        replace(order(24), lines=[]),
    ]
    staged(tmp_path, store, [*good[:7], *broken])
    ask("UPDATE orderflow.quarantine SET state = 'discarded' WHERE order_id = 'A24'")
    found = read(store)

    assert found.orders == 12
    assert {name: found.total(name).orders for name in ("accepted", "waiting", "oms", "discarded")} == {
        "accepted": 7,
        "waiting": 4,
        "oms": 0,
        "discarded": 1,
    }
    assert found.total("accepted").value == {"EUR": sum(Decimal(each.grand_total) for each in good[:7])}
    assert found.total("waiting").value.keys() == {"EUR", "?"}
    assert [sum(each[name].orders for name in each) for each in found.verdicts.values()] == [0, 0, 12]
    assert found.total("waiting").by_currency == {"EUR": 2, "?": 2}
    table = tables(found)["orders"].to_pylist()
    assert [(row["verdict"], row["currency"], row["orders"]) for row in table] == [
        ("accepted", "EUR", 7),
        ("waiting", "?", 2),
        ("waiting", "EUR", 2),
        ("discarded", "EUR", 1),
    ]

    reasons = {each.code: each for each in found.reasons}
    assert reasons["CURRENCY_MISSING"].orders == 2
    assert reasons["CURRENCY_MISSING"].trend == [0, 0, 2]
    assert reasons["LINES_MISSING"].waiting == 0, "a discarded order waits for nothing"
    assert reasons["GRAND_TOTAL_MISMATCH"].owner == "finance"
    assert found.skus[0].sku == "تجربة"
    assert found.flow["fetched"] == 12

    (proof,) = found.proofs
    assert (proof.money, proof.currency, proof.orders, proof.residue) == ("order", "EUR", 7, 0)
    assert proof.lines + proof.charges + proof.tax == proof.grand
    assert proof.holds
    assert {each.code for each in found.residues} >= {"GRAND_TOTAL_MISMATCH"}
    assert found.freshness.late
    assert (found.volume.days, found.volume.band, found.volume.state) == ([0, 0, 12], None, "unknown")


def test_a_staged_amount_that_does_not_add_up_shows_in_the_proof(tmp_path, store, ask):
    staged(tmp_path, store, [order(1), order(2)])
    ask("UPDATE orderflow.orders SET grand_total = grand_total + 0.01 WHERE order_id = 'A1'")
    ask("UPDATE orderflow.order_lines SET total = NULL WHERE order_id = 'A2' AND number = 1")
    (proof,) = read(store).proofs
    assert proof.causes == {"beyond": (1, Decimal("-0.01")), "incomplete": (1, 0)}
    assert not proof.holds
    (proof,) = read(store, channel(validate={"tolerance": "0.01"})).proofs
    assert proof.causes["tolerance"] == (1, Decimal("-0.01"))


def test_a_cure_is_tried_on_waiting_and_on_accepted_orders_before_it_is_shown(tmp_path, store):
    good = [order(number) for number in range(1, 9)]
    waiting = [replace(order(number), currency=None) for number in range(20, 24)]
    waiting.append(replace(order(24), currency="€", discount_total=None))
    cent = order(25)
    off = Decimal(cent.grand_total) + Decimal("0.01")
    waiting.append(replace(cent, grand_total=str(off), paid=str(off)))
    staged(tmp_path, store, [*good, *waiting])
    found = read(store)
    try_cures(found, SHOP, store.connection, raws=lambda row: quarantine.raw(store.connection, store.vault, row))
    best = {each.code: each.best for each in found.clusters if each.best}
    assert best.keys() == {"CURRENCY_MISSING", "CURRENCY_UNKNOWN", "GRAND_TOTAL_MISMATCH"}
    missing = best["CURRENCY_MISSING"]
    assert missing.setting == "clean:\n  currency: EUR"
    assert (missing.tried, missing.released, missing.control, missing.broken, missing.changed) == (4, 4, 8, 0, 0)
    assert len(missing.rows) == 4
    assert best["CURRENCY_UNKNOWN"].setting == 'clean:\n  lookups:\n    currency: {"€": EUR}'
    assert best["GRAND_TOTAL_MISMATCH"].setting == "validate:\n  tolerance: 0.01"

    folder = tmp_path / "gone"
    for each in tmp_path.glob("raw-*"):
        folder.mkdir(exist_ok=True)
        each.rename(folder / each.name)
    again = read(store)
    try_cures(again, SHOP, store.connection)
    documents = {each.code: each.best for each in again.clusters if each.best}
    assert documents["CURRENCY_MISSING"].released == 4, "without any raw record the documents are tried"
    assert documents["CURRENCY_MISSING"].broken == 0


def test_a_sku_that_differs_in_form_only_gets_a_cure_for_the_map(tmp_path, store):
    shop = channel(clean={"sku": "mapped"})
    skus = {f"SKU-{number:03d}": f"OMS-{number}" for number in range(1, 41)} | {" mug_01": "OMS-MUG"}
    orders = [*(order(number) for number in range(1, 5)), *(with_line(order(n), sku="MUG-01") for n in range(20, 23))]
    staged(tmp_path, store, orders, shop, skus)
    found = read(store, shop)
    try_cures(found, shop, store.connection, skus=skus)
    (cluster,) = (each for each in found.clusters if each.code == "SKU_UNMAPPED")
    assert (cluster.value, cluster.orders) == ("MUG-01", 3)
    assert cluster.best.setting == "SKU map: MUG-01,OMS-MUG"
    assert (cluster.best.released, cluster.best.broken) == (3, 0)


def test_a_version_that_waits_and_the_accepted_one_of_the_same_order_are_tried_apart():
    cured = channel(clean={"currency": "EUR"})
    waits = Material(_json(replace(order(1), currency=None)), raw=True, fetched_at=FETCHED, order_id=order(1).order_id)
    stands = Material(_json(order(1)), raw=True, fetched_at=FETCHED, order_id=order(1).order_id)
    trial = _Judge(SHOP, None).tried(Cure("currency", "", cured), [waits], [stands])
    assert (trial.tried, trial.released, trial.control, trial.broken) == (1, 1, 1, 0)


def test_a_cure_that_breaks_accepted_orders_is_never_the_best(tmp_path):
    worse = channel(clean={"lookups": {"currency": {"EUR": "XXXX"}}})
    good = [Material(_json(order(number)), raw=True, fetched_at=FETCHED) for number in range(1, 4)]
    bad = Material(_json(replace(order(9), currency=None)), raw=True, fetched_at=FETCHED)
    trial = _Judge(SHOP, None).tried(Cure("worse", "", worse), [bad], good)
    assert (trial.tried, trial.released, trial.control, trial.broken) == (1, 0, 3, 3)
    (cluster,) = clusters([_waiting(1, "CURRENCY_MISSING", "currency", None)])
    cluster.trials = [trial]
    assert cluster.best is None


def _json(made):
    import msgspec

    return msgspec.json.encode(made)


def _waiting(number, code, field, value, **more):
    reason = {"code": code, "field": field, "value": value, "message": ""}
    row = {"id": number, "order_id": f"A{number}", "subject": f"A{number}", "value": Decimal(1), "currency": "EUR"}
    return row | {"reasons": [reason]} | more


def test_orders_with_one_cause_are_one_cluster():
    rows = [
        _waiting(1, "SKU_UNMAPPED", "lines.1.sku", "A B"),
        _waiting(2, "SKU_UNMAPPED", "lines.7.sku", "A B"),
        _waiting(3, "SKU_UNMAPPED", "lines.1.sku", "C"),
        _waiting(4, "GRAND_TOTAL_MISMATCH", "grand_total", "0.01"),
        _waiting(5, "GRAND_TOTAL_MISMATCH", "shop_grand_total", "-0.02", currency=None),
    ]
    found = {(each.code, each.value): each for each in clusters(rows)}
    assert {key: each.orders for key, each in found.items()} == {
        ("SKU_UNMAPPED", "A B"): 2,
        ("SKU_UNMAPPED", "C"): 1,
        ("GRAND_TOTAL_MISMATCH", None): 2,
    }
    assert found["GRAND_TOTAL_MISMATCH", None].at_risk == {"EUR": Decimal(1), "?": Decimal(1)}
    assert found["SKU_UNMAPPED", "A B"].where == "lines.*.sku"


def test_values_of_personal_fields_are_neither_shown_nor_remembered():
    for field in ("contacts.1.name", "contacts.2.email", "buyer_id", ""):
        (cluster,) = clusters([_waiting(1, "TEXT_UNKNOWN", field, "王小明")])
        assert (cluster.value, cluster.values) == (None, [])


@pytest.mark.parametrize("spelled", ["mug‑01", " MUG-01\u200b", "mug_01", "ＭＵＧ－01", "MUG\N{EN DASH}01"])
def test_what_people_add_to_a_sku_by_accident_makes_no_other_sku(spelled):
    assert normal(spelled) == "MUG-01"


def test_large_residues_get_no_tolerance_and_unlike_words_no_look_up():
    (money,) = clusters([_waiting(1, "GRAND_TOTAL_MISMATCH", "grand_total", "12.00")])
    (word,) = clusters([_waiting(2, "ORDER_STATUS_UNKNOWN", "order_status", "周期")])
    (like,) = clusters([_waiting(3, "ORDER_STATUS_UNKNOWN", "order_status", "Canceled")])
    usual = Usual({"EUR": 9, "SEK": 1})
    assert list(proposed(money, SHOP, usual)) == []
    assert list(proposed(word, SHOP, usual)) == []
    assert [each.words for each in proposed(like, SHOP, usual)] == ["'Canceled' means cancelled"]
    assert Usual({"EUR": 8, "SEK": 2}).currency is None


def test_the_expected_band_comes_from_earlier_days(tmp_path, store, ask):
    staged(tmp_path, store, [order(1)])
    ask("UPDATE orderflow.windows SET window_start = '2026-02-01', window_end = '2026-02-02' WHERE channel = 'shop_tw'")
    ask(
        "INSERT INTO orderflow.orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', 'B' || day || n, "
        "'channel_created_at', '2026-02-01T12:00:00Z'::timestamptz + day * interval '1 day'))).* "
        "FROM orderflow.orders AS o, generate_series(1, 27) AS day, generate_series(1, 10) AS n"
    )
    found = read(store, days=1).volume
    assert found.band == (7, 14)
    assert (found.days, found.state) == ([1], "low")


def test_a_day_like_the_same_weekdays_before_it_is_as_expected(tmp_path, store, ask):
    """A shop of weekdays: the last of the four weeks ends with a Sunday."""
    staged(tmp_path, store, [order(1)])
    ask("UPDATE orderflow.windows SET window_start = '2026-02-01', window_end = '2026-02-02' WHERE channel = 'shop_tw'")
    ask(
        "INSERT INTO orderflow.orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', 'B' || day || n, "
        "'channel_created_at', '2026-02-01T12:00:00Z'::timestamptz + day * interval '1 day'))).* "
        "FROM orderflow.orders AS o, generate_series(1, 27) AS day, generate_series(1, 10) AS n "
        "WHERE extract(isodow FROM '2026-02-01'::date + day) <> 7"
    )
    found = read(store, days=1).volume
    assert found.band[0] > 1
    assert (found.days, found.state) == ([1], "expected")


@pytest.mark.parametrize(
    ("cron", "newest", "now", "late"),
    [
        ("0 6 * * 1-5", "2026-02-27T06:00Z", "2026-03-02T05:00Z", False),
        ("0 6 * * 1-5", "2026-02-25T06:00Z", "2026-02-27T05:00Z", True),
        ("*/15 9-17 * * *", "2026-02-27T17:45Z", "2026-02-28T04:00Z", False),
        ("0 * * * *", "2026-02-27T10:00Z", "2026-02-27T12:29Z", True),
        ("0 * * * *", "2026-02-27T11:00Z", "2026-02-27T12:29Z", False),
    ],
)
def test_freshness_knows_the_pauses_of_a_schedule(cron, newest, now, late):
    shop = SHOP.model_copy(update={"schedule": SHOP.schedule.model_copy(update={"cron": cron, "timezone": "UTC"})})
    done, asked = datetime.fromisoformat(newest), datetime.fromisoformat(now)
    assert _freshness(shop, done, {"windows": 1, "unproven": 0}, asked).late == late


def test_questions_of_the_report_use_indexes_and_cannot_write(migrated):
    values = {
        "channel": "shop_tw", "zone": "UTC", "start": NOW - timedelta(days=7), "end": NOW, "tolerance": 0,
        "before": NOW - timedelta(days=30), "codes": ["X"], "size": 10, "ids": [1], "runs": [1],
    }  # fmt: skip
    questions = [value for name, value in vars(queries).items() if name.isupper() and "SELECT" in str(value)]
    assert len(questions) > 12
    with closing(connect(migrated)) as connection, queries.reading(connection) as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for question in (
            each for found in questions for each in (found.values() if isinstance(found, dict) else [found])
        ):
            cursor.execute("EXPLAIN " + question, values)
            plan = "\n".join(row["QUERY PLAN"] for row in cursor.fetchall())
            assert "Seq Scan" not in plan, f"{question}\n{plan}"
        with pytest.raises(Exception, match="read-only"):
            cursor.execute("DELETE FROM orderflow.orders")


def test_an_order_has_one_fate_whatever_stands_of_it_in_staging_and_in_quarantine(tmp_path, store, ask):
    """One whose version the OMS refused and a person discarded, one with a newer version discarded, one released, one
    that the OMS refused, one that another channel delivers."""
    staged(tmp_path, store, [*(order(number) for number in range(1, 6)), replace(order(9), lines=[])])
    ask(
        "INSERT INTO orderflow.quarantine (channel, subject, order_id, source, state, reasons, document, landing,"
        " raw_sha256, fetched_at, window_start, window_end)"
        " SELECT channel, order_id, order_id, CASE order_id WHEN 'A2' THEN 'validate' ELSE 'oms' END,"
        " CASE WHEN order_id IN ('A1', 'A2') THEN 'discarded' ELSE 'open' END,"
        " jsonb_build_array(jsonb_build_object("
        "     'code', CASE order_id WHEN 'A4' THEN 'DELIVERED_ELSEWHERE' ELSE 'OMS_REFUSED' END)),"
        " document::jsonb, landing, raw_sha256, fetched_at, window_start, window_end"
        " FROM orderflow.orders WHERE order_id IN ('A1', 'A2', 'A3', 'A4')"
    )
    ask("UPDATE orderflow.quarantine SET state = 'released', replay_asked_at = now() WHERE order_id = 'A9'")
    found = read(store)
    assert {name: found.total(name).orders for name in ("accepted", "waiting", "oms", "discarded")} == {
        "accepted": 1,
        "waiting": 2,
        "oms": 1,
        "discarded": 2,
    }
    assert sum(found.volume.days) == found.orders == 6
    assert sum(cluster.orders for cluster in found.clusters) == 3, "what was released waits until it is judged again"


def test_an_order_of_a_channel_that_tells_only_when_it_was_placed_belongs_to_that_day(tmp_path, store):
    orders = [replace(order(number), channel_created_at=None) for number in range(1, 5)]
    staged(tmp_path, store, [*orders[:3], replace(orders[3], currency=None)])
    found = read(store)
    assert (found.total("accepted").orders, found.total("waiting").orders) == (3, 1)
    assert found.verdicts[DAY]["accepted"].orders == 3
