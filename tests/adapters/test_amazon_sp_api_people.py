"""Whom an order of Amazon names, in both versions of the Orders API: addresses, companies, tax numbers, and masks."""

from amazon_orders import mapped, new_order, old_order


def test_an_order_without_name_and_street_says_that_people_were_hidden():
    old, new = old_order(), new_order()
    assert mapped(old).masking == "plain"
    old["order"]["ShippingAddress"] = {"City": "Española", "CountryCode": "US"}
    old["order"].pop("BuyerInfo")
    order = mapped(old)
    assert (order.masking, [each.city for each in order.contacts]) == ("masked", ["Española"])
    assert (mapped(new).masking, mapped(new).contacts) == ("masked", [])


def test_an_address_holds_company_and_district_and_no_town_twice():
    old, new = old_order(), new_order()
    place = {"CompanyName": "Größe GmbH", "District": "Bebek", "Municipality": "Española"}
    old["order"]["ShippingAddress"] |= place
    new["recipient"] = {
        "deliveryAddress": {
            "companyName": "Größe GmbH",
            "addressLine1": "88 Peña Street",
            "districtOrCounty": "Bebek",
            "city": "Española",
            "municipality": "Española",
        }
    }
    for order in (mapped(old), mapped(new)):
        to = order.contacts[0]
        assert (to.company, to.address, to.city) == ("Größe GmbH", ["88 Peña Street", "Bebek"], "Española")


def test_a_street_that_is_called_as_its_town_is_kept():
    old, new = old_order(), new_order()
    old["order"]["ShippingAddress"] |= {"AddressLine1": "Española"}
    new["recipient"] = {"deliveryAddress": {"addressLine1": "Española", "city": "Española"}}
    assert [mapped(each).contacts[0].address[0] for each in (old, new)] == ["Española", "Española"]


def test_a_business_buyer_has_a_tax_number():
    old, new = old_order(), new_order()
    old["order"]["BuyerTaxInformation"] = {"BuyerTaxRegistrationId": "DE1", "BuyerLegalCompanyName": "Größe GmbH"}
    assert [(each.role, each.company, each.tax_id) for each in mapped(old).contacts][2:] == [
        ("bill_to", "Größe GmbH", "DE1")
    ]
    registered = [
        {"entityType": "MERCHANT"},
        {"entityType": "BUYER", "legalName": "株式会社", "taxRegistrationNumber": "T1"},
    ]
    order = mapped(new | {"tax": {"taxRegistrations": registered}})
    assert [(each.role, each.name, each.tax_id) for each in order.contacts] == [("bill_to", "株式会社", "T1")]
