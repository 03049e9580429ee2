"""Why the OMS lacks an order of a day: what took it out of the outbox, and what was there before the channel."""

from datetime import datetime

import pytest
from worlds import HISTORY, NOON, SPAN, servers

from orderflow.domain.window import Window
from orderflow.staging.shadow import hand_over


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with servers(tmp_path_factory.mktemp("oms"), ["woocommerce"] * 3, rate=4.0) as running:
        yield running


def test_what_was_taken_out_of_the_outbox_is_not_called_shadow_and_can_be_queued_again(shop, ask):
    shop.run(Window(HISTORY.start, NOON))
    shop.run(Window(NOON, HISTORY.end), deliver=False)
    taken = ask("DELETE FROM orderflow.outbox RETURNING order_id")
    certificate, found = shop.reconcile()
    lost = {each.order_id for each in found if each.cause == "not_sent"}
    assert lost == {each.order_id for each in found}
    assert lost <= {order_id for (order_id,) in taken}
    assert certificate.unexplained == len(lost) > 0
    hand_over(shop.store.connection, shop.channel.name, HISTORY.start, dry_run=False)
    shop.sync()
    assert shop.reconcile()[1] == []


@pytest.mark.parametrize("held", [False, True], ids=["the OMS lacks it", "the OMS has it from elsewhere"])
def test_what_was_created_before_the_hand_over_is_accounted_for(shop, ask, held):
    if held:
        shop.run(HISTORY)
        ask("DELETE FROM orderflow.receipts RETURNING order_id")
    shop.channel = shop.channel.model_copy(update={"oms": shop.channel.oms.model_copy(update={"since": NOON})})
    if not held:
        shop.run(HISTORY)
    certificate, found = shop.reconcile()
    created = {row["order_id"]: datetime.fromisoformat(row["created_at"]) for row in shop.truth() if row["listed"]}
    of_day = {order_id for order_id, at in created.items() if at in SPAN}
    assert {each.cause for each in found} == {"before_since"}
    assert {each.order_id for each in found} == {each for each in of_day if created[each] < NOON} != of_day
    assert certificate.unexplained == 0
