"""`orderflow erase` forgets a buyer and says what it does not reach."""

from staged import load, order

WHY = ("--why", "ticket 4711", "--who", "mei")


def test_known_orders_lose_their_buyer_and_unknown_ones_are_named(run, store, ask):
    load(store, order(), order("A-2"))
    assert run("erase", "shop_tw", "A-1", *WHY, "--dry-run") == (0, "1 would be erased, 0 were before\n")
    assert run("erase", "shop_tw", "A-1", *WHY) == (0, "1 erased, 0 were before\n")
    code, said = run("erase", "demo_csv", "A 9", *WHY)
    assert (code, said.splitlines()[-1]) == (1, "unknown: A 9; orderflow explain demo_csv 'A 9' looks for it")
    assert ask("SELECT order_id, erased_by FROM orderflow.order_contacts ORDER BY 1") == [("A-1", "mei"), ("A-2", None)]


def test_a_channel_that_does_not_exist_is_told(run):
    kind, said = run("erase", "shop_twx", "A-1", *WHY)
    assert kind == "ConfigError"
    assert "there is no channel 'shop_twx'" in said
