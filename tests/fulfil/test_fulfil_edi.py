"""Partners get one answer to each order: an 855, an ORDRSP, an OrderResponse, once, whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from loop import NOW, Killed
from shop import target

from orderflow import adapters
from orderflow.adapters.edi.archive import Archive
from orderflow.domain.channel import Channel, Delivery, Fulfilment, Schedule, Validation
from orderflow.domain.source import Account, Runtime
from orderflow.domain.window import Window
from orderflow.pipeline import landing
from orderflow.pipeline.extract import acknowledge, extract
from orderflow.pipeline.flow import staged
from orderflow.pipeline.fulfil import Fulfilled, fulfil
from orderflow.pipeline.sync import sync
from orderflow.sandbox.server import oms_app, serve
from orderflow.staging import actions
from orderflow.staging.backlog import Filter
from orderflow.staging.migrate import migrate
from orderflow.staging.notices import ChannelNotices
from orderflow.staging.store import Store, connect
from orderflow.staging.vault import Vault

CASES = Path(__file__).resolve().parents[1] / "contract" / "cases"


class Partner:
    """A mailbox of one standard with the orders of its contract case, all of them pulled and in the OMS."""

    def __init__(
        self,
        adapter_name: str,
        store: Store,
        oms: str,
        folder: Path,
        changed: dict[str, str] | None = None,
        name: str = "",
    ) -> None:
        adapter = adapters.find(adapter_name)
        self.store, self.oms, self.inbox = store, oms, folder / "in"
        self.channel = Channel(
            name=name or f"{adapter_name}_partner",
            title="Partner",
            owner="ops",
            adapter_name=adapter_name,
            adapter=adapter,
            connection=adapter_name,
            options=adapter.options(settle=timedelta(0)),
            schedule=Schedule(cron="0 * * * *", start=date(2026, 1, 1)),
            validate=Validation(quarantine_at_most="100%", guards="warn"),
            oms=Delivery(target="demo"),
            fulfilment=Fulfilment(tell=["responses"]),
        )
        self.inbox.mkdir()
        for path in (CASES / adapter_name / "one_page").iterdir():
            if path.suffix in {".edi", ".xml"}:
                content = path.read_bytes()
                for old, new in (changed or {}).items():
                    content = content.replace(old.encode(), new.encode())
                (self.inbox / path.name).write_bytes(content)
        self.runtime = Runtime(clock=lambda: NOW, sleep=lambda _: None)
        window, root = Window(NOW - timedelta(hours=1), NOW), landing.folder(folder, self.channel.name, _HOUR, "run_1")
        source = self.open()
        batch = extract(self.channel, window, source, root, run_id="run_1", runtime=self.runtime)
        batch = staged(self.channel, batch, store)
        acknowledge(batch, root, source)
        sync(self.channel, store, target(oms), pause=lambda _: None)

    def open(self) -> object:
        account = Account(self.channel.name, str(self.inbox))
        return self.channel.adapter.open(self.channel.options, account, self.runtime)

    def tell(self) -> Fulfilled:
        notices = ChannelNotices(self.store.connection, self.channel.name, rest=timedelta(0))
        return fulfil(self.channel, notices, None, self.open())

    def answers(self) -> dict[str, str]:
        """What lies in the outbox, by name; acknowledgements of syntax left out."""
        return {path.name: path.read_text() for path in sorted((self.inbox / "out").glob("response-*"))}

    def orders(self, state: str = "accepted") -> int:
        with self.store.connection, self.store.connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM orderflow.notices WHERE channel = %s AND content ->> 'outcome' = %s",
                (self.channel.name, state),
            )
            return int(cursor.fetchone()[0])


_HOUR = Window(NOW - timedelta(hours=1), NOW)


@pytest.fixture(scope="module")
def store(postgres) -> Iterator[Store]:
    with closing(connect(postgres.create("responses"))) as connection:
        migrate(connection)
        yield Store(connection, Vault({"k1": bytes(32)}))


@pytest.fixture(scope="module")
def oms(tmp_path_factory) -> Iterator[str]:
    with serve(oms_app(path=tmp_path_factory.mktemp("oms") / "oms.sqlite")) as url:
        yield url


@pytest.mark.parametrize(("name", "document"), [("edi_x12", "ST*855*"), ("edifact", "ORDRSP:D:96A"), ("ubl", "AP</")])
def test_a_partner_gets_one_answer_to_each_order(store, oms, tmp_path, monkeypatch, name, document):
    partner = Partner(name, store, oms, tmp_path)
    deaths = iter([True, False])
    move = Archive._move

    def dies(self: Archive, path: str, place: str) -> None:
        """Once before the step that decides, once right after it."""
        before = next(deaths, None)
        if before is True:
            raise Killed
        move(self, path, place)
        if before is False:
            raise Killed

    monkeypatch.setattr(Archive, "_move", dies)
    for _ in range(2):
        with pytest.raises(Killed):
            partner.tell()
    ((first, text),) = partner.answers().items()
    assert document in text
    (partner.inbox / "out" / first).unlink()  # the partner takes it before we know that it was written
    told = partner.tell()
    assert (told.refused, told.open) == (0, 0)
    assert partner.orders() == 1
    assert partner.answers() == {}
    again = partner.tell()
    assert (again.noted, again.accepted) == (0, 0)


def test_an_order_that_was_given_up_is_declined_with_its_reason(store, oms, tmp_path):
    changed = {"TORCH-01": "UNKNOWN-01", "PO-2026-1001": "PO-№-2", "000000101": "000000102"}
    partner = Partner("edi_x12", store, oms, tmp_path, changed, name="edi_x12_declined")
    assert partner.tell().noted == 0, "the OMS refused it, and nobody has given it up yet"
    given_up = actions.discard(store.connection, Filter(channel=partner.channel.name), who="ann", why="not ours")
    assert given_up.done == 1
    assert partner.tell().accepted == 1
    ((name, text),) = partner.answers().items()
    assert "BAK*00*RD*PO-№-2*" in text
    assert "PO-" in name
    assert partner.orders("rejected") == 1
    assert partner.tell().accepted == 0
