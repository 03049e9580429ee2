"""The flow, one file per verb: extract, clean, validate, load, sync. No Airflow here: ports are arguments."""
