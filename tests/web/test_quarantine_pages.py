"""Quarantine in the browser: found, understood, decided, told, and undone."""

import re

from waiting import HOSTILE, line, load, refused_by, states, unreadable, wait

from orderflow.quality.ownership import OWNERS
from orderflow.staging import actions, backlog
from orderflow.staging.backlog import Filter
from orderflow.staging.decisions import decisions
from orderflow.web import words
from orderflow.web.decisions import DONE


def story(staging, row):
    return [(each.who, each.what, each.why) for each in backlog.whole(staging, row).story]


def said(answer):
    """What the page after a decision says."""
    from urllib.parse import unquote

    assert answer.status_code == 303, answer.text
    return unquote(answer.cookies["orderflow_said"])


def test_the_overview_counts_by_reason_sku_and_channel_with_the_value_at_risk(client, store):
    wait(store, "A-1", "A-2")
    wait(store, "B-1", channel="channel_02", codes=("PAYMENT_STATUS_UNKNOWN", "CURRENCY_UNKNOWN"), currency="EUR")
    refused_by(store, "茶-250", "C-1", channel="channel_03")
    wait(store, "D-1", channel="channel_02", codes=("CURRENCY_MISSING",), currency=None, grand_total="1.25")
    page = client().get("/quarantine").text
    assert re.search(r"<b>4</b><span>orders are open", page)
    assert re.search(r"<b>1</b><span>order is parked", page)
    assert "73.50\N{NO-BREAK SPACE}TWD" in page
    assert "24.50\N{NO-BREAK SPACE}EUR" in page
    assert "1.25\N{NO-BREAK SPACE}without currency" in page, "as on the page of all channels"
    groups = re.findall(r'href="/quarantine\?(reason|sku|channel)=([^"&]+)"', page)
    assert ("reason", "PAYMENT_STATUS_UNKNOWN") in groups
    assert ("sku", "%E8%8C%B6-250") in groups
    assert {name for kind, name in groups if kind == "channel"} == {"channel_01", "channel_02", "channel_03"}


def test_the_list_is_narrowed_by_everything_that_a_decision_can_be_narrowed_by(client, store):
    (first, *_) = wait(store, "A-1", "A-2")
    wait(store, "訂單-😀", channel="channel_02", codes=("CURRENCY_UNKNOWN",))
    refused_by(store, "茶-250", "ط-1", channel="channel_03")
    actions.assign(store.connection, [first], to="mei", who="ann", why="x")
    actions.park(store.connection, [first], who="ann", why="x")

    def listed(query):
        page = client().get(f"/quarantine?{query}").text
        return set(re.findall(r'name="row" value="\d+" aria-label="([^"]+)"', page))

    assert listed("") == {"A-1", "A-2", "訂單-😀", "ط-1"}
    assert listed("channel=channel_02") == {"訂單-😀"}
    assert listed("reason=CURRENCY_UNKNOWN") == {"訂單-😀"}
    assert listed("sku=%E8%8C%B6-250") == {"ط-1"}
    assert listed("state=parked") == {"A-1", "ط-1"}
    assert listed("owner=catalogue+team") == {"ط-1"}
    assert listed("assignee=mei") == {"A-1"}
    assert listed("assignee=-&state=open") == {"A-2", "訂單-😀"}
    assert listed("text=A-") == {"A-1", "A-2"}
    assert listed("text=%25") == set()
    assert "Nothing in quarantine fits this" in client().get("/quarantine?text=nothing").text
    assert client().get("/quarantine?state=lost").status_code == 400
    assert client().get("/quarantine?after=yesterday").status_code == 400


def test_pages_of_the_list_follow_each_other(client, store):
    wait(store, *(f"A-{number}" for number in range(60)))
    seen, path = [], "/quarantine?reason=PAYMENT_STATUS_UNKNOWN"
    while path:
        page = client().get(path).text
        seen += re.findall(r'name="row" value="(\d+)"', page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found and found[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 60


def test_one_order_is_shown_side_by_side_without_personal_data(client, store):
    (row,) = wait(store, "訂單-😀", codes=("PAYMENT_STATUS_UNKNOWN",), buyer_id="王小明-77")
    page = client("viewer").get(f"/quarantine/{row}").text
    assert "Payment_status is none of" in page
    assert "Map the platform&#39;s status to one of these" in page
    assert "&#34;name&#34;: &#34;xxx&#34;" in page, "raw, masked"
    assert "<code>lines.<wbr>1.<wbr>sku</code>" in page
    assert '<tr class="broken"><th scope="row"><code>grand_<wbr>total</code>' in page
    assert "王" not in page, "not even a family name of one character"
    assert "xxx-99" in page, "the buyer's id by its shape"
    assert "<button" not in page, "a viewer decides nothing"


def test_revealing_is_written_down_before_anything_is_shown(client, store, staging):
    (row,) = wait(store, "A-1", buyer_id="王小明-77")
    assert client().post(f"/quarantine/{row}/reveal", data={"why": " "}).status_code == 400
    page = client().post(f"/quarantine/{row}/reveal", data={"why": "the buyer calls"})
    assert page.status_code == 200
    assert "&#34;name&#34;: &#34;王小明&#34;" in page.text
    assert "王小明-77" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert ("editor", "revealed", "the buyer calls") in story(staging, row)
    assert client("viewer").post(f"/quarantine/{row}/reveal", data={"why": "curious"}).status_code == 403
    assert len([what for _, what, _ in story(staging, row) if what == "revealed"]) == 1


def test_what_comes_from_a_channel_is_escaped_everywhere(client, store):
    (row,) = wait(store, HOSTILE, lines=[line(1, sku=HOSTILE, title=f"{HOSTILE} {{{{ 7 * 7 }}}}")])
    actions.assign(store.connection, [row], to=HOSTILE, who=HOSTILE, why=HOSTILE)
    for path in ("/quarantine", f"/quarantine/{row}", "/quarantine?text=%22%3E%3Cscript%3E"):
        page = client().get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    bulk = client().post("/quarantine/decide", data={"action": "park", "row": row, "asked": f"sku={HOSTILE}"}).text
    assert "<script>alert" not in bulk


def test_releasing_says_what_happens_next_and_is_undone_until_then(client, store, staging, started):
    (row,) = wait(store, "A-1")
    answer = client().post(f"/quarantine/{row}/decide", data={"action": "release", "why": "fixed in the shop"})
    assert "judges again" in said(answer)
    assert states(staging) == {"A-1": "released"}
    assert ("editor", "released", "fixed in the shop") in story(staging, row)
    page = client().get(f"/quarantine/{row}").text
    assert "due 2026-03-08 21:00\N{NO-BREAK SPACE}CST (Asia/Taipei), in 53 min" in page, (
        "12:07 UTC is 20:07 in Taipei; the cron is hourly"
    )
    client().post(f"/quarantine/{row}/replay")
    assert [(dag, conf, who) for dag, _, conf, who in started] == [
        ("replay", {"channel": "channel_01", "what": "could leave quarantine", "dry_run": False}, "editor")
    ]
    undone = client().post(f"/quarantine/{row}/decide", data={"action": "reopen", "why": "too early"})
    assert "Open again: 1." in said(undone)
    assert states(staging) == {"A-1": "open"}


def test_a_rule_is_let_pass_for_the_content_that_the_order_has(client, store, staging):
    (row,) = wait(store, "A-1")
    form = {"action": "release", "why": "the till's own word", "waive": "PAYMENT_STATUS_UNKNOWN"}
    assert client().post(f"/quarantine/{row}/decide", data=form).status_code == 303
    assert decisions(staging, "channel_01").waived["A-1"].codes == {"PAYMENT_STATUS_UNKNOWN"}
    (other,) = wait(store, "A-2", codes=("CURRENCY_MIXED",))
    assert "cannot be let pass" in client().get(f"/quarantine/{other}").text
    stubborn = client().post(f"/quarantine/{other}/decide", data=form | {"waive": "CURRENCY_MIXED"})
    assert stubborn.status_code == 400
    assert "cannot be waived" in stubborn.text
    assert states(staging)["A-2"] == "open"


def test_an_edit_is_kept_released_and_withdrawn(client, store, staging, site):
    (row,) = wait(store, "A-1")
    form = {
        "path": ["payment_status", "lines.1.sku", "contacts.1.phone", "order_number", ""],
        "value": ["paid", "茶-1", "+886900", "", ""], "empty": ["3"], "why": "asked the shop",
    }  # fmt: skip
    assert "Corrected and released" in said(client().post(f"/quarantine/{row}/edit", data=form))
    held = {each.path: each.value for each in decisions(staging, "channel_01", site.state.site.vault()).edits["A-1"]}
    assert held == {
        "payment_status": "paid", "lines.1.sku": "茶-1", "contacts.1.phone": "+886900", "order_number": None,
    }  # fmt: skip
    page = client().get(f"/quarantine/{row}").text
    assert "+886900" not in page, "a personal value is sealed"
    assert "(personal)" in page
    (edit, *_) = re.findall(r'name="edit" value="(\d+)"', page)
    assert client("viewer").post(f"/quarantine/{row}/withdraw", data={"edit": edit, "why": "x"}).status_code == 403
    assert said(client().post(f"/quarantine/{row}/withdraw", data={"edit": edit, "why": "wrong"}))
    assert client().post(f"/quarantine/{row}/withdraw", data={"edit": edit, "why": "again"}).status_code == 400
    assert len(decisions(staging, "channel_01", site.state.site.vault()).edits["A-1"]) == 3


def test_an_edit_that_is_wrong_keeps_what_was_written_and_says_everything_at_once(client, store, staging):
    (row,) = wait(store, "A-1")
    form = {"path": ["order_id", "lines.9.sku", "colour"], "value": ["B", "茶", "red"], "why": "because"}
    answer = client().post(f"/quarantine/{row}/edit", data=form)
    assert answer.status_code == 400
    for told in (
        "order_id: this is the order&#39;s identity",
        "the order has 1 lines",
        "an order has no field &#39;colour&#39;",
    ):
        assert told in answer.text
    for kept in ('value="lines.9.sku"', 'value="茶"', 'value="because"'):
        assert kept in answer.text
    assert states(staging) == {"A-1": "open"}


def test_parking_handing_over_and_discarding_one_order(client, store, staging):
    first, second = wait(store, "A-1", "A-2")
    assert (
        client().post(f"/quarantine/{first}/decide", data={"action": "park", "why": "asks the buyer"}).status_code
        == 303
    )
    assert client().post(f"/quarantine/{second}/decide", data={"action": "discard", "why": "a test"}).status_code == 303
    assert states(staging) == {"A-1": "parked", "A-2": "discarded"}
    assert client().post(f"/quarantine/{first}/decide", data={"action": "assign", "to": "美"}).status_code == 303
    assert backlog.whole(staging, first).row.assignee == "美"
    assert client().post(f"/quarantine/{first}/decide", data={"action": "park", "why": "again"}).status_code == 400
    assert client().post(f"/quarantine/{first}/decide", data={"action": "release"}).status_code == 400, "no reason"
    assert client().post(f"/quarantine/{first}/decide", data={"action": "burn", "why": "x"}).status_code == 422


def decide(client, **form):
    return client().post("/quarantine/decide", data=form)


def test_a_bulk_decision_is_counted_first_and_done_when_confirmed(client, store, staging):
    wait(store, "A-1", "A-2")
    wait(store, "B-1", channel="channel_02")
    wait(store, "C-1", codes=("CURRENCY_UNKNOWN",))
    form = {"action": "release", "scope": "all", "asked": "reason=PAYMENT_STATUS_UNKNOWN"}
    asked = decide(client, **form)
    assert asked.status_code == 200
    assert "Release 3 orders?" in asked.text
    assert "73.50" in asked.text
    assert "channel_01, channel_02" in asked.text
    assert set(states(staging).values()) == {"open"}, "nothing is done before it is confirmed"
    unsaid = decide(client, **form, counted=3)
    assert "say why" in unsaid.text
    assert set(states(staging).values()) == {"open"}
    done = decide(client, **form, counted=3, why="the mapping knows it now")
    assert said(done).startswith("Released: 3.")
    assert done.headers["location"] == "/quarantine?reason=PAYMENT_STATUS_UNKNOWN"
    assert states(staging) == {"A-1": "released", "A-2": "released", "B-1": "released", "C-1": "open"}


def test_a_count_that_has_changed_is_shown_again_instead_of_decided(client, store, staging):
    wait(store, "A-1")
    form = {"action": "discard", "scope": "all", "asked": "channel=channel_01", "why": "tests"}
    wait(store, "A-2")
    answer = decide(client, **form, counted=1)
    assert answer.status_code == 200
    assert "has changed" in answer.text
    assert "Discard 2 orders?" in answer.text
    assert set(states(staging).values()) == {"open"}


def test_ticked_orders_are_decided_and_a_decision_is_undone_as_a_whole(client, store, staging):
    first, second, third = wait(store, "A-1", "A-2", "A-3")
    actions.park(store.connection, [third], who="ann", why="first")
    form = {"action": "park", "row": [first, second, third], "why": "later"}
    asked = decide(client, **form)
    assert "Park 2 orders?" in asked.text
    assert "is parked already, by ann" in asked.text
    assert said(decide(client, **form, counted=2))
    page = client().get("/quarantine").text
    decision = re.search(r'name="decision" value="([^"]+~editor)"', page)[1].replace("&#43;", "+")
    undo = {"action": "reopen", "scope": "decision", "decision": decision}
    assert "Reopen 2 orders?" in decide(client, **undo).text
    assert said(decide(client, **undo, counted=2, why="changed my mind"))
    assert states(staging) == {"A-1": "open", "A-2": "open", "A-3": "parked"}
    assert decide(client, **undo).status_code == 400, "nothing is left to undo"
    came = {"referer": "http://testserver/quarantine?state=open"}
    unticked = client().post("/quarantine/decide", data={"action": "park"}, headers=came)
    assert unticked.status_code == 400
    assert f'href="{came["referer"]}">Back to the page before' in unticked.text
    assert decide(client, action="park", scope="decision", decision="x").status_code == 400
    assert decide(client, action="park", scope="all", asked="colour=red").status_code == 400


def test_a_rule_is_let_pass_in_bulk_only_where_the_list_is_narrowed_to_it(client, store, staging):
    wait(store, "A-1", "A-2")
    wait(store, "A-3", codes=("PAYMENT_STATUS_UNKNOWN", "CURRENCY_UNKNOWN"))
    form = {"action": "release", "scope": "all", "asked": "reason=PAYMENT_STATUS_UNKNOWN"}
    assert 'name="waive"' in decide(client, **form).text
    assert 'name="waive"' not in decide(client, **form | {"asked": ""}).text
    done = decide(client, **form, waive="PAYMENT_STATUS_UNKNOWN", counted=3, why="x")
    assert "Release 2 orders?" in done.text, "one breaks another rule as well"
    assert "breaks other rules as well: CURRENCY_UNKNOWN" in done.text


def test_nobody_decides_about_what_he_may_only_read_or_not_see(client, store, staging, started):
    (mine,) = wait(store, "A-1")
    form = {"why": "because", "counted": 1}
    for name, status in (("viewer", 403), ("stranger", 404)):
        assert client(name).post(f"/quarantine/{mine}/decide", data={"action": "park", **form}).status_code == status
        assert client(name).post(f"/quarantine/{mine}/replay").status_code == status
    for name in ("viewer", "stranger"):
        for scope in ("selected", "all"):
            answer = client(name).post(
                "/quarantine/decide", data={"action": "park", "scope": scope, "row": mine, **form}
            )  # fmt: skip
            assert answer.status_code == 403, (name, scope)
    assert client("stranger").get(f"/quarantine/{mine}").status_code == 404
    assert client("stranger").get("/quarantine?channel=channel_01").status_code == 404
    assert "A-1" not in client("stranger").get("/quarantine?state=any").text
    assert client(None).post("/quarantine/decide", data={"action": "park", "row": mine}).status_code == 401
    cross = client().post(
        "/quarantine/decide", data={"action": "park", "row": mine}, headers={"sec-fetch-site": "cross-site"}
    )
    assert cross.status_code == 403
    assert states(staging) == {"A-1": "open"}
    assert not started


def test_a_record_that_names_no_order_and_one_that_the_oms_refused_have_pages_that_say_so(client, store):
    load(store, channel="channel_01", refused=[unreadable(0)], raw=[b"\xff\xfe no json 0912345678"])
    (row,) = [each.id for each in backlog.page(store.connection, Filter()).rows]
    page = client().get(f"/quarantine/{row}").text
    assert "It could not be read" in page
    assert "0912345678" not in page
    assert "Correct and release" not in page
    assert "a record that names no order" in client().get("/quarantine").text


def test_without_the_vaults_key_the_page_says_which_one_is_missing(client, store, site):
    from orderflow.domain.errors import ConfigError

    (row,) = wait(store, "A-1")

    def missing():
        raise ConfigError("the Airflow variable 'orderflow_vault_key' is missing")

    site.state.site.vault = missing
    page = client().get(f"/quarantine/{row}")
    assert page.status_code == 200
    assert "orderflow_vault_key" in page.text


def test_an_empty_quarantine_says_what_that_means_in_both_languages(client):
    assert "Nothing waits: every order that was pulled went on" in client().get("/quarantine").text
    chinese = client("editor", "zh-TW").get("/quarantine").text
    assert "<h1>隔離區</h1>" in chinese


def test_rules_say_their_meaning_and_cure_in_the_language_of_the_page(client, store):
    (row,) = wait(store, "訂單-1", codes=("CURRENCY_UNKNOWN",))
    chinese = client("editor", "zh-TW").get(f"/quarantine/{row}").text
    assert "幣別不在 ISO 4217 中。" in chinese
    assert "或列入 clean.lookups.currency。" in chinese
    assert "a currency is not in ISO 4217" not in chinese
    assert "幣別不在 ISO 4217 中。" in client("editor", "zh-TW").get("/quarantine").text
    assert "A currency is not in ISO 4217." in client().get(f"/quarantine/{row}").text


def test_what_code_says_is_translated_too():
    named = {*DONE.values(), *OWNERS, "went on", "revealed", "assigned", "reopened", "edit withdrawn", "superseded"}
    assert not named - set(words.chinese())
