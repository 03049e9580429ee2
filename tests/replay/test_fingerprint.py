"""The fingerprint changes with whatever could judge an order otherwise, and with nothing else."""

import importlib.util
import sys

from replayed import channel

from orderflow import adapters
from orderflow.pipeline.fingerprint import _sources, fingerprint

MAPPING = "def to_order(raw, options):\n    return {}\n"


def deployed(tmp_path, name, text):
    """A channel whose mapping is this module."""
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return channel(module.to_order)


def test_it_is_the_same_every_time():
    assert fingerprint(channel()) == fingerprint(channel())


def test_a_new_mapping_changes_it(tmp_path):
    texts = [MAPPING.format("1"), MAPPING.replace("{}", "None"), MAPPING.format("1")]
    found = [fingerprint(deployed(tmp_path, f"mapping_{n}", text)) for n, text in enumerate(texts)]
    assert found[0] != found[1]


def test_rules_and_cleaning_of_the_channel_file_change_it_and_its_schedule_does_not():
    same = fingerprint(channel())
    assert fingerprint(channel(clean={"lookups": {"origin": {"網": "web"}}})) != same
    assert fingerprint(channel(validate={"tolerance": "0.01"})) != same
    assert fingerprint(channel(shadow=True, alerts=["ops"])) == same


def test_it_covers_the_whole_adapter_and_what_all_mappings_share():
    adapter = adapters.find("shopify")
    sources = {path.name for path in _sources(adapter.to_order.__module__)}
    mapping = {"mapping.py", "amounts.py", "statuses.py", "records.py"}
    shared = {"order.py", "money.py", "sku.py", "clean.py", "frames.py", "steps.py", "validate.py", "schemas.py"}
    assert mapping | shared <= sources
