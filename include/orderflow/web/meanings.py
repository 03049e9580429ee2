"""What the database keeps in English, by the name it begins with: an error's class, or the code of a guard.

The name says who has to do what, in words of every language; what follows it are values and the words of others.
"""

from __future__ import annotations

import re

MEANINGS = {
    "ConfigError": "a file or a setting is wrong: whoever edited it has to mend it; trying again cannot help",
    "TransientError": "no good answer came; it is tried again by itself",
    "DeniedError": "the other side does not let us in: look at credentials, scopes and tokens, then clear the task",
    "DriftError": "the other side answers in a shape that is not known: a developer has to look; what came is kept",
    "TooManyError": "one window held more than the platform hands out; it is halved and asked again by itself",
    "BalanceError": "orders went in that did not come out: a developer has to look at once; nothing was written",
    "TOO_MANY_REFUSED": "more orders are refused than the channel file allows",
    "TOO_FEW_ORDERS": "fewer orders came than the channel file allows",
    "TOO_MANY_ORDERS": "more orders came than the channel file allows",
    "UNEXPECTEDLY_EMPTY": "no order came where there always were some",
    "VOLUME_UNUSUAL": "far more or fewer orders came than ever before",
    "AMOUNTS_IN_ANOTHER_UNIT": "all prices and totals look as if they were in another unit",
    "FIELD_GONE": "a field of the raw records is gone",
    "FIELD_NEW": "a field of the raw records is new",
    "TYPE_NEW": "a field of the raw records has a new type",
    "CATEGORY_NEW": "a field of the raw records has new categories",
}
_NAMED = re.compile(r"(?:^|; )(\w+): ")


def meanings(text: str) -> list[str]:
    """What the names at the beginning of its parts mean, each once; empty for a text without a known one."""
    return list(dict.fromkeys(MEANINGS[name] for name in _NAMED.findall(text) if name in MEANINGS))
