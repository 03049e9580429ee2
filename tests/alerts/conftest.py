"""Alerts with everything real: PostgreSQL, a mail server and a web hook on loopback; only the clock is a test's own."""

import contextlib
import email
import email.policy
import itertools
import json
import shutil
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest
from alert_shop import CHANNEL, Shop

from orderflow import config
from orderflow.staging.migrate import migrate

_names = itertools.count(1)


class Mailbox(socketserver.StreamRequestHandler):
    """Just enough of SMTP (RFC 5321) to take a message."""

    def handle(self):
        self.say("220 loopback")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                self.say("354 go on")
                lines = []
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text)
                self.server.got.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
            elif verb == "QUIT":
                self.say("221 bye")
                return
            self.say("250 ok" if not self.server.refusing else "554 no")

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.status == 200:
            self.server.got.append(SimpleNamespace(title=body["title"], text=body["message"], path=self.path))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(server, **state):
    server.got = []
    vars(server).update(state)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def mailbox():
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox), refusing=False) as server:
        yield server


@pytest.fixture
def hook():
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Hook), status=200) as server:
        yield server


@pytest.fixture
def ways(mailbox, hook):
    """The extra of the connection `orderflow_alerts`: two ways out, each with a secret in its address."""
    mail = f"mailto://127.0.0.1:{mailbox.server_address[1]}?from=watch@shop.example&to=asia@shop.example&mode=insecure"
    return {
        "config": [
            {"path": mail, "tag": "mail"},
            {"path": f"json://ops:s3cr3t-word@127.0.0.1:{hook.server_port}/hush-token", "tag": "hook"},
        ]
    }


@pytest.fixture
def channel(tmp_path):
    (tmp_path / "channels").mkdir()
    shutil.copytree(Path(__file__).resolve().parents[1] / "config" / "targets", tmp_path / "targets")
    (tmp_path / "channels" / "shop_tw.yml").write_text(CHANNEL)
    (found,) = config.read(tmp_path / "channels").channels
    return found


@pytest.fixture(scope="session")
def template(postgres):
    """Name of a database with the schema, which every test gets a copy of."""
    with contextlib.closing(psycopg2.connect(postgres.create("alerts_template"))) as connection:
        migrate(connection)
    return "alerts_template"


@pytest.fixture
def dsn(postgres, template):
    name = f"alerts_{next(_names)}"
    with contextlib.closing(psycopg2.connect(postgres.dsn())) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield postgres.dsn(name)
        connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def staging(dsn):
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        yield connection


@pytest.fixture
def shop(staging, dsn, channel, ways, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_TW", json.dumps({"conn_type": "http", "host": "https://x", "password": "p"}))
    return Shop(staging, dsn, channel, ways)


@pytest.fixture
def told(mailbox, hook):
    """Titles that came since the last call, the same by mail and by web hook."""

    def titles():
        mails = [str(each["subject"]) for each in mailbox.got]
        hooks = [each.title for each in hook.got]
        assert sorted(mails) == sorted(hooks)
        mailbox.got.clear()
        hook.got.clear()
        return mails

    return titles
