"""Recorded cases: what an adapter is asked, what the platform answered, and the orders that must come of it.

A case is a folder `<case>/`, in `tests/contract/cases/<adapter>` or in `cases` of the adapter's own package:

    case.yml        what is asked and answered (below)
    expected.json   {"orders": [...], "unreadable": [{"code": ..., "field": ...}]}, or {"stubs": [...]}, {"count": n}
    anything else   bodies and files that case.yml names

    about: a page that is torn in the middle
    connection: {url: "https://shop.example.test", login: ck_test, password: cs_test, extra: {}}
    options: {}                                   # the adapter's part of a channel file
    now: 2026-03-01T12:00:00Z                     # what the clock says; it goes on when somebody sleeps
    window: 2026-03-01T09:00:00Z/2026-03-01T10:00:00Z
    ask: fetch                                    # or ids, identify, count
    ids: [...]                                    # for ask: ids
    secrets: [...]                                # more secrets than the connection's, none of which may show
    balanced: true                                # false where the money equation is known not to hold
    exchanges:                                    # for platforms
      - request: {method: GET, path: /orders, query: {page: "1"}, headers: {}, json: {}, form: {}}   # a part is enough
        answers:                                  # one after the other; the last one again and again
          - {status: 200, headers: {}, json: {}}  # or text:, body: <file>, or error: timeout | refused | torn
    files:                                        # for file adapters: where in the inbox: what
      orders.csv: orders.csv
    database: orders.sql                          # for databases: the SQL that makes a SQLite one
    expect: {error: DriftError, message: ["part", "another part"], retry_after: 7}   # where an error must come

`orderflow certify ADAPTER --case CASE` prints what comes of a case, before `expected.json` is written down.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec
import yaml

from orderflow import adapters
from orderflow.domain.errors import ConfigError, RecordError
from orderflow.domain.source import Account, Adapter, Runtime, Secret, Source
from orderflow.domain.window import Window

CASES = Path(__file__).resolve().parents[4] / "tests" / "contract" / "cases"
"""Recorded cases of this project's adapters; a stranger's stand in `cases` of the adapter's package."""
DECODER = msgspec.json.Decoder(float_hook=str)
FAULTS = {
    "timeout": httpx.ReadTimeout,
    "refused": httpx.ConnectError,
    "torn": httpx.RemoteProtocolError,
}


class Unrecorded(Exception):  # noqa: N818 - says what the request was
    """A request that no recorded exchange fits: a fault of the adapter, or of the case."""


@dataclass
class Time:
    """A clock that stands still until somebody sleeps."""

    now: datetime
    slept: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        if not 0 <= seconds < 86400:
            raise ConfigError(f"{seconds} s are no wait inside a run; raise TransientError with retry_after")
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def covers(part: Any, whole: Any) -> bool:
    """Whether everything in `part` stands in `whole`."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(name in whole and covers(part[name], whole[name]) for name in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(covers, part, whole))
    return bool(part == whole)


@dataclass
class Exchange:
    request: dict[str, Any]
    answers: list[dict[str, Any]]
    folder: Path
    used: int = 0

    def fits(self, request: httpx.Request) -> bool:
        asked: dict[str, Any] = {
            "method": request.method,
            "path": request.url.path,
            "host": request.url.host,
            "query": dict(request.url.params),
            "headers": dict(request.headers),
        }
        if "json" in self.request:
            is_json = request.headers.get("content-type") == "application/json"
            asked["json"] = json.loads(request.content) if is_json else None
        if "form" in self.request:
            asked["form"] = dict(parse_qsl(request.content.decode()))
        return covers(self.request, asked)

    def answer(self, request: httpx.Request) -> httpx.Response:
        said = self.answers[min(self.used, len(self.answers) - 1)]
        self.used += 1
        if "error" in said:
            raise FAULTS[said["error"]]("recorded", request=request)
        headers = {str(name): str(value) for name, value in said.get("headers", {}).items()}
        if "body" in said:
            content = (self.folder / said["body"]).read_bytes()
        elif "json" in said:
            content = json.dumps(said["json"], ensure_ascii=False).encode()
        else:
            content = said.get("text", "").encode()
        headers.setdefault("content-type", "application/json")
        return httpx.Response(said.get("status", 200), headers=headers, content=content)


class Recorded(httpx.BaseTransport):
    """Answers from recorded exchanges; a request that no exchange fits is a fault of the adapter (or of the case)."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.exchanges = exchanges
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        for exchange in self.exchanges:
            if exchange.fits(request):
                return exchange.answer(request)
        body = request.content.decode("utf-8", "replace")[-600:]
        raise Unrecorded(f"no recorded exchange fits {request.method} {request.url} {body}")


@dataclass
class Case:
    adapter_name: str
    name: str
    folder: Path
    told: dict[str, Any]

    @property
    def adapter(self) -> Adapter:
        return adapters.find(self.adapter_name)

    @property
    def options(self) -> Any:
        return self.adapter.options(**self.told.get("options", {}))

    @property
    def window(self) -> Window:
        return Window.parse(self.told["window"])

    @property
    def secrets(self) -> list[str]:
        connection = self.told.get("connection", {})
        extra = connection.get("extra", {})
        hidden = [connection.get("password"), extra.get("access_token"), extra.get("refresh_token")]
        return [*filter(None, hidden), *self.told.get("secrets", [])]

    @property
    def expected(self) -> Any:
        return json.loads((self.folder / "expected.json").read_text())

    @property
    def talks(self) -> bool:
        """Whether this is a case of a platform rather than of files."""
        return "exchanges" in self.told

    def exchanges(self) -> list[Exchange]:
        return [Exchange(each["request"], each["answers"], self.folder) for each in self.told.get("exchanges", [])]

    def inbox(self, folder: Path) -> Path:
        """The case's files in a fresh folder, written an hour before the case's clock."""
        folder.mkdir(parents=True, exist_ok=True)
        moment = self.moment() - timedelta(hours=1)
        for place, what in self.told.get("files", {}).items():
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / what, target)
            os.utime(target, (moment.timestamp(), moment.timestamp()))
        return folder

    def moment(self) -> datetime:
        now = self.told.get("now", "2026-03-01T12:00:00Z")
        return now.replace(tzinfo=now.tzinfo or UTC) if isinstance(now, datetime) else datetime.fromisoformat(now)

    def open(self, folder: Path, *, transport: httpx.BaseTransport | None = None) -> Opened:
        """The case's source over its recorded answers (or another transport), with everything fresh."""
        time = Time(self.moment())
        recorded = Recorded(self.exchanges())
        tokens: list[Mapping[str, Any]] = []
        runtime = Runtime(clock=time.clock, sleep=time.sleep, transport=transport or recorded, on_token=tokens.append)
        connection = dict(self.told.get("connection", {}))
        if not self.talks:
            connection["url"] = str(self.inbox(folder))
        if script := self.told.get("database"):
            connection["url"] = f"sqlite://{_made(folder / 'orders.db', (self.folder / script).read_text())}"
        secret = connection.pop("password", None)
        account = Account(name="recorded", password=Secret(secret) if secret else None, **connection)
        source = self.adapter.open(self.options, account, runtime)
        return Opened(source, recorded, time, runtime, tokens)


@dataclass
class Opened:
    source: Source
    recorded: Recorded
    time: Time
    runtime: Runtime
    tokens: list[Mapping[str, Any]]


def _made(file: Path, script: str) -> Path:
    with contextlib.closing(sqlite3.connect(file)) as made:
        made.executescript(script)
    return file.resolve()


def pages(case: Case, source: Any, after: Any = None) -> list[Any]:
    """Every page that the case asks for."""
    if case.told.get("ask", "fetch") == "ids":
        return list(source.fetch_ids(case.told["ids"]))
    return list(source.fetch(case.window, after))


def outcome(case: Case, source: Any) -> dict[str, Any]:
    """What comes of a case, in the shape of `expected.json`."""
    if case.told.get("ask") == "count":
        return {"count": source.count(case.window)}
    if case.told.get("ask") == "identify":
        return {"stubs": json.loads(msgspec.json.encode(list(source.identify(case.window))))}
    return mapped(case, [record for page in pages(case, source) for record in page.records])


def mapped(case: Case, records: list[bytes]) -> dict[str, Any]:
    orders, unreadable = [], []
    for record in records:
        try:
            order = case.adapter.to_order(DECODER.decode(record), case.options)
        except RecordError as error:
            unreadable.append({"code": error.code, "field": error.field})
        else:
            orders.append(json.loads(msgspec.json.encode(order)))
    return {"orders": orders, **({"unreadable": unreadable} if unreadable else {})}


def read(folder: Path, adapter_name: str | None = None) -> Case:
    """One case; its adapter is called like the folder above, unless told otherwise."""
    told = yaml.safe_load((folder / "case.yml").read_text(encoding="utf-8"))
    return Case(adapter_name or folder.parent.name, folder.name, folder, told)


def folder_of(adapter_name: str) -> Path:
    """Where an adapter's recorded cases stand."""
    own = Path(str(importlib.import_module(adapters.package(adapter_name)).__file__)).parent / "cases"
    return own if own.is_dir() else CASES / adapter_name


def of(adapter_name: str) -> list[Case]:
    """All cases of one adapter, by name."""
    return [read(path.parent, adapter_name) for path in sorted(folder_of(adapter_name).glob("*/case.yml"))]


def every() -> list[Case]:
    """All cases of this project's adapters."""
    return [read(path.parent) for path in sorted(CASES.glob("*/*/case.yml"))]
