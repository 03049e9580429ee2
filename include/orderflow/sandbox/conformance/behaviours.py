"""Every behaviour that a certificate lists: what it promises, and what shows that it holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from orderflow.sandbox.conformance import contract, mailbox, played, troubled
from orderflow.sandbox.conformance.contract import Check
from orderflow.sandbox.conformance.subject import Subject
from orderflow.sandbox.conformance.tried import Tried

Play: TypeAlias = Callable[[Subject, Path], Tried]


class Behaviour(NamedTuple):
    """`cases` are the beginnings of the names of recorded cases that are about it.

    `each` are checks that every good fetching case has to pass, `answers` what the first case's platform answers to
    everything, `play` is tried against the simulated platform, `files` is the form of it for files. `absent` says why
    files have no such thing, `only_files` why platforms have none.
    """

    name: str
    promise: str
    cases: tuple[str, ...] = ()
    each: tuple[Check, ...] = ()
    answers: tuple[str, ...] = ()
    play: Play | None = None
    files: Play | None = None
    absent: str | None = None
    only_files: str | None = None


_NO_PLATFORM = "files: no platform answers"
_ARRIVAL = "files follow arrival, not modified time"

BEHAVIOURS = (
    Behaviour("one page", "a page of records becomes exactly its orders", ("one_page",)),
    Behaviour(
        "many pages", "all pages are read, and reading goes on behind any of them", ("several_pages", "pages_that"),
        each=(contract.goes_on_behind_each_page,), play=played.pages,
    ),
    Behaviour("empty window", "no orders are no error", ("empty", "nothing_there"), play=played.empty),
    Behaviour(
        "same again", "asking twice gives the same, and every page tells where it came from",
        each=(contract.gives_the_same_again, contract.has_origins_and_cursors),
    ),
    Behaviour(
        "window edges", "the first and the last second of a half-open window belong to it",
        play=played.edges, absent=_ARRIVAL,
    ),
    Behaviour(
        "burst at an edge", "more orders in one second than a page holds, at both ends of a window, all arrive",
        play=played.burst, absent=_ARRIVAL,
    ),
    Behaviour(
        "late visibility", "what lists show late, within the settle lag, is in this window or the next",
        ("slow",), play=played.late, absent=_ARRIVAL,
    ),
    Behaviour(
        "edits while paging", "orders that change and move between pages are not lost", ("several_pages_list_grew",),
        play=played.shifted, absent=_ARRIVAL,
    ),
    Behaviour(
        "throttling", "the platform's waits are kept, short ones in the run, long ones by the scheduler",
        ("throttled", "busy", "too_costly", "too_many"), answers=("429",), play=troubled.throttled, absent=_NO_PLATFORM,
    ),
    Behaviour(
        "expired or denied", "a token is renewed where it can be, and an operator is told where it cannot",
        ("token_expired", "expired_token", "authorisation_ended", "denied", "refused", "wrong_password", "scope",
         "role_missing", "frozen", "old_window_denied"),
        answers=("401", "403"), play=troubled.expired, absent=_NO_PLATFORM,
    ),
    Behaviour(
        "error in a 200", "an error with status 200 never passes for an empty window",
        ("error_", "bad_criteria"), answers=("other shape", "nothing"), absent=_NO_PLATFORM,
    ),
    Behaviour(
        "torn answer", "half an answer, or none, is asked for again and never taken",
        ("torn", "left_torn", "left_unended", "lost_header"), answers=("torn", "503", "refused"), play=troubled.torn,
        files=mailbox.torn,
    ),
    Behaviour(
        "web page", "a maintenance or login page is no answer", ("notice_before_json",), answers=("web page", "moved"),
        play=troubled.web_page, absent=_NO_PLATFORM,
    ),
    Behaviour(
        "drift", "a shape that nobody documented stops the run and names the place", ("drift",),
        answers=("garbage", "other shape"), absent="files: an unknown shape is one document's, see `bad record`",
    ),
    Behaviour(
        "bad record", "a record that cannot be read is quarantined by name, and its neighbours go on",
        ("unreadable", "drift_in_one", "cells_in_doubt", "left_"), play=played.bad_record,
    ),
    Behaviour(
        "unknown status", "a status that nobody documented is kept, told and never guessed", ("states",),
        play=played.unknown_status, absent="files: values are mapped as the channel file says",
    ),
    Behaviour("ids as text", "ids and amounts are text, whatever they came as", each=(contract.has_typed_fields,)),
    Behaviour("money adds up", "the money equation holds in both currencies", each=(contract.adds_up,)),
    Behaviour(
        "by id", "single orders by their ids; ids that are not there are absent, and told",
        ("by_id", "detail_missing", "items_missing", "parts_missing"), play=played.by_id,
        absent="files: nothing can be asked for",
    ),
    Behaviour(
        "second list", "an independent list for reconciliation agrees with the truth", ("identif",),
        play=played.second_list, absent="files: there is no second list",
    ),
    Behaviour(
        "count", "the platform's own count of a window agrees with the truth", ("count",), play=played.counted,
        absent="files: nobody counts them",
    ),
    Behaviour(
        "blind changes", "what does not move the modified time is found by the daily sweep", play=played.blind,
        absent="files: every change is a file",
    ),
    Behaviour(
        "acknowledgement", "what was acknowledged does not come again; telling twice does no harm",
        ("repeated", "left_reused"), each=(contract.may_be_told_twice,),
        only_files="pulled by window: there is nothing to acknowledge",
    ),
    Behaviour("secrets", "no secret shows in a log line, an error or a representation", each=(contract.keeps_secrets,)),
    Behaviour(
        "a whole day", "a day with edits, late changes and faults ends with 0 missing and 0 twice against the truth",
        play=played.whole_day, files=mailbox.whole_day,
    ),
)  # fmt: skip
"""In the order in which a certificate lists them."""

OTHER = Behaviour("its own traps", "what else is known of this platform or format")
"""Cases that no behaviour above is about."""
