"""`orderflow channel schema`: what an editor is given agrees with the files that channels really have."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from orderflow import adapters
from orderflow.command import channel
from orderflow.command.app import app
from orderflow.config.document import parse
from orderflow.sandbox.conformance import cases

assert channel.schema  # importing the module registers the command
PROJECT = Path(__file__).resolve().parents[2]
FILES = [*sorted((PROJECT / "include/channels").glob("*.yml")), *sorted((PROJECT / "docs/examples").glob("*.yml"))]


@pytest.fixture(scope="module")
def printed() -> str:
    done = CliRunner().invoke(app, ["channel", "schema"], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture(scope="module")
def editor(printed: str) -> jsonschema.Draft202012Validator:
    schema = json.loads(printed)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def marked(editor: jsonschema.Draft202012Validator, text: str) -> list[str]:
    return [f"{error.json_path} {error.message}" for error in editor.iter_errors(parse(text).value)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_line_of_a_good_file_is_marked(editor, file: Path):
    assert marked(editor, file.read_text("utf-8")) == []


@pytest.mark.parametrize("name", adapters.known())
def test_no_options_of_a_recorded_case_are_marked(editor, name: str):
    told = [case.told.get("options", {}) for case in cases.of(name)]
    assert told
    whole = parse(FILES[0].read_text("utf-8")).value
    for options in told:
        source = json.loads(json.dumps({"adapter": name, "connection": "shop_tw", **options}, default=str))
        assert [each.message for each in editor.iter_errors({**whole, "source": source})] == []


@pytest.mark.parametrize(
    ("right", "wrong", "where"),
    [
        ("deadline: 10m", "deadlin: 10m", "$.schedule Additional properties are not allowed ('deadlin'"),
        ("settle: 30s", "settle: 30", "$.schedule.settle 30 is not valid"),
        ("adapter: shopify", "adapter: shopfy", "$.source.adapter 'shopfy' is not valid"),
        ("tell: [shipments]", "tell: [parcels]", "$.fulfilment {'tell': ['parcels']"),
    ],
)
def test_a_slip_is_marked_at_its_place(editor, right: str, wrong: str, where: str):
    good = (PROJECT / "include/channels/demo_shopify.yml").read_text("utf-8")
    assert right in good
    assert any(each.startswith(where) for each in marked(editor, good.replace(right, wrong)))


def test_an_adapter_of_ones_own_may_be_named_by_its_import_path(editor):
    good = (PROJECT / "include/channels/demo_shopify.yml").read_text("utf-8")
    assert marked(editor, good.replace("adapter: shopify", "adapter: my_company.蝦皮\n  店名: 旗艦店 🏬")) == []


def test_only_rules_that_a_channel_may_waive_are_offered(printed: str):
    offered = json.loads(printed)["$defs"]["Validation"]["properties"]["waive"]["items"]["enum"]
    assert "GRAND_TOTAL_MISMATCH" in offered
    assert "ORDER_ID_MISSING" not in offered


def test_the_schema_is_written_into_a_file(printed: str, tmp_path: Path):
    out = tmp_path / "通路.schema.json"
    done = CliRunner().invoke(app, ["channel", "schema", "--out", str(out)], catch_exceptions=False)
    assert (done.exit_code, str(out) in done.stdout.replace("\n", "")) == (0, True)
    assert out.read_text("utf-8") == printed
