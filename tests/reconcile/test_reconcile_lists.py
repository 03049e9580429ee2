"""What a channel's own list says, leaves out or cannot say, held against staging and the OMS."""

from dataclasses import replace
from datetime import timedelta

import pytest
from worlds import HISTORY, NOON, NOW, SPAN, causes, of_day, servers

from orderflow.domain.source import OrderStub


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with servers(tmp_path_factory.mktemp("oms"), ["woocommerce"] * 5) as running:
        yield running


class ListOnly:
    """A channel that lists and reads windows, but cannot be asked by id."""

    def __init__(self, inner, hides=()):
        self.fetch = inner.fetch
        self._inner = inner

    def identify(self, window):
        for stub in self._inner.identify(window):
            yield stub if len(stub.order_id) % 2 else replace(stub, updated_at=None)


class NoList:
    def __init__(self, inner):
        self.fetch = inner.fetch


def test_a_channel_without_ids_is_repaired_by_the_windows_of_the_changes(shop, ask):
    shop.run(HISTORY)
    removed = of_day(shop)[:2]
    ask("DELETE FROM orderflow.orders WHERE order_id = ANY(%s)", removed)
    shop.source = ListOnly(shop.open())
    certificate, found = shop.reconcile()
    assert causes(found) == {(each, "missed", True) for each in removed}
    assert certificate.unexplained == 0


def test_a_channel_without_a_list_says_that_two_sides_were_compared(shop, ask):
    shop.run(HISTORY)
    changed = of_day(shop)[0]
    shop.in_oms("UPDATE orders SET currency = 'EUR' WHERE order_id = ?", changed)
    shop.source = NoList(shop.open())
    certificate, found = shop.reconcile()
    assert not certificate.sides["channel"].compared
    assert "no list of its own" in certificate.sides["channel"].how
    assert {(each.order_id, each.cause, each.field) for each in found} == {(changed, "oms_differs", "currency")}


def test_a_listed_order_that_is_not_handed_out_stays_missed(shop):
    class Ghost:
        def __init__(self, inner):
            self.fetch, self.fetch_ids, self._inner = inner.fetch, inner.fetch_ids, inner

        def identify(self, window):
            yield from self._inner.identify(window)
            yield OrderStub("999999999", status="open", total="not a number", updated_at=NOON)
            yield OrderStub("999999999", status="open", total="1", updated_at=NOON)

    shop.run(HISTORY)
    shop.source = Ghost(shop.open())
    certificate, found = shop.reconcile()
    assert causes(found) == {("999999999", "missed", False)}
    assert "did not hand it out" in found[0].note
    assert certificate.unexplained == 1


class Listing:
    """The shop's own list with one order told otherwise; with `withheld` nothing is handed out by id."""

    def __init__(self, inner, order_id, *, withheld=False, **told):
        self.fetch = inner.fetch
        self.fetch_ids = (lambda _: iter(())) if withheld else inner.fetch_ids
        self._inner, self._order_id, self._told = inner, order_id, told

    def identify(self, window):
        for each in self._inner.identify(window):
            yield replace(each, **self._told) if each.order_id == self._order_id else each


def test_a_change_that_is_not_handed_out_is_not_called_repaired(shop):
    shop.run(HISTORY)
    changed = of_day(shop)[0]
    shop.source = Listing(shop.open(), changed, withheld=True, updated_at=NOW - timedelta(hours=8))
    certificate, found = shop.reconcile()
    assert [(each.order_id, each.cause, each.field, each.repaired) for each in found] == [
        (changed, "channel_differs", "updated_at", False)
    ]
    assert certificate.unexplained == 1


def test_the_list_may_spell_currencies_and_statuses_as_the_records_do(shop):
    shop.run(HISTORY)
    inner = shop.open()
    listed = next(iter(inner.identify(SPAN)))
    read = {"currency": {"NT$": listed.currency}, "order_status": {"fertig": listed.status}}
    shop.channel = shop.channel.model_copy(update={"clean": shop.channel.clean.model_copy(update={"lookups": read})})
    for told in ({"currency": listed.currency.lower()}, {"currency": "NT$ "}, {"status": "fertig"}):
        shop.source = Listing(inner, listed.order_id, **told)
        assert shop.reconcile()[1] == []
