"""A platform that a channel file describes: values, the documented example, lists that move while they are read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import yaml
from http_server import Asked, Reply, Time, account, serve
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from orderflow import adapters
from orderflow.adapters.described.values import parse, plain
from orderflow.command import ports
from orderflow.command.app import app
from orderflow.domain.source import Secret
from orderflow.domain.window import Window

ROOT = Path(__file__).parents[2]
DAY = Window.parse("2026-03-01T00:00Z/2026-03-02T00:00Z")
REST = adapters.find("rest")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", [1]),
        ("list[].x", ["p", "q"]),
        ("list[0].x", ["p"]),
        ("list[-1].x", ["q"]),
        ("list[k=2].x", ["q"]),
        ('"dotted.key".z', ["鍵"]),
        ("list[7].x", []),
        ("nothing.at.all", []),
        ("deep[].inner[].n", [1, 2, 3]),
        ("/a.b", [1]),
        ("", [...]),
    ],
)
def test_a_path_leads_to_what_stands_there(path, found):
    raw = {
        "a": {"b": 1},
        "list": [{"k": 1, "x": "p"}, {"k": 2, "x": "q"}],
        "dotted.key": {"z": "鍵"},
        "deep": [{"inner": [{"n": 1}, {"n": 2}]}, {"inner": [{"n": 3}]}, {}],
    }
    assert parse(path).of((raw,)) == ([raw] if found == [...] else found)


@pytest.mark.parametrize("path", ["a[b", "a..[x", "a[1", 'a"b'])
def test_what_is_no_path_is_refused_with_an_example(path):
    with pytest.raises(ValueError, match=r"no path|neither"):
        parse(path)


def test_from_an_element_one_reaches_those_it_stands_in():
    raw = {"id": 7, "parcels": [{"house": "東", "items": [{"n": 1}]}, {"house": "西", "items": [{"n": 2}, {"n": 3}]}]}
    inside = parse("parcels[].items").elements((raw,))
    assert [(parse("n").of(each), parse("^.house").of(each), parse("/id").of(each)) for each in inside] == [
        ([1], ["東"], [7]),
        ([2], ["西"], [7]),
        ([3], ["西"], [7]),
    ]


def test_zero_and_false_are_values_and_nothing_is_none():
    assert [plain(each) for each in (0, False, True, "", None, "0", 10**20)] == [
        "0", "false", "true", None, None, "0", "1" + "0" * 20,
    ]  # fmt: skip


class Shop:
    """The API of docs/new-channel.md."""

    def __init__(self, orders, key="sesame", filters=True):
        self.orders, self.key, self.filters = orders, key, filters

    def __call__(self, asked: Asked) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        if asked.headers.get("x-api-key") != self.key:
            return Reply(body=b'{"code": 40100, "msg": "wrong key"}')
        size, page = int(query["limit"]), int(query["page"])
        since, until = int(query["changed_from"]), int(query["changed_to"])
        found = [order for order in self.orders if since <= int(order["changed"]) < until or not self.filters]
        body = {"code": 0, "data": {"total": len(found), "list": found[(page - 1) * size : page * size]}}
        return Reply(body=json.dumps(body).encode())


def documented():
    """The record and the source block that docs/new-channel.md shows."""
    text = (ROOT / "docs/new-channel.md").read_text()
    record, block = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1] for kind in ("json", "yaml"))
    return json.loads(record), block


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    record, block = documented()
    channels = tmp_path / "channels"
    channels.mkdir()
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets/demo.yml").write_text((ROOT / "include/targets/demo.yml").read_text())
    monkeypatch.setattr(ports, "CHANNELS", channels)
    monkeypatch.setattr(ports.channel, "__defaults__", (channels,))
    monkeypatch.delenv("AIRFLOW_CONN_ORDERFLOW_DB", raising=False)
    command, run = CliRunner(), ["channel", "try", "shop_se", "-w", str(DAY_OF_RECORD), "--json"]
    import orderflow.command.channel  # noqa: F401 - registers the commands

    made = command.invoke(app, ["channel", "new", "shop_se", "--adapter", "rest", "--folder", str(channels)])
    assert made.exit_code == 0, made.output
    file = channels / "shop_se.yml"
    text = file.read_text()
    file.write_text(
        text[: text.index("source:")]
        + block
        + text[text.index("schedule:") :].replace(TODAY.search(text)[1], "2026-01-01")
    )
    orders = [{**record, "id": record["id"] + n, "number": f"#A-{n}"} for n in range(450)]
    with serve(Shop(orders)) as (url, seen):
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_SE", json.dumps({"conn_type": "http", "host": url, "password": "sesame"}))
        tried = command.invoke(app, [*run, "--limit", "250"])
    wrong = {**record, "sum": record["sum"] + 1000}
    with serve(Shop([wrong], filters=False)) as (url, _):
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_SE", json.dumps({"conn_type": "http", "host": url, "password": "sesame"}))
        broken = command.invoke(app, ["channel", "try", "shop_se", "-w", str(DAY_OF_RECORD)])
    with serve(Shop([{**record, "state": "VERSCHOLLEN"}], filters=False)) as (url, _):
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_SE", json.dumps({"conn_type": "http", "host": url, "password": "sesame"}))
        unread = command.invoke(app, ["channel", "try", "shop_se", "-w", str(DAY_OF_RECORD)])
    with serve(Shop(orders[:3], filters=False)) as (url, _):
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_SE", json.dumps({"conn_type": "http", "host": url, "password": "sesame"}))
        noted = command.invoke(app, ["channel", "try", "shop_se", "-w", "2026-03-02T09:00Z/2026-03-02T10:00Z"])
    assert tried.exit_code == 0, tried.output
    told = json.loads(tried.stdout)
    assert (told["records"], told["mapped"], told["reasons"]) == (250, 250, {})
    assert [parse_qs(urlsplit(each.path).query)["page"] for each in seen] == [["1"], ["3"], ["2"]]
    document = told["documents"][0]
    assert document["grand_total"] == "31.9"
    assert [line["fulfilled_by"] for line in document["lines"]] == ["MUC"]
    assert "Łukasiewicz" not in tried.output, "buyers are not shown"
    assert told["unused"] == {}
    assert f"GRAND_TOTAL_MISMATCH {wrong['id']}, grand_total " in broken.output, "where, and what stands there"
    assert "Łukasiewicz" not in broken.output, "buyers are not shown"
    assert "not mapped 1 x STATUS_UNKNOWN order_status VERSCHOLLEN: it means none of" in unread.output
    assert "note 3 of 3 orders changed before the span asked for" in noted.output


DAY_OF_RECORD = "2026-03-01T09:00Z/2026-03-01T10:00Z"
TODAY = re.compile(r"start: (\S+)")


def test_a_file_is_never_overwritten(tmp_path):
    import orderflow.command.channel  # noqa: F401 - registers the commands

    (tmp_path / "shop.yml").write_text("mine")
    done = CliRunner().invoke(app, ["channel", "new", "shop", "--adapter", "rest", "--folder", str(tmp_path)])
    assert "is there already" in str(done.exception)
    assert (tmp_path / "shop.yml").read_text() == "mine"


def options(**page):
    return REST.options.model_validate(
        yaml.safe_load(
            """
            auth: {kind: header, name: x-api-key}
            id: id
            success: {at: code, good: [0]}
            orders:
              path: orders
              window: {start: {name: changed_from, form: epoch_ms}, end: {name: changed_to, form: epoch_ms}}
              page: {kind: page, name: page, size: {name: limit, value: 3}}
              at: data.list
            map: {order: {order_id: id}}
            """
        )
        | {"orders": {"path": "orders", "at": "data.list", "page": page, "window": WINDOW}}
    )


WINDOW = {"start": {"name": "changed_from", "form": "epoch_ms"}, "end": {"name": "changed_to", "form": "epoch_ms"}}
SIZE = {"name": "limit", "value": 3}


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(0, 14),
    leaving=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 13)), max_size=4),
    total=st.booleans(),
)
def test_an_order_that_leaves_the_list_while_it_is_read_hides_no_other(count, leaving, total):
    start = int(DAY.start.timestamp() * 1000)
    orders = [{"id": n, "changed": start + n} for n in range(count)]
    shop, calls = Shop(orders), []

    def reply(asked: Asked) -> Reply:
        calls.append(asked)
        for when, index in leaving:
            if when == len(calls) and index < len(orders):
                orders[index] = {**orders[index], "changed": start + 10**9}
        return shop(asked)

    told = options(kind="page", name="page", size=SIZE, **({"total": "data.total"} if total else {}))
    time = Time()
    with serve(reply) as (url, _):
        source = REST.open(told, account(url, password=Secret("sesame")), time.runtime())
        got = {msgspec.json.decode(each)["id"] for page in source.fetch(DAY) for each in page.records}
    stayed = {order["id"] for order in orders if order["changed"] < start + 10**9}
    assert stayed <= got
