"""`python -m orderflow`: everything that can be done without Airflow."""

from orderflow.command.app import main

if __name__ == "__main__":
    main()
