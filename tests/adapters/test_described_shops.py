"""Shops that a channel file describes, over HTTP, with the answers and the paging that their documentation tells."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from described_shops import described
from http_server import Asked, Reply, Time, account, serve
from pydantic import ValidationError

from orderflow import adapters
from orderflow.adapters.described.requests import filtered
from orderflow.domain.errors import ConfigError, DriftError, TransientError
from orderflow.domain.source import Secret
from orderflow.domain.window import Window

HOUR = Window.parse("2026-03-01T09:00Z/2026-03-01T10:00Z")


def asking(told, reply, read, **connection):
    """What `read` makes of the source behind `reply`, and the requests that it took."""
    with serve(reply) as (url, seen):
        source = adapters.find("rest").open(told, account(url, **connection), Time().runtime())
        return read(source), seen


def ids(pages):
    return [str(msgspec.json.decode(record)["id"]) for page in pages for record in page.records]


def listed(source):
    return ids(source.fetch(HOUR))


def as_json(body, **more):
    return Reply(body=json.dumps(body).encode(), **more)


def query(asked: Asked):
    return {name: values[-1] for name, values in parse_qs(urlsplit(asked.path).query).items()}


def test_an_answer_without_content_is_a_list_without_orders():
    """BigCommerce: 204 behind the last page, and for a window without orders."""

    def reply(asked: Asked) -> Reply:
        page = int(query(asked)["page"])
        return as_json([{"id": page}]) if 0 < page < 3 else Reply(status=204, body=b"")

    page = {"kind": "page", "name": "page", "size": {"name": "limit", "value": 1}}
    found, _ = asking(described({"page": page}), reply, listed)
    assert found == ["1", "2"]
    counted, _ = asking(
        described({"page": {**page, "total": "total"}}),
        lambda _: Reply(status=204, body=b""),
        lambda it: it.count(HOUR),
    )
    assert counted == 0


@pytest.mark.parametrize(
    ("answer", "at", "found"),
    [
        ([], "orders", []),
        ({"data": []}, "data.orders", []),
        ({"data": []}, "data.orders[].order", []),
        ({"shops": [{"orders": [{"id": 1}]}, {"orders": [{"id": 2}]}]}, "shops[0].orders", ["1"]),
        ({"of": [{"kind": "a", "all": [{"id": 1}]}, {"kind": "b", "all": [{"id": 2}]}]}, "of[kind=b].all", ["2"]),
    ],
)
def test_orders_stand_where_the_path_says_and_php_writes_an_empty_object_as_a_list(answer, at, found):
    assert asking(described({"at": at}), lambda _: as_json(answer), listed)[0] == found


def test_a_list_that_is_nowhere_is_drift():
    with pytest.raises(DriftError, match=r"no list of orders at data\.orders"):
        asking(described({"at": "data.orders"}), lambda _: as_json({"data": [{"id": 1}]}), listed)


@pytest.mark.parametrize("following", ["?cursor=2", "/api/orders?cursor=2", "orders?cursor=2"])
def test_a_relative_address_of_the_next_page_counts_from_the_answers_own(following):
    def reply(asked: Asked) -> Reply:
        if not asked.path.startswith("/api/orders"):
            return Reply(status=404)
        return as_json({"list": [{"id": 2}]} if "cursor" in query(asked) else {"list": [{"id": 1}], "next": following})

    told = described({"path": "api/orders", "at": "list", "page": {"kind": "link", "at": "next"}})
    assert asking(told, reply, listed)[0] == ["1", "2"]


def test_a_query_in_the_path_is_asked_with_every_page():
    told = described(
        {
            "path": "orders?status=any&with=lines&with=payments",
            "params": {"sort": "id"},
            "window": {"start": {"name": "filter[date][gte]"}},
            "page": {"kind": "page", "name": "page", "size": {"name": "limit", "value": 1}, "total": "total"},
            "at": "list",
        }
    )

    def reply(asked: Asked) -> Reply:
        return as_json({"total": 2, "list": [{"id": query(asked)["page"]}]})

    found, seen = asking(told, reply, listed)
    assert sorted(found) == ["1", "2"]
    for each in seen:
        asked = parse_qs(urlsplit(each.path).query)
        assert (asked["status"], asked["with"], asked["sort"]) == (["any"], ["lines", "payments"], ["id"])
        assert asked["filter[date][gte]"] == ["2026-03-01T09:00:00Z"]


def test_a_time_goes_to_several_places_of_a_body_and_into_its_lists():
    """Shopware: orders that were never changed have no time of change, so both times are asked for."""
    ranges = [{"type": "range", "field": field, "parameters": {}} for field in ("updatedAt", "createdAt")]
    names = [f"filter[0].queries[{n}].parameters.{end}" for n in (0, 1) for end in ("gte", "lt")]
    told = {
        "method": "POST",
        "body": {"filter": [{"type": "multi", "operator": "or", "queries": ranges}]},
        "window": {"start": {"name": names[0::2]}, "end": {"name": names[1::2]}},
        "at": "data",
    }
    _, (asked,) = asking(described(told), lambda _: as_json({"data": []}), listed)
    told_ends = {"gte": "2026-03-01T09:00:00Z", "lt": "2026-03-01T10:00:00Z"}
    sent = json.loads(asked.body)["filter"][0]["queries"]
    assert [each["parameters"] for each in sent] == [told_ends, told_ends]


@pytest.mark.parametrize(
    ("form", "window", "start", "end"),
    [
        # Europe/Paris puts its clocks back at 01:00Z: 02:00-03:00 comes twice
        ("%Y-%m-%d %H:%M:%S", "2026-10-25T00:05Z/2026-10-25T00:20Z", "2026-10-25 01:05:00", "2026-10-25 03:20:00"),
        ("%Y-%m-%d %H:%M:%S", "2026-10-25T00:45Z/2026-10-25T01:15Z", "2026-10-25 01:45:00", "2026-10-25 03:15:00"),
        ("%Y-%m-%d %H:%M:%S", "2026-10-25T02:00Z/2026-10-25T02:15Z", "2026-10-25 03:00:00", "2026-10-25 03:15:00"),
        ("%Y-%m-%d %H:%M", "2026-03-01T09:00:10Z/2026-03-01T09:00:20Z", "2026-03-01 10:00", "2026-03-01 10:01"),
        ("%Y-%m-%d", "2026-03-01T09:00Z/2026-03-01T10:00Z", "2026-03-01", "2026-03-02"),
        ("%d.%m.%Y", "2026-03-01T23:00Z/2026-03-02T23:00Z", "02.03.2026", "03.03.2026"),
    ],
)
def test_what_is_asked_for_is_never_less_than_the_window(form, window, start, end):
    between = described({"window": {"start": {"name": "a", "form": form}, "end": {"name": "b", "form": form}}})
    found = filtered(
        between.orders.window, Window.parse(window), resolution=timedelta(seconds=1), timezone="Europe/Paris"
    )
    assert found == {"a": start, "b": end}


def test_orders_by_their_ids_come_whole_though_an_answer_holds_fewer():
    def reply(asked: Asked) -> Reply:
        known = [each for each in query(asked)["ids"].split(",") if each != "gone"]
        return as_json([{"id": each} for each in known[:2]]) if known else Reply(status=404)

    told = described({}, by_id={"path": "orders", "name": "ids", "many": 50})
    found, seen = asking(told, reply, lambda source: ids(source.fetch_ids(["1", "2", "gone", "3", "4", "5"])))
    assert found == ["1", "2", "3", "4", "5"]
    assert len(seen) == 4


def test_by_ids_the_list_is_asked_as_ever_but_for_what_the_file_says():
    orders = {"path": "admin/orders", "params": {"fields": "+email", "order": "updated_at"}, "at": "orders"}
    told = described(orders, by_id={"name": "id[]", "joined": False, "params": {"order": "id"}})
    found, (asked,) = asking(told, lambda _: as_json({"orders": [{"id": "7"}]}), lambda it: ids(it.fetch_ids(["7"])))
    assert found == ["7"]
    assert asked.path.startswith("/admin/orders?")
    assert query(asked) == {"fields": "+email", "order": "id", "id[]": "7"}


def test_by_ids_the_body_of_the_list_is_sent_but_for_what_the_file_says():
    """Shopware's associations and Odoo's specification say what comes, whatever is asked for."""
    body = {"domain": [["changed", ">=", ""]], "specification": {"lines": {}}}
    window = {"start": {"name": "domain[0][2]"}}
    told = described(
        {"method": "POST", "body": body, "window": window},
        by_id={"name": "domain[0][2]", "joined": False, "body": {"domain": [["id", "in", []]]}},
    )
    _, (asked,) = asking(told, lambda _: as_json([{"id": "7"}]), lambda it: ids(it.fetch_ids(["7"])))
    assert json.loads(asked.body) == {"domain": [["id", "in", ["7"]]], "specification": {"lines": {}}}


def test_a_platform_that_ignores_ids_is_told_and_not_believed():
    told = described({}, by_id={"path": "orders", "name": "idz", "many": 50})
    with pytest.raises(DriftError, match=r"2 orders came that were not asked for, and 1 of 2 that were.*'idz'"):
        asking(
            told, lambda _: as_json([{"id": n} for n in (1, 2, 3)]), lambda source: list(source.fetch_ids(["1", "9"]))
        )


def test_orders_whose_id_stands_elsewhere_are_not_passed_over():
    told = described({}, by_id={"path": "orders", "name": "ids", "many": 50})
    with pytest.raises(DriftError, match="0 of 1 that were"):
        asking(told, lambda _: as_json([{"number": 1}]), lambda source: list(source.fetch_ids(["1"])))


@pytest.mark.parametrize(
    ("at", "answer", "found"),
    [
        ("list", {"list": [{"id": 7}]}, ["7"]),
        ("list[0]", {"list": [{"id": 7}]}, ["7"]),
        ("", {"id": 7}, ["7"]),
        ("list", {"list": []}, []),
        ("list[0]", {"list": []}, []),
        ("list", {"list": None}, []),
    ],
)
def test_a_single_order_may_stand_in_a_list(at, answer, found):
    told = described({}, by_id={"path": "orders", "params": {"number": "{id}"}, "at": at})
    assert asking(told, lambda _: as_json(answer), lambda source: ids(source.fetch_ids(["7"])))[0] == found


def test_a_redirect_says_where_to():
    moved = Reply(status=301, headers={"location": "/api/orders/?key=secret-0001"})
    with pytest.raises(ConfigError, match=r"status 301 \(to http://127\.0\.0\.1:\d+/api/orders/\)"):
        asking(described({}), lambda _: moved, listed)


@pytest.mark.parametrize("reply", [Reply(status=400), Reply(body=b"<html>"), Reply(length=99)])
def test_a_key_in_the_address_stands_in_no_message_and_no_origin(reply):
    """Whatever its parameter is called, and though the platform repeats it in the address of the next page."""
    told = described({"page": {"kind": "link", "at": "next"}, "at": "list"}, auth={"kind": "query", "name": "ws"})
    with pytest.raises((DriftError, TransientError)) as caught:
        asking(told, lambda _: reply, listed)
    assert "secret-0001" not in str(caught.value)

    def pages(asked: Asked) -> Reply:
        return as_json({"list": [{"id": 1}], "next": None if "page=2" in asked.path else f"{asked.path}&page=2"})

    found, _ = asking(told, pages, lambda source: list(source.fetch(HOUR)))
    assert len(found) == 2
    assert all("secret-0001" not in page.origin for page in found)


def test_a_token_is_bought_at_another_host():
    """commercetools, bol.com: one host for tokens, another one for orders."""

    def shop(asked: Asked) -> Reply:
        return as_json([{"id": 1}]) if asked.headers.get("authorization") == "Bearer t" else Reply(status=401)

    with serve(lambda asked: as_json({"access_token": "t"} if asked.path == "/oauth/token" else {})) as (tokens, _):
        auth = {
            "kind": "token", "path": f"{tokens}/oauth/token", "send": "form", "basic": True, "token": "access_token",
            "constants": {"grant_type": "client_credentials"},
        }  # fmt: skip
        assert asking(described({}, auth=auth), shop, listed)[0] == ["1"]


@pytest.mark.parametrize(("login", "password"), [("key", None), (None, Secret("key"))])
def test_http_basic_takes_a_key_alone(login, password):
    """PrestaShop: the key as login, and no password."""

    def reply(asked: Asked) -> Reply:
        return (
            as_json([]) if asked.headers["authorization"] in {"Basic a2V5Og==", "Basic OmtleQ=="} else Reply(status=401)
        )

    told = described({}, auth={"kind": "basic"})
    assert asking(told, reply, listed, login=login, password=password)[0] == []
    with pytest.raises(ConfigError, match="connection loopback: its password is empty"):
        asking(told, reply, listed, login=None, password=None)


def test_a_selection_of_an_id_in_a_query_is_no_place_for_an_orders_id():
    told = described(
        {"query": "query { orders { id } }", "at": "data.orders"},
        "graphql",
        by_id={
            "query": "query($o: ID!) { order(id: $o) { id customer {id} } }",
            "params": {"o": "{id}"},
            "at": "data.o",
        },
    )
    (found, seen) = asking(told, lambda _: as_json({"data": {"o": {"id": "A7"}}}), lambda it: ids(it.fetch_ids(["A7"])))
    sent = json.loads(seen[0].body)
    assert found == ["A7"]
    assert sent["variables"] == {"o": "A7"}
    assert sent["query"].endswith("customer { id } } }")


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ({"window": {"start": {"name": "a", "form": "isoo"}}}, "'isoo' is none of epoch, epoch_ms, iso, iso_ms"),
        ({"window": {"start": {"name": "a", "form": "%s"}}}, "'%s' is none of epoch"),
        ({"page": {"kind": "page", "name": "limit", "size": {"name": "limit", "value": 9}}}, "both the page and its"),
        ({"body": {"filter": []}, "window": {"start": {"name": "filter[0].gte"}}}, "'filter.0..gte' leads nowhere"),
    ],
)
def test_a_request_that_could_only_be_wrong_is_refused_with_the_file(orders, message):
    with pytest.raises(ValidationError, match=message):
        described(orders)


def test_json_is_read_behind_a_byte_order_mark():
    answer = Reply(body=b'\xef\xbb\xbf[{"id": 1}]')
    assert asking(described({}), lambda _: answer, listed)[0] == ["1"]


@pytest.mark.parametrize("secret", ["sesame\n", " sesame"])
def test_a_secret_with_a_line_break_is_told_as_such_and_not_shown(secret):
    told = described({}, auth={"kind": "header", "name": "x-key"})
    with pytest.raises(ConfigError, match="a line break or a blank around a secret") as caught:
        asking(told, lambda _: as_json([]), listed, password=Secret(secret))
    assert "sesame" not in str(caught.value)
    with pytest.raises(ValidationError, match="'Zürich' is no value that HTTP allows"):
        described({}, headers={"x-shop": "Zürich"})


@pytest.mark.parametrize(
    "page",
    [
        {"kind": "page", "name": "page", "size": {"name": "limit", "value": 9}, "total": "hits"},
        {"kind": "cursor", "name": "after", "at": "hits"},
        {"kind": "link", "at": "hits"},
    ],
)
def test_an_object_where_one_value_was_named_is_told_with_its_place(page):
    with pytest.raises(DriftError, match="a list or an object stands at hits"):
        asking(described({"page": page, "at": "list"}), lambda _: as_json({"hits": {"total": 1}, "list": []}), listed)


def test_a_lifetime_that_is_no_number_of_seconds_is_told_with_its_place():
    auth = {"kind": "token", "path": "t", "token": "t", "expires_in": "until", "password_as": "key"}
    with pytest.raises(DriftError, match=r"at until .*auth\.lifetime instead"):
        asking(described({}, auth=auth), lambda _: as_json({"t": "a", "until": "2026-03-01T13:00:00Z"}), listed)
