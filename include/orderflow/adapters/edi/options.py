"""What every interchange channel file may say in its `source` block."""

from __future__ import annotations

from datetime import timedelta

from pydantic import field_validator

from orderflow.domain.channel import Duration
from orderflow.domain.source import Options


class MailboxOptions(Options):
    """The part that the standards share. The connection's address is the inbox; other folders are seen from there."""

    partner: str | None = None
    """The sender whose interchanges this channel takes, as its header spells it. Without it everybody's are taken, and
    the sender stands in front of the order number, because two buyers may use the same one."""
    files: str = "*"
    """Which names are taken, with `*` and `?`."""
    outbox: str = "out"
    """Folder that acknowledgements are written to."""
    charset: str | None = None
    """Python name of the character set that was agreed on, where files declare none or a wrong one."""
    reuses_control_numbers: bool = False
    """The sender does not count its interchanges; only a repeated content is then a repetition."""
    settle: Duration = timedelta(seconds=10)
    """How long a file must stay unchanged before it is read."""
    patience: Duration = timedelta(minutes=15)
    """How long a file that ends early may still be on its way before that is reported."""

    @field_validator("charset")
    @classmethod
    def _known_charset(cls, name: str | None) -> str | None:
        try:
            "".encode(name or "utf-8")
        except LookupError as error:
            raise ValueError(f"{name!r} is no character set; write cp1252, latin-1, utf-8 ...") from error
        return name
