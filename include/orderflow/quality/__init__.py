"""What good orders are: the rule catalogue, pandera schemas, batch guards and the profile of raw records.

This module loads neither pandas nor pandera, so that whoever reads channel files may ask which rules and look-ups
there are.
"""

from orderflow.quality.lookups import LOOKUP_FIELDS, lookup_problems
from orderflow.quality.personal import PERSONAL, masked
from orderflow.quality.rules import RULES

__all__ = ["LOOKUP_FIELDS", "PERSONAL", "RULES", "lookup_problems", "masked"]
