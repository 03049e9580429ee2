"""`orderflow erase` forgets a buyer and says what it does not reach."""

from staged import load, order

from orderflow.pipeline import landing

WHY = ("--why", "ticket 4711", "--who", "mei")


def test_known_orders_lose_their_buyer_and_unknown_ones_are_named(run, store, ask):
    load(store, order(), order("A-2"))
    assert run("erase", "shop_tw", "A-1", *WHY, "--dry-run") == (0, "1 would be erased, 0 were before\n")
    assert run("erase", "shop_tw", "A-1", *WHY) == (0, "1 erased, 0 were before\n")
    code, said = run("erase", "demo_csv", "A 9", *WHY)
    assert (code, said.splitlines()[-1]) == (1, "unknown: A 9; orderflow explain demo_csv 'A 9' looks for it")
    assert ask("SELECT order_id, erased_by FROM orderflow.order_contacts ORDER BY 1") == [("A-1", "mei"), ("A-2", None)]


def test_the_landing_zone_keeps_whose_buyers_are_forgotten_so_that_no_backup_brings_them_back(run, store, tmp_path):
    load(store, order(), order("A-2"), order("A-3"))
    run("erase", "shop_tw", "A-3", *WHY, "--dry-run")
    run("erase", "shop_tw", "A-1", "A 9", *WHY)
    run("erase", "shop_tw", "A-1", "A-2", *WHY)
    assert landing.forgotten(tmp_path / "shop_tw") == {"A-1", "A-2"}


def test_nobody_is_forgotten_where_the_landing_zone_is_not_there_to_keep_it(run, store, ask, monkeypatch, tmp_path):
    load(store, order())
    monkeypatch.setenv("ORDERFLOW_LANDING", str(tmp_path / "elsewhere"))
    kind, said = run("erase", "shop_tw", "A-1", *WHY)
    assert kind == "ConfigError"
    assert "there is no landing zone" in said
    assert "set ORDERFLOW_LANDING" in said
    assert ask("SELECT erased_by FROM orderflow.order_contacts") == [(None,)]


def test_a_channel_that_does_not_exist_is_told(run):
    kind, said = run("erase", "shop_twx", "A-1", *WHY)
    assert kind == "ConfigError"
    assert "there is no channel 'shop_twx'" in said
