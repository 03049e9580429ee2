"""Every version has its effect once, whatever happens to the OMS's answers."""

from datetime import timedelta

import pytest
from delivery import deliver, settled, stage
from shop import oms_running, target

from orderflow.domain.errors import DeniedError, TransientError
from orderflow.pipeline.sync import sync

AFTER = ["500-after", "drop-after", "torn"]


@pytest.mark.parametrize("kind", ["500", "503", "drop", "html", "garbage", "429", *AFTER])
def test_an_answer_that_is_lost_or_spoilt_never_makes_a_second_effect(store, oms, shop, kind):
    stage(store, shop)
    oms.fail(kind, "/orders/batch", count=2)
    assert deliver(store, shop, oms).accepted == 25
    settled(oms, shop, 25)


def test_an_answer_that_comes_too_late_never_makes_a_second_effect(store, ask, oms, shop):
    stage(store, shop, 12)
    oms.fail("timeout-after", "/orders/batch", count=1)
    assert deliver(store, shop, oms, timeout=timedelta(seconds=0.5)).accepted == 12
    settled(oms, shop, 12)
    assert ask("SELECT count(*) FROM orderflow.receipts WHERE oms_id IS NULL") == [(0,)]


def test_even_an_oms_without_idempotency_has_every_effect_once(store, shop):
    with oms_running(idempotent=False) as simple:
        stage(store, shop)
        for kind in AFTER:
            simple.fail(kind, "/orders/batch", count=1)
        assert deliver(store, shop, simple).accepted == 25
        settled(simple, shop, 25)


def test_an_oms_that_is_down_keeps_everything_pending_and_says_so(store, ask, shop):
    stage(store, shop, 200)
    naps = []
    with pytest.raises(TransientError, match="no connection"):
        sync(shop, store, target("http://127.0.0.1:1"), pause=naps.append)
    assert ask("SELECT count(*), count(first_sent_at) > 0, count(last_error) > 0 FROM orderflow.outbox") == [
        (200, True, True)
    ]
    assert ask("SELECT count(*) <= 120 FROM orderflow.outbox WHERE attempts > 0") == [(True,)], "it gives up soon"
    assert ask("SELECT state FROM orderflow.windows") == [("loaded",)]


def test_an_oms_that_fails_for_a_while_gets_the_rest_later(store, ask, oms, shop):
    stage(store, shop, 60)
    oms.fail("500", "/orders/*", count=None, skip=2)
    with pytest.raises(TransientError, match="HTTP 500"):
        deliver(store, shop, oms)
    left = ask("SELECT count(*) FROM orderflow.outbox")[0][0]
    assert 0 < left < 60
    assert ask("SELECT count(*) FROM orderflow.receipts") == [(60 - left,)], "what is known is kept"
    oms.recover()
    assert deliver(store, shop, oms).accepted == left
    settled(oms, shop, 60)


def test_an_oms_that_fails_over_one_order_in_three_gets_all_of_them_in_one_sync(store, oms, shop):
    stage(store, shop)
    for skip in range(2, 23, 3):
        oms.fail("500-after", f"/orders/{shop.name}/*", count=1, skip=skip)
    assert deliver(store, shop, oms, batch=None).accepted == 25
    settled(oms, shop, 25)


def test_wrong_credentials_call_the_operator_at_once(store, ask, oms, shop):
    stage(store, shop, 200)
    with pytest.raises(DeniedError, match="check the secret"):
        sync(shop, store, target(oms.url, token="wrong"))
    assert ask("SELECT count(*) FROM orderflow.outbox") == [(200,)]
    assert ask("SELECT bool_or(last_error LIKE '%%wrong%%') FROM orderflow.outbox") == [(False,)]


def test_an_order_that_fails_again_and_again_travels_alone_and_waits_longer(store, ask, oms, shop):
    stage(store, shop, 6)
    oms.fail("500", "/orders/batch", count=None)
    oms.fail("500", f"/orders/{shop.name}/*", count=None)
    for _ in range(2):
        with pytest.raises(TransientError):
            deliver(store, shop, oms)
    assert ask("SELECT bool_and(not_before IS NULL) FROM orderflow.outbox") == [(True,)]
    with pytest.raises(TransientError):
        deliver(store, shop, oms)
    ((waiting,),) = ask("SELECT count(*) FROM orderflow.outbox WHERE not_before > now() + interval '30 s'")
    assert 3 <= waiting <= 6, "three requests that settle nothing, and what flew beside them"
    oms.recover()
    assert deliver(store, shop, oms).accepted == 6 - waiting
    ask("UPDATE orderflow.outbox SET not_before = now()")
    assert deliver(store, shop, oms).accepted == waiting
    settled(oms, shop, 6)
