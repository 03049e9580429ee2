"""Sentences with values in them: written once, in English, and said in the language of whoever reads them."""

from __future__ import annotations

from typing import Any, Self


def said(template: str, /, **values: object) -> str:
    """The template with its `{names}` filled in: `said("{n} order|{n} orders", n=2000) == "2,000 orders"`.

    `n` is a count: written with separators, and what chooses between the forms for one and for more, where a bar parts
    them. It may be written already.
    """
    if "n" not in values:
        return template.format(**values) if values else template
    count = values["n"]
    one, _, more = template.partition("|")
    form = one if not more or str(count) == "1" else more
    return form.format(**(values | {"n": f"{count:,}" if isinstance(count, int) else count}))


class Message(str):
    """An English sentence that remembers its template and values, so that a page can say it in another language.

    A value that is a `Message` itself is said in that language, too; any other value stays as it is.
    """

    __slots__ = ("template", "values")

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: object) -> Self:
        made = super().__new__(cls, said(template, **values))
        made.template, made.values = template, values
        return made
