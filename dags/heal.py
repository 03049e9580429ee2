"""Two Airflow DAGs: `heal` fills what the ledger misses, every few minutes; `sweep` reads
again, once a day, what is not final yet.
"""

from pathlib import Path

from orderflow.orchestration import heal_dag, sweep

INCLUDE = Path(__file__).resolve().parents[1] / "include"

heal = heal_dag.build(INCLUDE)
sweep_open_orders = sweep.build(INCLUDE)
