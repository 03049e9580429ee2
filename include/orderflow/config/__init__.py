"""Channel files: read, checked and explained; and the accounts behind their connections."""

from orderflow.config.problem import Problem
from orderflow.config.reading import Reading, read

__all__ = ["Problem", "Reading", "read"]
