"""An analyst at work: what waits is found, decided on the command line, and in the OMS after the next run."""

import base64
import json
import shutil
from datetime import timedelta

import msgspec
import pytest
from shop import oms_running, target
from staging_fixtures import KEY
from typer.testing import CliRunner

import orderflow.command.edits
import orderflow.command.suggestions
import orderflow.command.waiting
from good_orders import FETCHED, SKUS, WINDOW, channel, land, order, with_line
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.errors import ConfigError
from orderflow.pipeline.flow import staged
from orderflow.pipeline.replay import catch_up
from orderflow.pipeline.sync import sync
from orderflow.staging import skus
from orderflow.staging.decisions import decisions
from orderflow.staging.raws import Raws

SHOP = channel(clean={"sku": "mapped"})
IN_TAIPEI = SHOP.model_copy(update={"schedule": SHOP.schedule.model_copy(update={"timezone": "Asia/Taipei"})})
PERSON = "Mette Åkesson 美特"


@pytest.fixture
def analyst(store, migrated, monkeypatch, tmp_path):
    """Run `orderflow ...` against the test's database; returns what it prints, as text or JSON."""
    monkeypatch.setenv("AIRFLOW_CONN_ORDERFLOW_DB", json.dumps({"conn_type": "postgres", "extra": {"dsn": migrated}}))
    monkeypatch.setenv("AIRFLOW_VAR_ORDERFLOW_VAULT_KEY", f"k1:{base64.b64encode(KEY).decode()}")
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path))
    monkeypatch.setattr(ports, "channel", lambda name: IN_TAIPEI)
    for module in (orderflow.command.quarantine, orderflow.command.sku):
        monkeypatch.setattr(module.console, "_width", 200)  # whatever width the runner of the tests has
    monkeypatch.setattr(ports, "channels", lambda: [IN_TAIPEI])

    def run(*arguments, fails=0):
        done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "LOGNAME": "mei"})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == fails, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return run


@pytest.fixture
def run_window(store, tmp_path):
    """What a run of the channel does between its source and its OMS."""
    numbers = iter(range(100))

    def run(*orders):
        number = next(numbers)
        moved = {
            "window_start": WINDOW.start + number * WINDOW.length,
            "window_end": WINDOW.end + number * WINDOW.length,
        }
        batch = land(tmp_path / str(number), list(orders), fetched=FETCHED + timedelta(hours=number))
        batch = msgspec.structs.replace(batch, run_id=f"run {number}", **moved)
        held = skus.current(store.connection, "shop_tw")
        decided = decisions(store.connection, "shop_tw", store.vault)
        batch = staged(SHOP, batch, store, skus=held, decisions=decided)
        records = Raws(store.connection, store.vault, "shop_tw")
        catch_up(SHOP, tmp_path / "replays", now=FETCHED + timedelta(hours=number), records=records, staging=store)
        return batch

    return run


def test_parked_orders_are_in_the_oms_after_the_map_was_fixed_by_csv(analyst, run_window, store, tmp_path):
    known = tmp_path / "known.csv"
    known.write_text("sku,oms_sku\n" + "".join(f"{sku},O-{sku}\n" for sku in SKUS))
    assert "40 added" in analyst("sku", "import", str(known), "--channel", "shop_tw")
    orders = [with_line(order(n), 0, sku="新-001", title="凍頂烏龍茶 150g") for n in (1, 2)]
    batch = run_window(*orders, order(3))
    assert (batch.counts.accepted, batch.counts.quarantined, batch.reasons) == (1, 2, {"SKU_UNMAPPED": 2})
    (waiting,) = analyst("sku", "list", "--unmapped", "--json")
    assert (waiting["sku"], waiting["orders"], waiting["title"]) == ("新-001", 2, "凍頂烏龍茶 150g")
    assert [row["state"] for row in analyst("quarantine", "list", "--json")["rows"]] == ["parked", "parked"]
    assert "0 orders are open, 2 parked" in analyst("quarantine", "reasons")

    run_window(order(4))
    assert len(analyst("quarantine", "list", "--json")["rows"]) == 2, "nothing changed, so nothing is tried again"

    cure = tmp_path / "cure.csv"
    cure.write_bytes("\ufeffchannel;sku;oms_sku\r\nshop_tw;新-001;T-0001\r\n".encode())
    assert "2 waiting orders would be judged again" in analyst("sku", "import", str(cure), "--dry-run")
    assert "2 waiting orders are judged again" in analyst("sku", "import", str(cure))
    with oms_running() as oms:
        run_window(order(5))
        delivered = sync(SHOP, store, target(oms.url))
        assert (delivered.accepted, delivered.refused, delivered.pending) == (5, 0, 0)
        document = oms.document(orders[0].order_id)
        assert document["lines"][0]["oms_sku"] == "T-0001"
    assert analyst("quarantine", "list", "--json")["rows"] == []
    assert analyst("sku", "list", "--unmapped", "--json") == []


def test_a_pair_holds_for_the_orders_of_its_time(analyst, run_window, ask):
    for sku in SKUS:
        ask("INSERT INTO orderflow.sku_map (channel, sku, oms_sku) VALUES ('shop_tw', %s, 'x')", sku)
    analyst("sku", "set", "shop_tw", "新-001", "OLD", "--to", "2026-02-01")
    run_window(
        with_line(order(1), 0, sku="新-001"), with_line(order(2, placed_at="2026-01-15T00:00:00Z"), 0, sku="新-001")
    )
    assert ask("SELECT state, count(*) FROM orderflow.quarantine GROUP BY 1") == [("parked", 1)]
    assert ask("SELECT oms_sku FROM orderflow.order_lines WHERE sku = '新-001'") == [("OLD",)]
    run_window()
    assert ask("SELECT count(*) FROM orderflow.extra_batches") == [(0,)], "a pair of another time wakes nobody"
    analyst("sku", "set", "shop_tw", "新-001", "NEW", "--from", "2026-02-01")
    run_window()
    assert ask("SELECT oms_sku FROM orderflow.order_lines WHERE sku = '新-001' ORDER BY 1") == [("NEW",), ("OLD",)]


def test_an_edit_releases_the_order_and_survives_its_next_version(analyst, run_window, ask):
    for sku in SKUS:
        ask("INSERT INTO orderflow.sku_map (channel, sku, oms_sku) VALUES ('shop_tw', %s, %s)", sku, sku)
    bad = with_line(order(1), 0, sku="TYPO")
    run_window(bad)
    done = analyst("quarantine", "edit", bad.order_id, "--set", f"lines.1.sku={SKUS[0]}", "--why", "typo")
    assert "1 order worth" in done
    assert "edited and released" in done
    run_window()
    assert ask("SELECT oms_sku FROM orderflow.order_lines WHERE number = 1") == [(SKUS[0],)]
    assert ask("SELECT state FROM orderflow.quarantine") == [("released",)]
    later = msgspec.structs.replace(bad, channel_updated_at=(FETCHED + timedelta(minutes=1)).isoformat(), tags=["news"])
    run_window(later)
    assert ask("SELECT l.oms_sku, o.version FROM orderflow.order_lines l JOIN orderflow.orders o USING (order_id)"
               " WHERE number = 1") == [(SKUS[0], 2)]  # fmt: skip
    assert "lines.1.sku" in analyst("quarantine", "edits")
    assert "1 withdrawn" in analyst("quarantine", "withdraw", "1", "--why", "corrected on the channel")
    run_window()
    assert ask("SELECT count(*) FROM orderflow.order_edits WHERE withdrawn_at IS NULL") == [(0,)]


def test_a_waiver_lets_this_content_pass_and_the_next_is_judged_again(analyst, run_window, ask):
    ask("INSERT INTO orderflow.sku_map (channel, sku, oms_sku) SELECT 'shop_tw', s, s FROM unnest(%s) AS s", SKUS)
    wrong = order(1, grand_total="99999")
    run_window(wrong)
    ((codes,),) = ask("SELECT codes FROM orderflow.quarantine")
    with pytest.raises(ConfigError, match="MAPPING_FAILED cannot be waived"):
        analyst("quarantine", "release", wrong.order_id, "--waive", "MAPPING_FAILED", "--why", "so it is")
    waive = [part for code in codes for part in ("--waive", code)]
    analyst("quarantine", "release", wrong.order_id, *waive, "--why", "agreed with finance")
    run_window()
    assert ask("SELECT order_id, version FROM orderflow.orders") == [(wrong.order_id, 1)]
    assert ask("SELECT state FROM orderflow.quarantine") == [("released",)]
    run_window(wrong)
    assert ask("SELECT state FROM orderflow.quarantine") == [("released",)], "the same content stays waived"
    run_window(order(1, grand_total="88888", channel_updated_at=(FETCHED + timedelta(minutes=1)).isoformat()))
    assert ask("SELECT state FROM orderflow.quarantine") == [("open",)]


def test_show_masks_people_and_revealing_them_is_kept(analyst, run_window, ask):
    bad = order(1, grand_total="99999")
    people = [msgspec.structs.replace(bad.contacts[0], name=PERSON, phone="+46701234567"), *bad.contacts[1:]]
    run_window(msgspec.structs.replace(bad, contacts=people, buyer_id="Mette77"))
    shown = analyst("quarantine", "show", bad.order_id)
    for secret in ("Mette", "Åkesson", "美特", "701234567", "Mette77"):
        assert secret not in shown
    assert bad.lines[0].sku in shown
    found = analyst("quarantine", "show", bad.order_id, "--json")
    assert found["raw"]["order_id"] == bad.order_id
    assert found["raw"]["contacts"][0]["name"] == "xxxxx xxxxxxx xx"
    assert found["clean"]["buyer_id"] == "xxxxx99"
    assert found["owners"]
    assert all(reason["cure"] for reason in found["reasons"])
    with pytest.raises(ConfigError, match="say why"):
        analyst("quarantine", "show", bad.order_id, "--reveal")
    shown = analyst("quarantine", "show", bad.order_id, "--reveal", "--why", "the buyer called", "--json")
    assert shown["raw"]["contacts"][0]["name"] == PERSON
    assert ask("SELECT who, why FROM orderflow.quarantine_events WHERE what = 'revealed'") == [
        ("mei", "the buyer called")
    ]


def test_bulk_on_the_command_line_is_counted_first(analyst, run_window):
    run_window(*(with_line(order(n), 0, sku="新-001") for n in range(1, 4)))
    with pytest.raises(ConfigError, match="no order is named"):
        analyst("quarantine", "discard", "--why", "x")
    dry = analyst("quarantine", "discard", "--reason", "SKU_UNMAPPED", "--dry-run", "--why", "x", "--json")
    assert (dry["dry_run"], dry["done"], list(dry["values"])) == (True, 3, ["EUR"])
    assert "3 orders" in analyst("quarantine", "assign", "--sku", "新-001", "--to", "mei")
    assert "3 orders" in analyst("quarantine", "discard", "--owner", "catalogue team", "--who", "ann", "--why", "tests")
    row = analyst("quarantine", "list", "--state", "discarded", "--json")["rows"][0]
    assert (row["decided_by"], row["assignee"]) == ("ann", "mei")
    with pytest.raises(ConfigError, match="is discarded already, by ann: reopen it first"):
        analyst("quarantine", "park", row["order_id"], "--why", "x")
    assert "3 orders" in analyst("quarantine", "reopen", "--state", "discarded", "--all", "--why", "no tests")
    assert "SKU_UNMAPPED" in analyst("quarantine", "list", "--size", "2")


def test_a_wrong_csv_shows_every_problem_and_writes_nothing(analyst, tmp_path, ask):
    file = tmp_path / "wrong.csv"
    file.write_text("channel,sku,oms_sku,valid_from\nshop_tw,A,B,\nshop_tx,C,D,\nshop_tw,E,,gestern\n")
    shown = analyst("sku", "import", str(file), fails=2)
    assert "line 3" in shown
    assert "did you mean 'shop_tw'" in shown
    assert "line 4  oms_sku" in shown
    assert "3 problems; nothing was written" in shown
    assert ask("SELECT count(*) FROM orderflow.sku_map") == [(0,)]
    analyst("sku", "set", "shop_tw", "A", "B", "--to", "2026-04-01")
    file.write_text("channel,sku,oms_sku,valid_from\nshop_tw,F,G,\nshop_tw,A,C,2026-03-01\n")
    found = analyst("sku", "import", str(file), "--json", fails=2)
    assert [(each["line"], each["value"]) for each in found["problems"]] == [(3, "A")]
    assert ask("SELECT sku FROM orderflow.sku_map") == [("A",)]


def test_a_person_confirms_a_suggestion(analyst, run_window, ask, tmp_path):
    ask(
        "INSERT INTO orderflow.sku_map (channel, sku, oms_sku) SELECT 'shop_tw', s, 'O-' || s FROM unnest(%s) AS s",
        SKUS,
    )
    sold = order(1)
    run_window(sold)
    run_window(with_line(order(2), 0, sku=sold.lines[0].sku.lower().replace("-", "_")))
    (found,) = analyst("sku", "suggest", "--json")
    best = found["suggestions"][0]
    assert best["oms_sku"] == f"O-{sold.lines[0].sku}"
    assert best["why"]
    with pytest.raises(ConfigError, match="O-NONE is not suggested"):
        analyst("sku", "confirm", "shop_tw", found["sku"], "O-NONE")
    analyst("sku", "confirm", "shop_tw", found["sku"], best["oms_sku"])
    run_window()
    assert ask("SELECT state FROM orderflow.quarantine") == [("superseded",)]
    assert "confirmed a suggestion" in analyst("sku", "history", "shop_tw", found["sku"])
    out = tmp_path / "map.csv"
    assert "41 pairs written" in analyst("sku", "export", str(out))
    assert "41 already there" in analyst("sku", "import", str(out))
    assert found["sku"] in analyst("sku", "list", "--channel", "shop_tw")
    analyst("sku", "close", "shop_tw", found["sku"], "--at", "2026-04-01", "--why", "gone")
    assert "until 2026-03-31 16:00Z" in analyst("sku", "list", "--sku", found["sku"])


def test_a_released_order_without_any_raw_record_opens_again(analyst, run_window, ask, tmp_path):
    ask("INSERT INTO orderflow.sku_map (channel, sku, oms_sku) SELECT 'shop_tw', s, s FROM unnest(%s) AS s", SKUS)
    run_window(order(1, grand_total="99999"))
    shutil.rmtree(tmp_path / "0")
    ask("UPDATE orderflow.quarantine SET sealed_raw = NULL, key_id = NULL")
    analyst("quarantine", "release", "--all", "--why", "fixed")
    run_window()
    assert ask("SELECT state, replay_asked_at FROM orderflow.quarantine") == [("open", None)]
    assert ask("SELECT who, what, why FROM orderflow.quarantine_events ORDER BY id DESC LIMIT 1") == [
        ("replay", "open", "no raw record is left that could be judged again")
    ]
