"""A mailbox that a partner sends X12 to: orders and changes as whole interchanges."""

from __future__ import annotations

from pathlib import Path

from drop_box import DropBox

from orderflow.adapters import edi_x12

X12 = """ISA*00*          *00*          *ZZ*BUYERCO        *ZZ*SELLERCO       *260301*0914*U*00401*{control}*0*P*>~
GS*PO*BUYERCO*SELLERCO*20260301*0914*{control}*X*004010~
{sets}GE*{count}*{control}~
IEA*1*{control}~
"""
SET = """ST*850*{reference}~
BEG*00*SA*{number}**20260301~
CUR*BY*EUR~
N1*ST*Zoë 李小龍*92*1~
PO1*1*{quantity}*EA*10*PE*VP*TORCH-01~
CTT*1~
SE*7*{reference}~
"""
CHANGE = """ST*860*{reference}~
BCH*04*SA*{number}**{sequence}*20260301~
POC*1*{code}*{quantity}**EA*10*PE*VP*TORCH-01~
CTT*1~
SE*5*{reference}~
"""


def x12(*sets: str, control: str = "000000101") -> bytes:
    return X12.format(control=control, sets="".join(sets), count=len(sets)).encode()


def one(number: str, quantity: str = "2", reference: str = "0001") -> str:
    return SET.format(number=number, quantity=quantity, reference=reference)


def change(number: str, quantity: str, sequence: str = "1", code: str = "QI", reference: str = "0001") -> str:
    return CHANGE.format(number=number, quantity=quantity, sequence=sequence, code=code, reference=reference)


def mailbox(folder: Path, url: str | None = None, **options: object) -> DropBox:
    """The mailbox of the partner who signs as BUYERCO, unless another is named."""
    return DropBox(folder, edi_x12.ADAPTER, url, **{"partner": "BUYERCO", **options})
