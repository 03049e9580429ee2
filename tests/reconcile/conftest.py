import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline_load"))

import pytest
from staging_fixtures import ask, migrated, store, template

__all__ = ["ask", "migrated", "store", "template"]


@pytest.fixture
def shop(sandbox, store, migrated, tmp_path):
    return sandbox.world(store, migrated, tmp_path)
