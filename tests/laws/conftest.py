import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "staging"))

from staging_fixtures import ask, migrated, store, template

__all__ = ["ask", "migrated", "store", "template"]
