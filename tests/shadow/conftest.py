"""Staging as the tests of staging have it, and the channel and the OMS of the tests of delivery."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline_load"))

from staging_fixtures import ask, migrated, store, template

__all__ = ["ask", "migrated", "store", "template"]
