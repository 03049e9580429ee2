"""The only package that knows Airflow: one generated DAG per channel, and what its tasks need from the deployment."""
