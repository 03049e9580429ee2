import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "staging"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline_load"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oms" / "postgres"))

from staging_fixtures import template

__all__ = ["template"]
