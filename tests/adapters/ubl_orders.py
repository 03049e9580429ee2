"""UBL documents: Order, OrderChange and OrderCancellation, and how the adapter reads them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderflow.adapters.edi.message import Message, to_json
from orderflow.adapters.ubl import ADAPTER, Options
from orderflow.adapters.ubl.source import FORMAT
from orderflow.domain.errors import RecordError
from orderflow.domain.order import Order

DECODE = msgspec.json.Decoder(float_hook=str).decode
SPACES = (
    'xmlns="urn:oasis:names:specification:ubl:schema:xsd:{kind}-2" '
    'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
    'xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'
)
LINE = """<cac:OrderLine><cac:LineItem><cbc:ID>{number}</cbc:ID>{status}
<cbc:Quantity unitCode="H87">{quantity}</cbc:Quantity>
<cbc:LineExtensionAmount currencyID="EUR">{total}</cbc:LineExtensionAmount>{more}
<cac:Price><cbc:PriceAmount currencyID="EUR">{price}</cbc:PriceAmount>
<cbc:BaseQuantity>{base}</cbc:BaseQuantity></cac:Price>
<cac:Item><cbc:Name>{title}</cbc:Name>
<cac:SellersItemIdentification><cbc:ID>{sku}</cbc:ID></cac:SellersItemIdentification>

<cac:StandardItemIdentification><cbc:ID schemeID="0160">07350000000016</cbc:ID></cac:StandardItemIdentification>
</cac:Item>
</cac:LineItem></cac:OrderLine>"""
PARTIES = """<cac:BuyerCustomerParty><cac:Party><cbc:EndpointID schemeID="0088">7300000000011</cbc:EndpointID>
<cac:PartyName><cbc:Name>Köket AB</cbc:Name></cac:PartyName>
<cac:PartyTaxScheme><cbc:CompanyID>SE556677889901</cbc:CompanyID></cac:PartyTaxScheme>
<cac:Contact><cbc:Name>Zoë Łukasiewicz-Nuñez</cbc:Name>
<cbc:ElectronicMail>zoe@example.test</cbc:ElectronicMail></cac:Contact>
</cac:Party></cac:BuyerCustomerParty>
<cac:SellerSupplierParty><cac:Party><cbc:EndpointID schemeID="0088">7300000000028</cbc:EndpointID></cac:Party>
</cac:SellerSupplierParty>"""
DELIVERY = """<cac:Delivery><cac:DeliveryLocation><cac:Address><cbc:StreetName>Götgatan 12 B</cbc:StreetName>
<cbc:CityName>Malmö</cbc:CityName><cbc:PostalZone>211 20</cbc:PostalZone>
<cac:Country><cbc:IdentificationCode>SE</cbc:IdentificationCode></cac:Country></cac:Address></cac:DeliveryLocation>
<cac:RequestedDeliveryPeriod><cbc:StartDate>2026-03-05</cbc:StartDate><cbc:EndDate>2026-03-10</cbc:EndDate>
</cac:RequestedDeliveryPeriod></cac:Delivery>"""
MONEY = """<cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator>
<cbc:AllowanceChargeReasonCode>95</cbc:AllowanceChargeReasonCode>
<cbc:Amount currencyID="EUR">12.90</cbc:Amount></cac:AllowanceCharge>
<cac:AllowanceCharge><cbc:ChargeIndicator>true</cbc:ChargeIndicator>
<cbc:AllowanceChargeReasonCode>FC</cbc:AllowanceChargeReasonCode>
<cbc:Amount currencyID="EUR">7.90</cbc:Amount></cac:AllowanceCharge>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">24.80</cbc:TaxAmount></cac:TaxTotal>
<cac:AnticipatedMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">129.00</cbc:LineExtensionAmount>
<cbc:PrepaidAmount currencyID="EUR">{prepaid}</cbc:PrepaidAmount>
<cbc:PayableRoundingAmount currencyID="EUR">{rounding}</cbc:PayableRoundingAmount>
<cbc:PayableAmount currencyID="EUR">{payable}</cbc:PayableAmount></cac:AnticipatedMonetaryTotal>"""


def line(number: int, sku: str, quantity: str, price: str, total: str, **told: str) -> str:
    values = {"status": "", "base": "1", "more": "", "title": f"{sku} 菜刀 🔥"} | told
    return LINE.format(number=number, sku=sku, quantity=quantity, price=price, total=total, **values)


LINES = line(1, "TORCH-01", "2", "24.50", "49.00") + line(2, "KNIFE-02", "1", "80.00", "80.00")


def document(
    kind: str = "Order",
    number: str = "PO-1",
    *,
    lines: str = LINES,
    money: str = "",
    head: str = "",
    date: str = "2026-03-01",
    profile: str = "urn:fdc:peppol.eu:poacc:trns:order:3",
    currency: str = "EUR",
) -> str:
    refers = f"<cac:OrderReference><cbc:ID>{number}</cbc:ID></cac:OrderReference>" if kind != "Order" else ""
    own = number if kind == "Order" else f"{kind}-7"
    money = money or MONEY.format(prepaid="0", rounding="0", payable="148.80")
    parts = [
        f"<cbc:CustomizationID>{profile}</cbc:CustomizationID><cbc:ID>{own}</cbc:ID>",
        f"<cbc:IssueDate>{date}</cbc:IssueDate>{head}",
        "<cbc:Note>Ring på dörren – tack!</cbc:Note>",
        f"<cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>{refers}{PARTIES}",
        (DELIVERY + money + lines) if kind != "OrderCancellation" else "",
    ]
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} {SPACES.format(kind=kind)}>{"".join(parts)}</{kind}>\n'


def message(source: str) -> Message:
    unit, interchange = FORMAT.walk([source])
    return Message(
        order_id=FORMAT.order_id(source, ""),
        kind=unit.kind,
        file="order.xml",
        sha256="0" * 64,
        sender=interchange.sender,
        sent_at=interchange.sent_at,
        rank=FORMAT.rank(unit.kind, source),
        text=source,
    )


def order(source: str, *history: str, **options: Any) -> Order:
    record = to_json(msgspec.structs.replace(message(source), history=[message(each) for each in history]))
    return ADAPTER.to_order(DECODE(record), Options(**options))


def refusal(source: str, *history: str) -> RecordError:
    with pytest.raises(RecordError) as caught:
        order(source, *history)
    return caught.value
