"""Every error Orderflow raises; the class says who has to do what.

OrderflowError
  ConfigError         fix the file or the setting      found at parse, never in the middle of a run
  SourceError         the channel (or the OMS) is the cause
    TransientError    try again                        carries retry_after
    DeniedError       call the operator                credentials, scopes, expired tokens
    DriftError        call the developer               the platform changed, or answers what nobody documented
    TooManyError      ask for less                     carries found, ceiling; a window is halved and asked again
  RecordError         quarantine this order, go on     carries code, field, value
  BalanceError        stop: in != out                  a fault of ours
"""

from __future__ import annotations


class OrderflowError(Exception):
    """Root of the tree. The message names the place, the value, what was allowed, and the cure."""


class ConfigError(OrderflowError):
    """A channel file, a setting or an argument is wrong: fix it; trying again cannot help."""


class SourceError(OrderflowError):
    """The other side (a channel's platform, an OMS) did not do its part."""


class TransientError(SourceError):
    """Trying again may help.

    `retry_after` is the number of seconds the other side asked us to wait, or None when it did not say; `status` is the
    HTTP status of its answer, or None without one.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        """Keep what it knows when the error crosses a process border."""
        return (_transient, (type(self), self.args[0], self.retry_after, self.status))


def _transient(
    cls: type[TransientError], message: str, retry_after: float | None, status: int | None
) -> TransientError:
    return cls(message, retry_after=retry_after, status=status)


class DeniedError(SourceError):
    """Credentials are wrong, expired or lack a scope: an operator must act before anything can go on."""


class DriftError(SourceError):
    """The platform answered in a shape that the adapter does not know: a developer must look."""


class TooManyError(SourceError):
    """A window holds more orders than the platform can page through; ask again for two shorter ones."""

    def __init__(self, message: str, *, found: int, ceiling: int) -> None:
        super().__init__(message)
        self.found = found
        self.ceiling = ceiling

    def __reduce__(self) -> tuple[object, ...]:
        """Keep both numbers when the error crosses a process border."""
        return (_too_many, (self.args[0], self.found, self.ceiling))


def _too_many(message: str, found: int, ceiling: int) -> TooManyError:
    return TooManyError(message, found=found, ceiling=ceiling)


class RecordError(OrderflowError):
    """One order cannot go on; it is quarantined whole, the others are not affected.

    `code` is the stable name of the rule (see the rule catalogue), `field` the dotted path in the raw record or the
    canonical order, `value` what stood there (never a buyer's data: callers pass a mask for personal fields).
    """

    def __init__(self, code: str, field: str, value: object, message: str) -> None:
        super().__init__(f"{code} at {field}: {message} (found {value!r})")
        self.code = code
        self.field = field
        self.value = value
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild with all four parts when the error crosses a process border."""
        return (type(self), (self.code, self.field, self.value, self.message))


class BalanceError(OrderflowError):
    """A stage lost or invented orders: in != out + quarantined (+ unchanged). Never continue, never retry."""


def kind_of(error: OrderflowError) -> str:
    """The class of the tree above that an error is. Its name is what people look up; a module may have one below it."""
    return next(each.__name__ for each in type(error).__mro__ if each.__module__ == __name__)
