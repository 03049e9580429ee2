"""An order and a change as X12 interchanges, and how the adapter reads them."""

from __future__ import annotations

from edi_messages import Dialect

from orderflow.adapters.edi.message import Message
from orderflow.adapters.edi_x12 import ADAPTER, mapping
from orderflow.adapters.edi_x12.envelopes import walk

ISA = "ISA*00*          *00*          *ZZ*BUYERCO        *ZZ*SELLERCO       *260301*0914*U*00401*{control}*{ask}*T*>~"
LINES = [
    "BEG*00*SA*PO-1**20260301",
    "CUR*BY*USD",
    "REF*DP*KITCHEN",
    "PER*BD*Zoë Łukasiewicz-Nuñez*TE*5055550142*EM*zoe@example.test",
    "SAC*A*C310***1290*3*10*****02***WELCOME10",
    "SAC*C*D240***790**********FREIGHT",
    "DTM*002*20260310",
    "N9*L1*NOTE",
    "MSG*Ring på dörren – tack!",
    "N1*BY*BUYER CO*92*BUY01",
    "N1*ST*מרכז לוגיסטי*92*SHP01",
    "N3*88 Peña Street*Apt 4B",
    "N4*Española*NM*87532*US",
    "PO1*1*2*EA*24.5*PE*VP*TORCH-01*UP*012345678905*BP*B-7781",
    "PID*F****Crème-brûlée torch 🔥",
    "TXI*ST*3.53*8",
    "PO1*2*1*EA*80*PE*VP*KNIFE-02",
    "PID*F****菜刀 chef knife",
    "CTT*2*3",
    "AMT*TT*127.53",
]
CHANGE = [
    "BCH*04*SA*PO-1**{sequence}*20260301*****20260302",
    "POC*1*QI*3*1*EA*24.5*PE*VP*TORCH-01",
    "POC*2*DI",
    "CTT*2",
]


def transaction(kind: str, lines: list[str], reference: str = "0001") -> str:
    body = "".join(f"{line}~\n" for line in lines)
    return f"ST*{kind}*{reference}~\n{body}SE*{len(lines) + 2}*{reference}~\n"


def interchange(*sets: str, code: str = "PO", control: str = "000000101", ask: str = "0") -> str:
    head = ISA.format(control=control, ask=ask)
    group = f"GS*{code}*BUYERCO*SELLERCO*20260301*0914*{int(control)}*X*004010~\n"
    return f"{head}\n{group}{''.join(sets)}GE*{len(sets)}*{int(control)}~\nIEA*1*{control}~\n"


DIALECT = Dialect(ADAPTER, walk, mapping.order_id)
read, messages, order, refusal = DIALECT.read, DIALECT.messages, DIALECT.order, DIALECT.refusal


def base(lines: list[str] = LINES) -> Message:
    return messages(interchange(transaction("850", lines)))[0]


def change(*lines: str, sequence: str = "01", day: int = 2, control: str = "000000102") -> Message:
    told = list(lines) or CHANGE
    text = interchange(
        transaction("860", [line.format(sequence=sequence) for line in told]), code="PC", control=control
    )
    return messages(text, f"2026-03-{day:02d}T09:14:00")[0]
