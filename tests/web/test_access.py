"""Who may do what: every route is behind the login, a channel that somebody may not read does not exist for him."""

import re
from datetime import timedelta

import psutil
import psycopg2
import pytest
from web_site import NOW

from orderflow.domain.errors import TransientError
from orderflow.staging.session import transaction
from orderflow.web import app as web
from orderflow.web.access import MOST_SENT
from orderflow.web.app import ROUTERS
from orderflow.web.database import Database

OWN_TOKEN = {"/metrics", "/inbox/{channel}"}
"""For programs without a session: they carry a token, or a signature, of their own."""

VALUES = {
    "channel": "channel_01", "dag_id": "orders.channel_01", "run_id": "scheduled__2026-03-08T10:00:00+00:00",
    "number": "1", "row": "1",
}  # fmt: skip


def addresses(site):
    """Method and an address of every route, static files included."""
    for route in [*site.routes, *(each for router in ROUTERS for each in router.routes)]:
        path = route.path
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", VALUES.get(name, "1")).replace(f"{{{name}:path}}", VALUES.get(name, "1"))
        for method in sorted((route.methods or {"GET"}) - {"HEAD", "OPTIONS"}):
            yield method, path, route.path


def test_an_anonymous_request_gets_nothing_on_any_route(site, client):
    anonymous, seen = client(None), set()
    for method, path, route in addresses(site):
        answer = anonymous.request(method, path)
        assert answer.status_code in (401, 403), (method, path, answer.status_code)
        seen.add(route)
    assert {"/channels", "/coverage/{channel}/backfill", "/static/pages.css", "/order", "/"} <= seen
    assert all(not hasattr(route, "app") or hasattr(route, "endpoint") for route in site.routes), "nothing is mounted"


def test_a_viewer_decides_nothing(site, client, started, staging):
    viewer = client("viewer")
    forms = {"span": "2026-03-08T08:00Z/2026-03-08T09:00Z", "why": "because", "channel": "channel_01"}
    refused = 0
    for method, path, route in addresses(site):
        if method == "GET" or route in OWN_TOKEN:
            continue
        answer = viewer.request(method, path, data=forms)
        assert answer.status_code in (400, 403, 404, 422), (method, path, answer.status_code)
        refused += answer.status_code == 403
    assert refused >= 2
    assert not started
    with staging.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orderflow.quarantine_events")
        assert cursor.fetchone() == (0,)


def test_buttons_are_shown_only_to_those_who_may_press_them(client):
    span = "2026-03-08T00:00Z/2026-03-08T02:00Z"
    assert "Start the backfill" in client("editor").get(f"/coverage/channel_01?span={span}").text
    assert "Start the backfill" not in client("viewer").get(f"/coverage/channel_01?span={span}").text


@pytest.mark.parametrize(
    "path",
    ["/channels/channel_01", "/dag/orders.channel_01", "/coverage?channel=channel_01", "/order?channel=channel_01",
     "/coverage/channel_01?span=2026-03-08T00:00Z/2026-03-08T02:00Z"],
)  # fmt: skip
def test_a_channel_of_others_does_not_exist(client, path):
    assert client("stranger").get(path).status_code == 404
    assert client("viewer").get(path).status_code == 200


def test_a_list_shows_only_what_the_user_may_read(client):
    for path in ("/channels", "/coverage", "/order"):
        page = client("stranger").get(path).text
        assert "channel_02" in page
        assert "channel_01" not in page


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"origin": "http://testserver"}, 303),
        ({"authorization": "Bearer x", "sec-fetch-site": "cross-site"}, 303),
    ],
)
def test_another_site_cannot_decide_with_a_users_cookie(client, started, headers, status):
    editor = client()
    del editor.headers["sec-fetch-site"]
    form = {"span": "2026-03-08T08:00Z/2026-03-08T09:00Z"}
    answer = editor.post("/coverage/channel_01/backfill", data=form, headers=headers)
    assert answer.status_code == status
    assert len(started) == (status == 303)


@pytest.mark.parametrize("kind", ["Multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_nobody_makes_the_server_read_a_form_without_an_end(client, kind):
    anonymous = client(None)
    head = {"content-type": kind}
    assert anonymous.post("/mapping/import", headers=head, content=iter([b"a"])).status_code == 411
    sized = head | {"content-length": str(MOST_SENT + 1)}
    assert anonymous.post("/mapping/import", headers=sized, content=b"").status_code == 413
    assert anonymous.post("/mapping/import", headers=head, content=b"").status_code in (401, 403)


def test_pages_load_nothing_from_elsewhere_and_run_no_inline_script(client):
    answer = client().get("/channels")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    for path in ("/channels", "/coverage", "/order"):
        page = client().get(path).text
        assert "http://" not in page.replace("http://testserver", "")
        assert "<script>" not in page
        assert "onclick" not in page


def test_a_page_cannot_write_and_cannot_take_forever(dsn, staging):
    database = Database(lambda: dsn)
    with database.reading() as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("DELETE FROM orderflow.orders")
        connection.rollback()
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("8s",)
    with database.reading() as again:
        assert again is connection, "kept"
        again.close()
    with database.reading() as fresh:
        assert fresh is not connection
    database.close()


def test_a_connection_that_the_server_closed_is_replaced(dsn, staging):
    database = Database(lambda: dsn)
    with database.reading() as connection:
        pid = connection.info.backend_pid
    with staging, staging.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with database.reading() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    database.close()


@pytest.fixture
def stopped():
    """Stops the server's side of a connection, which its kernel still acknowledges for; goes on at the end."""
    held = []

    def stop(connection):
        held.append(psutil.Process(connection.info.backend_pid))
        held[-1].suspend()

    yield stop
    for process in held:
        process.resume()


@pytest.mark.parametrize(
    ("way", "milliseconds", "said"),
    [
        (Database.reading, 50, "nothing was written"),
        (Database.writing, 5, "look here later whether it was stored"),
    ],
    ids=["page", "decision"],
)
def test_nobody_waits_for_ever_for_a_server_that_hangs(dsn, staging, stopped, way, milliseconds, said):
    def asked():
        with way(Database(lambda: dsn, longest=timedelta(milliseconds=milliseconds))) as connection:
            stopped(connection)
            with transaction(connection) as cursor:
                cursor.execute("SELECT 1")

    with pytest.raises(TransientError, match=said):
        asked()


def test_a_kept_connection_whose_server_hangs_is_told_and_not_asked_again(dsn, staging, stopped):
    database = Database(lambda: dsn, longest=timedelta(milliseconds=50))
    with database.reading() as connection:
        pass
    stopped(connection)
    with pytest.raises(TransientError, match="takes connections and does not answer on them"), database.reading():
        pass
    with database.reading() as other, transaction(other) as cursor:
        cursor.execute("SELECT 1")
    database.close()


def test_a_database_that_is_down_has_a_page(client, site, tmp_path):
    site.state.site.database = Database(lambda: f"postgresql://nobody@/nothing?host={tmp_path}")
    for path in ("/channels", "/coverage", "/order?number=1"):
        answer = client().get(path)
        assert answer.status_code == 503
        assert "Staging does not answer" in answer.text
        assert "start it, or correct its connection" in answer.text


def test_a_schema_that_is_too_old_has_a_page(client, staging):
    with staging, staging.cursor() as cursor:
        cursor.execute("DROP TABLE orderflow.coverage CASCADE")
    answer = client().get("/channels")
    assert answer.status_code == 503
    assert "orderflow migrate" in answer.text


def test_what_does_not_exist_has_a_page_that_is_escaped(client):
    answer = client().get("/channels/<script>alert(1)<%2Fscript>")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def test_making_the_app_asks_neither_database_nor_clock(tmp_path):
    def never(*_):
        raise AssertionError("asked")

    web.create(lambda: None, Database(never), tmp_path, trigger=never, vault=never, clock=never)
    assert NOW.tzinfo


def forms(site):
    """Address and name of every field of every form that a route reads."""
    for router in ROUTERS:
        for route in router.routes:
            path = re.sub(r"{(\w+)(:path)?}", lambda found: VALUES.get(found[1], "1"), route.path)
            for field in route.dependant.body_params:
                yield path, field.name
    yield from (("/mapping/import/write", name) for name in ("data", "name", "channel", "why"))


def test_a_field_with_a_character_that_no_database_stores_is_refused_by_name(site, client, staging):
    seen = set()
    for path, name in forms(site):
        for sent in ({"data": {name: "a\0b 茶"}}, {"files": {name: (None, "a\0b 茶")}}):
            answer = client().post(path, **sent)
            assert answer.status_code == 400, (path, name, answer.status_code)
            assert f"The field &#39;{name}&#39; holds U+0000" in answer.text, (path, name)
        seen.add((path, name))
    assert {("/quarantine/decide", "why"), ("/mapping/channel_01/set", "oms_sku"), ("/mapping/import", "file")} <= seen
    assert len(seen) > 30
    with staging.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orderflow.quarantine_events")
        assert cursor.fetchone() == (0,)


def test_a_row_that_no_database_numbers_is_refused(client):
    answer = client().post("/quarantine/decide", data={"action": "release", "row": str(2**63), "why": "x"})
    assert (answer.status_code, "row.0: Input should be less than" in answer.text) == (422, True)


def test_a_file_with_that_character_says_so(client):
    file = ("茶.csv", "channel,sku,oms_sku\nchannel_01,茶\0,1\n".encode())
    answer = client().post("/mapping/import", files={"file": file})
    assert (answer.status_code, "U+0000" in answer.text) == (400, True)
