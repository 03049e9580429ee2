"""Certificates: what they list, that a broken adapter does not get away with it, and how people read them."""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

import orderflow.command.adapter
import orderflow.command.certify  # noqa: F401 - importing these registers their commands
from orderflow import adapters
from orderflow.adapters.catalogue import CERTIFICATES
from orderflow.command.app import app
from orderflow.domain.errors import RecordError
from orderflow.quality.pages.rendering import render
from orderflow.sandbox.conformance import contract, mailbox, played
from orderflow.sandbox.conformance.behaviours import BEHAVIOURS, OTHER
from orderflow.sandbox.conformance.certificate import RESULTS, Certificate, certify, find, summary
from orderflow.sandbox.conformance.subject import Subject

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY_NAME = {behaviour.name: behaviour for behaviour in BEHAVIOURS}


def broken(name: str, **changes) -> Subject:
    subject = Subject.of(name)
    return dataclasses.replace(subject, adapter=dataclasses.replace(subject.adapter, **changes))


class Changed:
    """A source with some of its answers changed."""

    def __init__(self, inner, change):
        self.inner = inner
        self.change = change

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def fetch(self, window, after=None):
        yield from self.change(self.inner, window, after)


def losing_the_second_page(inner, window, after):
    for number, page in enumerate(inner.fetch(window, after)):
        if number != 1:
            yield page


def test_every_behaviour_has_a_name_of_its_own_and_something_that_shows_it():
    assert len(BY_NAME) == len(BEHAVIOURS)
    assert all(each.cases or each.each or each.answers or each.play for each in BEHAVIOURS)


@pytest.mark.parametrize("name", adapters.known())
def test_the_page_of_channels_has_a_certificate_of_every_adapter_and_every_behaviour(name: str):
    kept = json.loads(CERTIFICATES.read_text(encoding="utf-8"))[name]
    assert set(kept["results"]) - {OTHER.name} == set(BY_NAME), f"run: orderflow certify {name} --keep"
    assert set(kept["results"].values()) <= set(RESULTS) - {"failed"}


def test_kept_certificates_are_of_this_project_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "certificates.json"
    path.write_text('{"gone": {}}')
    monkeypatch.setattr("orderflow.adapters.catalogue.CERTIFICATES", path)
    assert CliRunner().invoke(app, ["certify", "ubl", "--keep"]).exit_code == 0
    kept = json.loads(path.read_text())
    assert list(kept) == ["ubl"]
    assert kept["ubl"]["results"]["a whole day"] == "passed"


def test_files_are_certified_in_their_own_form(tmp_path: Path):
    made = certify(Subject.of("edi_x12"), NOW)
    results = {finding.behaviour: finding for finding in made.findings}
    assert made.holds
    assert results["a whole day"].how == ["files"]
    assert results["throttling"].result == "not offered"
    assert results["torn answer"].result == "passed"
    assert "0 missing, 0 twice" in results["a whole day"].note


@pytest.mark.parametrize("name", ["window edges", "expired or denied", "by id", "bad record", "late visibility"])
def test_a_platform_is_certified_against_its_simulation(name: str, tmp_path: Path):
    found = find(Subject.of("woocommerce"), BY_NAME[name], tmp_path)
    assert (found.result, found.wrong) == ("passed", [])
    assert "sandbox" in found.how


def test_a_page_that_gets_lost_fails(tmp_path: Path):
    opened = adapters.find("woocommerce").open
    subject = broken("woocommerce", open=lambda *told: Changed(opened(*told), losing_the_second_page))
    assert "100 of 207 orders are missing" in played.pages(subject, tmp_path).wrong[0]


def test_a_neighbour_of_a_bad_record_that_is_dropped_fails(tmp_path: Path):
    to_order = adapters.find("woocommerce").to_order
    seen: list[int] = []

    def every_second_one_fails(raw, options):
        seen.append(1)
        if len(seen) % 2:
            raise RecordError("RAW_SHAPE", "id", None, "broken on purpose")
        return to_order(raw, options)

    wrong = played.bad_record(broken("woocommerce", to_order=every_second_one_fails), tmp_path).wrong
    assert any("neighbours went on" in each for each in wrong)


def test_an_adapter_that_breaks_off_fails_and_the_others_are_still_tried(tmp_path: Path):
    def breaks(*_):
        raise KeyError("orders")

    found = find(broken("woocommerce", open=breaks), BY_NAME["empty window"], tmp_path)
    assert found.result == "failed"
    assert "KeyError: 'orders'" in found.wrong[-1]


def test_ids_that_are_numbers_fail(tmp_path: Path):
    subject = Subject.of("woocommerce")
    [case] = [each for each in subject.cases if each.name == "one_page"]
    to_order = subject.adapter.to_order

    def numbered(raw, options):
        order = to_order(raw, options)
        return msgspec.structs.replace(order, order_id=int(order.order_id))

    adapter = dataclasses.replace(subject.adapter, to_order=numbered)
    wrong = contract.has_typed_fields(_of(case, adapter), tmp_path)
    assert "Expected `str`, got `int`" in wrong[0]


def _of(case, adapter):
    """The case, mapped by another adapter."""

    class Other(type(case)):
        @property
        def adapter(self):
            return adapter

    return Other(case.adapter_name, case.name, case.folder, case.told)


def test_a_mailbox_that_forgets_what_it_acknowledged_fails(tmp_path: Path):
    subject = Subject.of("ubl")
    adapter = subject.adapter
    cases = [_of(case, dataclasses.replace(adapter, open=_forgetful(adapter.open))) for case in subject.cases]
    wrong = mailbox.whole_day(dataclasses.replace(subject, cases=cases), tmp_path).wrong
    assert any("acknowledged, and comes again" in each for each in wrong)


def _forgetful(opened):
    """Acknowledges nothing, so that everything comes again and again."""

    def open_(options, account, runtime):
        source = opened(options, account, runtime)
        source.acknowledge = lambda _: None
        return source

    return open_


def test_nothing_is_called_passed_that_was_not_tried(tmp_path: Path):
    subject = dataclasses.replace(Subject.of("woocommerce"), cases=[], platform=None)
    assert {find(subject, each, tmp_path / each.name).result for each in BEHAVIOURS} <= {"not tried", "not offered"}


def test_the_command_prints_a_table_json_and_a_page(tmp_path: Path):
    page = tmp_path / "ubl.html"
    told = CliRunner().invoke(app, ["certify", "ubl", "edifact", "--json", "--page", str(page)])
    assert told.exit_code == 0
    made = msgspec.json.decode(told.stdout, type=list[Certificate])
    assert [each.adapter for each in made] == ["ubl", "edifact"]
    html = page.read_text(encoding="utf-8")
    assert html.count('class="chip') == sum(len(each.findings) for each in made)
    assert "<script" not in html
    assert "Everything that was tried holds." in html
    shown = CliRunner().invoke(app, ["certify", "ubl"]).stdout
    assert "a whole day" in shown


def test_a_failed_certificate_says_so_and_is_escaped():
    made = certify(dataclasses.replace(Subject.of("ubl"), cases=[]), NOW)
    finding = msgspec.structs.replace(made.findings[0], result="failed", wrong=["<b>מחסן 倉庫 🏬</b>"])
    html = render("conformance.html", certificates=[msgspec.structs.replace(made, findings=[finding])], made_at=NOW)
    assert "does not hold" in html
    assert "&lt;b&gt;מחסן 倉庫 🏬&lt;/b&gt;" in html


def test_what_comes_of_a_case_can_be_read_before_it_is_expected():
    told = CliRunner().invoke(app, ["certify", "ubl", "--case", "one_page"])
    [case] = [each for each in Subject.of("ubl").cases if each.name == "one_page"]
    assert json.loads(told.stdout) == case.expected


@pytest.mark.soak
@pytest.mark.skipif(not os.environ.get("ORDERFLOW_SOAK"), reason="minutes: ORDERFLOW_SOAK=1 runs it")
@pytest.mark.parametrize("name", adapters.known())
@pytest.mark.timeout(900)
def test_every_adapter_keeps_what_its_certificate_says(name: str):
    made = certify(Subject.of(name), NOW)
    assert [(finding.behaviour, finding.wrong) for finding in made.findings if finding.result == "failed"] == []
    kept = json.loads(CERTIFICATES.read_text(encoding="utf-8"))[name]
    assert json.loads(json.dumps(summary(made))) == kept, f"run: orderflow certify {name} --keep"
