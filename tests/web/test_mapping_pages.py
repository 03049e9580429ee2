"""The SKU map and the look-ups in the browser: what waits, what it could mean, and files of pairs."""

import random
import re
from datetime import UTC, datetime
from urllib.parse import unquote

from waiting import HOSTILE, line, load, order, refused_by, wait

from orderflow.domain.sku import Pair
from orderflow.staging import backlog, skus

ANN = {"who": "ann", "why": "catalogue"}


def said(answer):
    assert answer.status_code == 303, answer.text
    return unquote(answer.cookies["orderflow_said"])


def sold(store, **fields):
    """A staged order that names an article."""
    known = {"sku": "RT-250", "oms_sku": "T-0042", "title": "紅茶 250 g", "gtin": "4710000000014"}
    load(store, order("S-1", lines=[line(1, **known | fields)]), channel="channel_02")


def test_skus_that_orders_wait_for_are_shown_with_their_value_and_suggestions(client, store):
    sold(store)
    refused_by(store, "RED-TEA-250", "A-1", "A-2")
    refused_by(store, "unknown-9", "A-3", title="ساعة", gtin=None)
    page = client().get("/mapping").text
    assert "SKUs in no map: 2" in page
    assert "49.00\N{NO-BREAK SPACE}TWD" in page
    assert 'data-load="/mapping?suggest=true"' in page, "suggestions take their own time"
    assert "T-0042" not in page
    found = client().get("/mapping?suggest=true").text
    assert "<code>T-0042</code>" in found
    assert "same GTIN 4710000000014" in found
    assert "nothing known is like it" in found
    narrow = client().get("/mapping?sku=red-tea").text
    assert "RED-TEA-250" in narrow
    assert "unknown-9" not in narrow
    assert "No order waits for a SKU that fits this" in client().get("/mapping?channel=channel_03").text
    assert "RED-TEA-250" not in client("stranger").get("/mapping").text


def test_a_confirmed_suggestion_becomes_a_pair_and_wakes_its_orders(client, store, staging):
    sold(store)
    (row,) = refused_by(store, "RED-TEA-250", "A-1")
    form = {"sku": "RED-TEA-250", "oms_sku": "T-0042"}
    assert client("viewer").post("/mapping/channel_01/confirm", data=form).status_code == 403
    told = said(client().post("/mapping/channel_01/confirm", data=form))
    assert told == "Pairs added: 1. Waiting orders that the next run of their channel judges again: 1"
    (pair,) = skus.pairs(staging, "channel_01")
    assert (pair.sku, pair.oms_sku) == ("RED-TEA-250", "T-0042")
    (change,) = skus.history(staging, "channel_01", "RED-TEA-250")
    assert change.who == "editor"
    assert "same GTIN" in change.why
    assert backlog.whole(staging, row).row.replay_asked_at is not None
    assert client().post("/mapping/channel_01/confirm", data=form | {"oms_sku": "T-1"}).status_code == 400


def test_a_refused_suggestion_is_not_made_again(client, store, staging):
    sold(store)
    refused_by(store, "RED-TEA-250", "A-1")
    form = {"sku": "RED-TEA-250", "oms_sku": "T-0042", "why": "the other size"}
    assert client("viewer").post("/mapping/channel_01/refuse", data=form).status_code == 403
    assert "not suggested" in said(client().post("/mapping/channel_01/refuse", data=form))
    assert said(client().post("/mapping/channel_01/refuse", data=form)), "twice is once"
    page = client().get("/mapping?suggest=true").text
    assert "T-0042" not in page
    assert "nothing known is like it" in page
    assert client().post("/mapping/channel_01/confirm", data=form).status_code == 400
    assert said(client().post("/mapping/channel_01/set", data=form)), "by hand it can still be set"
    with staging, staging.cursor() as cursor:
        cursor.execute("SELECT who, why FROM orderflow.sku_refusals")
        assert cursor.fetchall() == [("editor", "the other size")]


def test_pairs_are_found_paged_set_ended_and_their_story_told(client, store, staging):
    skus.put(staging, [Pair(channel="channel_01", sku=f"茶-{n:03}", oms_sku=f"T-{n:03}") for n in range(150)], **ANN)
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    dated = Pair(channel="channel_01", sku="茶-x", oms_sku="T-x", valid_from=start, valid_to=end)
    skus.put(staging, [dated], **ANN)
    seen, path = [], "/mapping/pairs?text=%E8%8C%B6"
    while path:
        page = client("viewer").get(path).text
        seen += re.findall(r"sku=(%E8%8C%B6-\w+)", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found and found[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 151
    assert "from 2026-01-01 00:00 UTC until 2026-02-01 00:00 UTC" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "茶-007" in client().get("/mapping/pairs?text=T-007").text, "by the SKU of the OMS too"
    assert "No pair begins with that" in client().get("/mapping/pairs?text=%25").text
    assert client().get("/mapping/pairs?after=x").status_code == 400
    form = {"sku": "茶-001", "oms_sku": "T-new", "start": "2026-03-01", "why": "new recipe", "back": "pairs"}
    assert "ended: 1" in said(client().post("/mapping/channel_01/set", data=form))
    pairs = skus.pairs(staging, "channel_01", sku="茶-001")
    assert [(each.oms_sku, each.valid_from) for each in pairs] == [
        ("T-001", None), ("T-new", datetime(2026, 2, 28, 16, tzinfo=UTC)),
    ], "days begin in Taipei"  # fmt: skip
    close = {"sku": "茶-001", "at": "2026-04-01", "why": "sold out"}
    assert client("viewer").post("/mapping/channel_01/close", data=close).status_code == 403
    assert said(client().post("/mapping/channel_01/close", data=close)) == "ended: 1."
    story = client().get("/mapping/history?channel=channel_01&sku=茶-001").text
    for told in ("new recipe", "sold out", "<bdi>editor</bdi>"):
        assert told in story
    assert client().post("/mapping/channel_01/set", data=form | {"oms_sku": "1E+10"}).status_code == 400
    assert client().post("/mapping/channel_01/set", data=form | {"start": "soon"}).status_code == 400


def upload(client, text, **form):
    file = {"file": ("pairs.csv", text.encode() if isinstance(text, str) else text, "text/csv")}
    return client.post("/mapping/import", files=file, data=form)


def hidden(page):
    return {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("data", "name", "channel", "why")}


def test_a_file_is_checked_first_and_written_when_that_is_confirmed(client, store, staging):
    refused_by(store, "茶-250", "A-1")
    checked = upload(client(), "sku;oms_sku\r\n茶-250;T-1\r\n0012;T-2\r\n", channel="channel_01", why="spring")
    assert checked.status_code == 200
    assert "pairs.csv is in order. Pairs: 2" in checked.text
    assert "judges again: 1" in checked.text
    assert skus.pairs(staging, "channel_01") == [], "nothing is written yet"
    form = hidden(checked.text)
    assert client("viewer").post("/mapping/import/write", data=form).status_code == 403
    assert "Pairs added: 2" in said(client().post("/mapping/import/write", data=form))
    assert {pair.sku for pair in skus.pairs(staging, "channel_01")} == {"0012", "茶-250"}
    assert skus.history(staging, "channel_01", "0012")[0].why == "spring"
    again = client().get("/mapping/map.csv?channel=channel_01")
    assert "channel_01,0012,T-2,," in again.text
    assert upload(client(), again.content).status_code == 200
    assert client("stranger").get("/mapping/map.csv?channel=channel_01").status_code == 404


def test_everything_wrong_with_a_file_is_shown_at_once_and_nothing_is_written(client, staging):
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    skus.put(staging, [Pair(channel="channel_01", sku="A", oms_sku="T", valid_from=start, valid_to=end)], **ANN)
    rows = ["channel_01,1E+05,T-1", "no_shop,B,T-2", "channel_01,,T-3", "channel_01,C,T-4", "channel_01,C,T-5"]
    bad = "\n".join(["channel,sku,oms_sku", *rows])
    answer = upload(client(), bad)
    assert answer.status_code == 400
    assert "Problems in pairs.csv: 4" in answer.text
    for told in ("a spreadsheet made a number of it", "there is no such channel", "the value is missing"):
        assert told in answer.text
    clash = upload(client(), "sku,oms_sku\nA,X\n", channel="channel_01")
    assert "the map has another pair for that time" in clash.text
    assert upload(client(), b"\xff\xfe\xff", channel="channel_01").status_code == 400
    assert upload(client(), f"sku,{HOSTILE}\n", channel="channel_01").text.count("<script>alert") == 0
    assert upload(client("viewer"), bad).status_code == 403
    assert upload(client("stranger"), bad, channel="channel_01").status_code == 403
    assert client().post("/mapping/import/write", data={"data": "AAAA", "why": "x"}).status_code == 400
    assert len(skus.pairs(staging)) == 1


def test_a_large_file_comes_back_whole_from_its_check(client, staging):
    rows = "".join(f"SKU-{n},T-{n},{random.Random(n).randbytes(600).hex()}\n" for n in range(1500))
    checked = upload(client(), f"sku,oms_sku,note\n{rows}", channel="channel_01")
    assert "Pairs: 1,500" in checked.text
    form = hidden(checked.text)
    assert len(form["data"]) > 1024 * 1024, "more than a form usually holds"
    assert "Pairs added: 1,500" in said(client().post("/mapping/import/write", data=form))
    assert upload(client(), b"sku,oms_sku\n" + b"x" * 5_000_000).status_code == 400


def test_look_ups_show_the_values_that_the_file_does_not_know(client, store, site):
    file = site.state.site.include / "channels" / "channel_01.yml"
    text = file.read_text()
    file.write_text(
        text.replace("  currency: TWD\n", "  currency: TWD\n  lookups: {payment_method: {COD: cash_on_delivery}}\n")
    )
    wait(store, "A-1", "A-2")
    page = client("viewer").get("/mapping/lookups?channel=channel_01").text
    assert re.search(
        r"<code>24.5</code></bdi></th><td><code>payment_status</code></td><td class=\"n\"><a[^>]+>2<", page
    )
    assert "lookups:\n    payment_status:\n      &#39;24.5&#39;: …" in page, "ready to be written into the file"
    assert "cash_on_delivery" in page
    assert client("stranger").get("/mapping/lookups?channel=channel_01").status_code == 404
    assert "No order of channel_02 waits for a look-up" in client("stranger").get("/mapping/lookups").text


def test_an_empty_map_says_what_to_do(client):
    assert "No order waits for the map" in client().get("/mapping").text
    assert "The map is empty" in client().get("/mapping/pairs").text
    assert "You may read the map" in client("viewer").get("/mapping/import").text
