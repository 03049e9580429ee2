"""An order and a change as EDIFACT interchanges, and how the adapter reads them."""

from __future__ import annotations

from edi_messages import Dialect

from orderflow.adapters.edi.message import Message
from orderflow.adapters.edifact import ADAPTER, mapping
from orderflow.adapters.edifact.envelopes import walk

UNB = "UNB+{syntax}:3+7300000000011:14+7300000000028:14+260301:0914+{control}++++{ask}++1'"
BODY = [
    "BGM+220+PO-1+9",
    "DTM+137:20260301:102",
    "DTM+2:20260310:102",
    "FTX+DEL+++Ring på dörren?: tack",
    "RFF+CT:FRAME-77",
    "NAD+BY+7300000000011::9",
    "CTA+PD+:Zoë Nuñez",
    "COM+zoe@example.test:EM",
    "NAD+SU+7300000000028::9",
    "NAD+DP+++Zoë Nuñez+Götgatan 12 B:lgh 1304+Malmö++211 20+SE",
    "TAX+7+VAT+++:::20+S",
    "CUX+2:EUR:9",
    "ALC+A++++DI:::WELCOME10",
    "PCD+1:10",
    "MOA+8:12.90",
    "ALC+C++++FC:::Frakt",
    "MOA+8:7.90",
    "LIN+1++7350000000016:EN",
    "PIA+1+TORCH-01:SA+B-7781:IN",
    "IMD+F++:::Crème-brûlée torch",
    "QTY+21:2:PCE",
    "MOA+203:49.00",
    "PRI+AAA:24.50",
    "LIN+2++7350000000023:EN",
    "PIA+1+KNIFE-02:SA",
    "IMD+F++:::Chef knife 24?'",
    "QTY+21:1:PCE",
    "MOA+203:80.00",
    "PRI+AAA:80.00",
    "UNS+S",
    "MOA+79:129.00",
    "MOA+124:24.80",
    "MOA+86:148.80",
    "CNT+2:2",
]
CHANGE = [
    "BGM+230+CHG-9+4",
    "DTM+137:20260302:102",
    "RFF+ON:PO-1",
    "LIN+1+3+7350000000016:EN",
    "QTY+21:3:PCE",
    "MOA+203:73.50",
    "LIN+2+2",
    "UNS+S",
    "MOA+86:82.00",
    "CNT+2:2",
]


def message(lines: list[str], kind: str = "ORDERS", reference: str = "1") -> str:
    body = "".join(f"{line}'\n" for line in lines)
    return f"UNH+{reference}+{kind}:D:96A:UN:EAN008'\n{body}UNT+{len(lines) + 2}+{reference}'\n"


def interchange(
    *texts: str, syntax: str = "UNOC", control: str = "101", ask: str = "", una: str = "UNA:+.? '\n"
) -> str:
    head = una + UNB.format(syntax=syntax, control=control, ask=ask)
    return f"{head}\n{''.join(texts)}UNZ+{len(texts)}+{control}'\n"


DIALECT = Dialect(ADAPTER, walk, mapping.order_id)
read, messages, order, refusal = DIALECT.read, DIALECT.messages, DIALECT.order, DIALECT.refusal


def base(lines: list[str] = BODY) -> Message:
    return messages(interchange(message(lines)))[0]


def change(lines: list[str] = CHANGE, day: int = 2, control: str = "102") -> Message:
    return messages(interchange(message(lines, "ORDCHG"), control=control), f"2026-03-{day:02d}T09:14:00")[0]
