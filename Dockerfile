FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl postgresql-client && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/orderflow
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY dags dags
COPY plugins plugins
COPY include include
# The command `orderflow`; in a checkout the Makefile writes it.
RUN printf '#!/bin/sh\nPYTHONPATH="%s/include${PYTHONPATH:+:$PYTHONPATH}" exec "%s" -m orderflow "$@"\n' \
      /opt/orderflow /usr/local/bin/python > /usr/local/bin/orderflow && chmod +x /usr/local/bin/orderflow \
 && useradd --create-home orderflow && mkdir -p /var/lib/orderflow && chown orderflow /var/lib/orderflow
ENV PYTHONPATH=/opt/orderflow/include AIRFLOW_HOME=/var/lib/orderflow/airflow
USER orderflow
