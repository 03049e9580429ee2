import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))

from metrics_site import ask, include, migrated, prometheus, promtool, served, store, story
from staging_fixtures import template

__all__ = ["ask", "include", "migrated", "prometheus", "promtool", "served", "store", "story", "template"]
