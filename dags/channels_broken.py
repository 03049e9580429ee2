"""Every problem of every channel file, in Airflow's banner of DAG import errors; makes no DAG."""

import logging
from pathlib import Path

from orderflow.domain.errors import ConfigError
from orderflow.orchestration.dag import reading

INCLUDE = Path(__file__).resolve().parents[1] / "include"

found = reading(INCLUDE)
for warning in found.warnings:
    logging.getLogger(__name__).warning("channel file doubtful %s", warning)
if found.problems:
    raise ConfigError("\n".join(["channel files that cannot run:", *map(str, found.problems)]))
