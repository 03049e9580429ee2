"""The command line: the same flow without Airflow, and the tools around it."""
