"""Pages of shops that a channel file describes, where they end, shrink, or are not told of: nothing is lost unseen."""

import httpx
import pytest
from described_shops import described
from http_server import Asked, Reply, Time, account
from test_described_shops import HOUR, as_json, asking, ids, listed, query

from orderflow import adapters
from orderflow.domain.errors import DriftError, TransientError

ROWS = [{"id": n} for n in range(7)]
SIZE = {"name": "limit", "value": 3}


@pytest.mark.parametrize(
    "sign",
    [
        {"next": "https://shop.example/orders?page=2"},
        {"links": {"next": "/orders?page=2"}},
        {"_links": {"next": {"href": "/orders?page=2"}}},
        {"@odata.nextLink": "/orders?$skip=7"},
        {"pageInfo": {"hasNextPage": True}},
        {"has_more": 1},
        {"count": 8},
        {"meta": {"totalCount": "8"}},
    ],
)
def test_a_list_that_says_of_itself_that_more_follows_is_not_taken_for_whole(sign):
    """A server with a default page size gives its first orders to everybody who does not ask for pages."""
    with pytest.raises(DriftError, match=r"7 orders came, and .* says that there are more: the platform gives pages"):
        asking(described({"at": "data.list"}), lambda _: as_json({"data": {"list": ROWS, **sign}}), listed)


@pytest.mark.parametrize("name", ["total", "summary.count"])
def test_a_sum_of_money_beside_a_whole_list_is_no_count_where_the_file_says_so(name):
    beside = {"total": 12999} if name == "total" else {"summary": {"count": 12999}}
    answer = {"list": ROWS, **beside}
    page = {"kind": "none", "amounts": [name]}
    assert len(asking(described({"at": "list", "page": page}), lambda _: as_json(answer), listed)[0]) == 7
    with pytest.raises(DriftError, match=r"name it under page\.amounts if it is a sum of money"):
        asking(described({"at": "list"}), lambda _: as_json(answer), listed)


@pytest.mark.parametrize("header", [{"Link": '</orders?page=2>; rel="next"'}, {"x-wp-total": "8"}])
def test_a_header_may_say_that_more_follows(header):
    with pytest.raises(DriftError, match=f"7 orders came, and the header {next(iter(header))} says"):
        asking(described({}), lambda _: as_json(ROWS, headers=header), listed)


@pytest.mark.parametrize(
    "beside",
    [
        {"next": None, "previous": None, "count": 7},
        {"has_more": False, "hasNext": "false", "next_page": 0},
        {"_links": {"next": {"href": None}}},
        {"total": "148.80", "totals": {"total": 3}, "sum": 9000},
    ],
)
def test_a_whole_list_is_taken_whatever_stands_beside_it_or_in_its_orders(beside):
    rows = [{**row, "count": 99, "next": "x"} for row in ROWS]
    assert len(asking(described({"at": "list"}), lambda _: as_json({"list": rows, **beside}), listed)[0]) == 7


def test_what_orders_cost_that_stand_under_their_ids_is_no_count_of_them():
    rows = {str(row["id"]): {**row, "total": 12999, "next": "x"} for row in ROWS}
    assert len(asking(described({"at": "orders[]"}), lambda _: as_json({"orders": rows}), listed)[0]) == 7


def test_rows_that_hold_several_orders_are_passed_over_by_none():
    """Five rows of two orders each, of which three are asked for at once."""
    carts = [{"orders": [{"id": n}, {"id": n + 1}]} for n in range(0, 10, 2)]

    def reply(asked: Asked) -> Reply:
        begin = int(query(asked)["offset"])
        return as_json(carts[begin : begin + 3])

    told = described({"at": "[].orders", "page": {"kind": "offset", "name": "offset", "size": SIZE}})
    assert asking(told, reply, listed)[0] == [str(n) for n in range(10)]


def test_a_platform_that_gives_fewer_at_once_than_asked_for_loses_no_order_by_offset():
    def reply(asked: Asked) -> Reply:
        begin = int(query(asked)["offset"])
        return as_json(ROWS[begin : begin + 2])

    told = described({"page": {"kind": "offset", "name": "offset", "size": SIZE}})
    assert asking(told, reply, listed)[0] == [str(row["id"]) for row in ROWS]


def test_offset_and_size_of_one_name_are_sent_in_one():
    """PrestaShop: `limit=3,3`; behind the last order an empty list without the object around it."""

    def reply(asked: Asked) -> Reply:
        begin, size = map(int, query(asked)["limit"].split(","))
        return as_json({"orders": ROWS[begin : begin + size]} if begin < len(ROWS) else [])

    told = described({"at": "orders", "page": {"kind": "offset", "name": "limit", "size": SIZE}})
    found, seen = asking(told, reply, listed)
    assert found == [str(row["id"]) for row in ROWS]
    assert [query(each)["limit"] for each in seen][:4] == ["0,3", "3,3", "6,3", "7,3"]


def test_a_last_page_that_went_with_the_order_that_left_it_is_no_error():
    """Django REST framework answers 404 there; that the platform's count is another one now has the list read again."""
    left = []

    def reply(asked: Asked) -> Reply:
        begin = (int(query(asked)["page"]) - 1) * 3
        rows = ROWS[:6] if left else ROWS
        left.append(asked)
        return as_json({"count": len(rows), "list": rows[begin : begin + 3]}, status=200 if rows[begin:] else 404)

    told = described({"at": "list", "page": {"kind": "page", "name": "page", "size": SIZE, "total": "count"}})
    assert sorted(asking(told, reply, listed)[0]) == [str(row["id"]) for row in ROWS[:6]]


@pytest.mark.parametrize("status", [404, 410])
def test_a_next_page_that_is_gone_is_asked_for_again_and_never_taken_for_the_end(status):
    def reply(asked: Asked) -> Reply:
        return Reply(status=status) if "page" in query(asked) else as_json({"list": ROWS, "next": "?page=2"})

    told = described({"at": "list", "page": {"kind": "link", "at": "next"}})
    with pytest.raises(TransientError, match="the next page that the platform named is not there any more"):
        asking(told, reply, listed)


def test_a_platform_behind_a_proxy_that_brings_tls_is_asked_over_tls_whatever_it_thinks():
    asked = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        following = None if "page=2" in asked[-1] else "http://shop.example/api/orders?page=2"
        return httpx.Response(200, json={"list": [{"id": len(asked)}], "next": following})

    told = described({"at": "list", "page": {"kind": "link", "at": "next"}})
    runtime = Time().runtime(transport=httpx.MockTransport(reply))
    source = adapters.find("rest").open(told, account("https://shop.example/api"), runtime)
    assert ids(source.fetch(HOUR)) == ["1", "2"]
    assert asked[1] == "https://shop.example/api/orders?page=2"


@pytest.mark.parametrize("kind", ["page", "offset"])
def test_a_total_that_counts_pages_is_not_taken_for_one_of_orders(kind):
    """Two pages of ten orders would else be all that is read, and as many as are counted."""

    def reply(asked: Asked) -> Reply:
        place = int(query(asked)["at"])
        begin = (place - 1) * 3 if kind == "page" else place
        return as_json({"pages": 4, "list": [{"id": n} for n in range(10)][begin : begin + 3]})

    told = described({"at": "list", "page": {"kind": kind, "name": "at", "size": SIZE, "total": "pages"}})
    with pytest.raises(
        TransientError, match=r"3 orders came, but 4 at pages leaves 1 .* does not count orders \(pages"
    ):
        asking(told, reply, listed)


def test_a_total_of_rows_that_hold_several_orders_is_one_of_rows():
    rows = [{"orders": [{"id": 1}, {"id": 2}, {"id": 3}]}, {"orders": [{"id": 4}]}]
    told = described({"at": "of[].orders", "page": {"kind": "page", "name": "n", "size": SIZE, "total": "total"}})
    assert asking(told, lambda _: as_json({"total": 2, "of": rows}), listed)[0] == ["1", "2", "3", "4"]


def test_a_page_behind_the_last_one_may_be_unknown_but_the_first_may_not():
    """Django REST framework answers 404 there."""

    def reply(asked: Asked) -> Reply:
        page = int(query(asked)["page"])
        return as_json([{"id": page}]) if 0 < page < 3 else Reply(status=404)

    page = {"kind": "page", "name": "page", "size": {"name": "limit", "value": 1}}
    assert asking(described({"page": page}), reply, listed)[0] == ["1", "2"]
    with pytest.raises(DriftError, match="status 404"):
        asking(described({"page": page}), lambda _: Reply(status=404), listed)


def test_a_next_page_over_plain_http_is_told_from_another_host():
    """A server behind a proxy thinks that it was asked over another scheme."""
    told = described({"page": {"kind": "link", "at": "next"}, "at": "list"})

    def reply(asked: Asked) -> Reply:
        return as_json({"list": [{"id": 1}], "next": f"https://{asked.headers['host']}/orders?page=2"})

    with pytest.raises(DriftError, match=r"http://127\.0\.0\.1:\d+: the next page stands at https://127\.0\.0\.1:\d+"):
        asking(told, reply, listed)


@pytest.mark.parametrize("success", [{}, {"message": "error.message"}, {"at": "code", "good": [0]}])
def test_errors_beside_the_data_of_graphql_are_errors_whatever_else_the_file_says_of_success(success):
    told = described({"query": "query { orders { id } }", "at": "data.orders"}, "graphql", success=success)
    answer = {"code": 0, "data": {"orders": [{"id": 1, "total": None}]}, "errors": [{"message": "total: timed out"}]}
    with pytest.raises(DriftError, match="an error instead of orders"):
        asking(told, lambda _: as_json(answer), listed)


@pytest.mark.parametrize(
    ("page", "sign"),
    [
        ({"kind": "link", "at": "links.next"}, {"next": "/orders?page=2"}),
        ({"kind": "link"}, {"paging": {"next": "/orders?page=2"}}),
        ({"kind": "cursor", "name": "after", "at": "cursor"}, {"nextCursor": "x", "hasMore": True}),
        (
            {"kind": "cursor", "name": "after", "at": "end", "more": "hasNext"},
            {"end": "x", "pageInfo": {"hasNextPage": True}},
        ),
        ({"kind": "cursor", "name": "after", "at": "end", "more": "has_more"}, {"endd": "x", "has_more": True}),
    ],
)
def test_a_next_page_that_stands_elsewhere_than_the_file_says_is_not_taken_for_the_end(page, sign):
    with pytest.raises(DriftError, match=r"nothing at .* leads to a next page, and .* says that one follows"):
        asking(described({"at": "list", "page": page}), lambda _: as_json({"list": ROWS, **sign}), listed)


def test_a_header_may_say_that_a_page_is_the_last_one():
    told = described({"page": {"kind": "cursor", "name": "after", "at": "header:X-Cursor", "more": "header:X-More"}})
    last = {"X-Cursor": "x", "X-More": "false"}
    assert len(asking(told, lambda _: as_json(ROWS, headers=last), listed)[1]) == 1


@pytest.mark.parametrize(
    ("page", "last"),
    [
        ({"kind": "link", "at": "next"}, {"next": None, "count": 99}),
        ({"kind": "cursor", "name": "after", "at": "next"}, {"has_more": False, "count": 99}),
        ({"kind": "cursor", "name": "after", "at": "next", "more": "more"}, {"next": "x", "more": False, "hasNext": 1}),
    ],
)
def test_a_last_page_is_the_last_one_whatever_counts_beside_it(page, last):
    assert (
        len(asking(described({"at": "list", "page": page}), lambda _: as_json({"list": ROWS, **last}), listed)[0]) == 7
    )


def counted_from(number, /, **page):
    """Three pages of which the first has this number, and the page of a channel file."""

    def reply(asked: Asked) -> Reply:
        begin = (int(query(asked)["page"]) - number) * 3
        return as_json(ROWS[begin : begin + 3] if begin >= 0 else [])

    return described({"page": {"kind": "page", "name": "page", "size": SIZE, **page}}), reply


def test_pages_that_count_from_0_do_not_lose_their_first_one_unseen():
    told, reply = counted_from(0)
    with pytest.raises(TransientError, match=r"page 0 holds 3 orders that stand on no other page.*page\.first: 0"):
        asking(told, reply, listed)
    told, reply = counted_from(0, first=0)
    assert len(asking(told, reply, listed)[0]) == 7


def test_page_0_is_asked_for_once_and_never_where_the_file_names_the_first_page():
    for page, times in (({}, 1), ({"first": 1}, 0)):
        told, reply = counted_from(1, **page)
        found, seen = asking(told, reply, lambda source: [listed(source), listed(source)])
        assert [len(each) for each in found] == [7, 7]
        assert sum(query(each)["page"] == "0" for each in seen) == times


@pytest.mark.parametrize("answer", [as_json({"error": "page"}, status=400), as_json(ROWS[:3])])
def test_a_platform_that_refuses_page_0_or_takes_it_for_page_1_counts_from_1(answer):
    told, reply = counted_from(1)
    found, _ = asking(told, lambda asked: answer if query(asked)["page"] == "0" else reply(asked), listed)
    assert len(found) == 7


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_platform_that_breaks_or_counts_at_page_0_is_not_asked_for_it_again(status):
    """A negative OFFSET is an error of many databases, and one asked for 5 times may lock the account."""
    told, reply = counted_from(1)
    broken = as_json({}, status=status, headers={"Retry-After": "50"})
    found, seen = asking(told, lambda asked: broken if query(asked)["page"] == "0" else reply(asked), listed)
    assert len(found) == 7
    assert [query(each)["page"] for each in seen].count("0") == 1


def test_the_places_of_other_lists_are_named_where_none_stands_at_the_one_told():
    answer = {"meta": {"tags": ["a"]}, "data": {"orders": [{"id": 1, "lines": [{"id": 2}]}], "shops": [{"id": 3}]}}
    with pytest.raises(DriftError, match=r"no list of orders at results \(lists stand at data\.orders, data\.shops\);"):
        asking(described({"at": "results"}), lambda _: as_json(answer), listed)
