"""Run by Tryton's own Python: a company, its accounts, a tax, products and a user for the interface."""

import datetime as dt
import sys
from decimal import Decimal

from proteus import Model, Wizard, config

settings, database, login, password, *skus = sys.argv[1:]
connection = config.set_trytond(database=database, user="admin", config_file=settings)


def get(name):
    return Model.get(name)


def made(model, /, **values):
    record = get(model)(**values)
    record.save()
    return record


for code, digits in (("EUR", 2), ("USD", 2), ("JPY", 0)):
    currency = made(
        "currency.currency", name=code, symbol=code, code=code, digits=digits, rounding=Decimal(1).scaleb(-digits)
    )
    currency.rates.new(date=dt.date(2020, 1, 1), rate=Decimal(1))
    currency.save()
for name, code in (("Taiwan", "TW"), ("Germany", "DE"), ("United Arab Emirates", "AE"), ("United States", "US")):
    country = made("country.country", name=name, code=code)
    if code == "US":
        made("country.subdivision", name="New York", code="US-NY", type="state", country=country)
euro = get("currency.currency").find([("code", "=", "EUR")])[0]
start = Wizard("company.company.config")
start.execute("company")
start.form.party, start.form.currency = made("party.party", name="Test Company"), euro
start.execute("add")
(company,) = get("company.company").find([])
connection._context = get("res.user").get_preferences(True, connection.context)

template = get("account.account.template").find([("parent", "=", None)])[0]
chart = Wizard("account.create_chart")
chart.execute("account")
chart.form.account_template, chart.form.company = template, company
chart.execute("create_account")


def account(kind):
    return get("account.account").find([(f"type.{kind}", "=", True), ("company", "=", company.id)])[0]


chart.form.account_receivable, chart.form.account_payable = account("receivable"), account("payable")
chart.execute("create_properties")
tax = get("account.tax")(name="20 percent", description="20 percent", type="percentage", rate=Decimal("0.2"))
tax.invoice_account = tax.credit_note_account = get("account.account").find([("name", "=", "Main Tax")])[0]
tax.save()
category = get("product.category")(name="Goods", accounting=True)
category.account_expense, category.account_revenue = account("expense"), account("revenue")
category.customer_taxes.append(tax)
category.save()
accounting = get("account.configuration")(1)
accounting.default_category_account_revenue = account("revenue")
accounting.save()
(unit,) = get("product.uom").find([("name", "=", "Unit")])
for code, kind in [*((sku, "goods") for sku in skus), ("SHIP", "service")]:
    template = get("product.template")(name=f"Product {code}", default_uom=unit, type=kind, salable=True)
    template.list_price, template.account_category = Decimal("99.99"), category
    template.products[0].suffix_code = code
    template.save()
user = made("res.user", name="Orderflow", login=login, password=password)
groups = ["Sales", "Stock", "Party Administration", "Accounting Party", "Account", "Sales Administrator"]
user.groups.extend(get("res.group").find([("name", "in", groups)]))
user.companies.append(get("company.company")(company.id))
user.company = company
user.save()
