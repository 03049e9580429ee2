"""How the Amazon sources ask: ranges, paging, items, and what each refusal becomes."""

import json
from datetime import timedelta

import httpx
import pytest
from amazon_shop import NOW, WINDOW, Amazon, error, ids, numbers, opened, order, pulled

from orderflow.domain.errors import DeniedError, DriftError, TransientError
from orderflow.domain.window import Window


def test_an_order_of_which_amazon_shows_nothing_is_absent_and_hides_no_other():
    amazon = Amazon(ids(1, 2), first=[httpx.Response(200, json={"payload": {}})])
    assert numbers(opened(amazon, "v0", personal_data=False).fetch_ids(ids(1, 2))) == ids(2)


@pytest.mark.parametrize("bad", [None, "", "昨天", "0001-01-01T00:00:00+08:00", 10**18, [], {"at": "noon"}])
@pytest.mark.parametrize("field", ["lastUpdatedTime", "fulfillment", "proceeds", "orderItems"])
def test_a_listed_order_with_broken_fields_stops_nobody(field, bad):
    listed = httpx.Response(200, json={"orders": [order(ids(1)[0]) | {field: bad}, order(ids(2)[0])]})
    assert [stub.order_id for stub in opened(Amazon(first=[listed])).identify(WINDOW)] == ids(1, 2)


@pytest.mark.parametrize("how", ["fetch", "identify"])
def test_a_title_that_is_no_utf8_hides_no_order(how):
    titled = [order(each) | {"orderItems": [{"title": each[-1]}]} for each in ids(1, 2)]
    listed = json.dumps({"orders": titled}).encode().replace(b'"title": "1"', b'"title": "\xe4\xb8"')
    found = list(getattr(opened(Amazon(first=[httpx.Response(200, content=listed)])), how)(WINDOW))
    assert len(found[0].records if how == "fetch" else found) == 2


def test_all_pages_are_read_with_one_and_the_same_question_in_whole_seconds_outwards():
    amazon = Amazon(ids(1, 2), (), ids(3))
    assert numbers(pulled(amazon)) == ids(1, 2, 3)
    questions = [query for _, _, query, _ in amazon.requests]
    assert [query.pop("paginationToken", None) for query in questions] == [None, "1", "2"]
    assert questions[0] == questions[1] == questions[2]
    assert (questions[0]["lastUpdatedAfter"], questions[0]["lastUpdatedBefore"]) == (
        "2026-03-02T11:00:00Z",
        "2026-03-02T11:30:01Z",
    )
    assert "fulfillmentStatuses" not in questions[0], "a filter would hide what nobody documented"


def test_v0_names_every_status_and_joins_the_items_of_all_their_pages():
    amazon = Amazon(ids(1), ids(2))
    pages = pulled(amazon, "v0")
    assert numbers(pages) == ids(1, 2)
    assert [each["OrderItemId"] for each in json.loads(pages[0].records[0])["items"]] == ["1", "2"]
    query = next(query for _, path, query, _ in amazon.requests if path == "/orders/v0/orders")
    assert len(query["OrderStatuses"].split(",")) == 8


def test_people_are_asked_for_only_where_they_are_wanted():
    shown, hidden = Amazon(), Amazon()
    pulled(shown)
    pulled(hidden, personal_data=False)
    assert "BUYER,RECIPIENT" in shown.requests[0][2]["includedData"]
    assert "BUYER" not in hidden.requests[0][2]["includedData"]


def test_a_window_that_amazon_does_not_answer_for_yet_is_not_cut():
    source = opened(Amazon(ids(1)))
    with pytest.raises(TransientError) as caught:
        list(source.fetch(Window(NOW - timedelta(hours=1), NOW - timedelta(seconds=90))))
    assert caught.value.retry_after == 30


def test_a_page_tells_where_it_came_from_and_where_to_go_on():
    pages = pulled(Amazon(ids(1), ids(2)))
    assert [page.cursor for page in pages] == ["1", None]
    assert pages[0].origin.startswith("/orders/2026-01-01/orders?marketplaceIds=ATVPDKIKX0DER")
    assert pages[1].origin.endswith("paginationToken=***")
    assert numbers(opened(Amazon(ids(1), ids(2))).fetch(WINDOW, pages[0].cursor)) == ids(2)


def test_pages_that_repeat_under_new_tokens_are_asked_for_again_later():
    with pytest.raises(TransientError, match="repeats"):
        pulled(Amazon(ids(1, 2), ids(2, 1), ids(3)))
    assert numbers(pulled(Amazon(ids(1, 2), ids(2)))) == ids(1, 2, 2), "a last page that repeats loses nothing"


def test_a_token_that_runs_in_a_circle_is_drift():
    amazon = Amazon()
    amazon.list = lambda *_: httpx.Response(200, json={"orders": [], "pagination": {"nextToken": "1"}})
    with pytest.raises(DriftError, match="circle"):
        pulled(amazon)


def test_items_of_another_order_are_the_answer_of_a_cache():
    amazon = Amazon(ids(1))
    amazon.items[ids(1)[0]] = [httpx.Response(200, json={"payload": {"AmazonOrderId": "other", "OrderItems": [{}]}})]
    with pytest.raises(TransientError, match="cache"):
        pulled(amazon, "v0")


def test_items_that_are_not_shown_are_asked_for_twice():
    amazon, order_id = Amazon(ids(1)), ids(1)[0]
    empty = httpx.Response(200, json={"payload": {"AmazonOrderId": order_id, "OrderItems": []}})
    good = amazon.items_of(order_id, "more")
    amazon.items[order_id] = [empty, good]
    assert json.loads(pulled(amazon, "v0")[0].records[0])["items"] == [{"OrderItemId": "2"}]
    amazon.items[order_id] = [error(404, "NotFound"), error(404, "NotFound")]
    assert json.loads(pulled(amazon, "v0")[0].records[0])["items"] is None
    amazon.items[order_id] = [empty, empty]
    assert json.loads(pulled(amazon, "v0")[0].records[0])["items"] == []


@pytest.mark.parametrize("version", ["v0", "v2026-01-01"])
def test_orders_by_id_that_amazon_does_not_know_are_absent(version):
    amazon = Amazon(ids(1, 2))
    assert numbers(opened(amazon, version).fetch_ids([*ids(1, 9), "東京", "../feeds", *ids(2)])) == ids(1, 2)
    assert not any("feeds" in path or "東" in path for _, path, _, _ in amazon.requests)


def test_another_order_than_the_one_asked_for_is_the_answer_of_a_cache():
    amazon = Amazon(ids(1))
    amazon.list = lambda *_: httpx.Response(200, json={"order": order(ids(2)[0])})
    with pytest.raises(TransientError, match="cache"):
        list(opened(amazon).fetch_ids(ids(1)))


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (error(400, "InvalidInput"), DriftError, "two minutes"),
        (error(200, "InternalFailure"), TransientError, "fault"),
        (error(200, "Unauthorized"), DeniedError, "role"),
        (httpx.Response(403, html="<html>blocked"), DeniedError, "right"),
        (httpx.Response(200, json={"orders": None}), DriftError, "shape"),
    ],
)
def test_a_refusal_says_who_has_to_act(answer, kind, message):
    with pytest.raises(kind, match=message):
        pulled(Amazon(first=[answer] * 5))
