"""The database fixtures are those of the staging tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from staging_fixtures import ask, migrated, store, template

__all__ = ["ask", "migrated", "store", "template"]
