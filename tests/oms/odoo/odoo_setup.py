"""Run in Odoo's own shell, which gives it `env`: products, pricelists, and a seller with an API key.

And what a target must live with: a quotation template and a coupon that mail the buyer, and no English.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

env = globals()["env"]


def made(model, **values):
    return env[model].create(values)


for sku in os.environ["SKUS"].split():
    made("product.product", name=f"Product {sku}", default_code=sku, type="consu", is_storable=True, list_price=7.77)
for code in ("SHIP", "MISC"):
    made("product.product", name=code, default_code=code, type="service", list_price=1)
for code in ("EUR", "USD", "JPY", "THB"):
    currency = env["res.currency"].with_context(active_test=False).search([("name", "=", code)])
    currency.active = True
    if code != "THB":
        made("product.pricelist", name=code, currency_id=currency.id)
rights = ("base.group_user", "sales_team.group_sale_salesman_all_leads", "base.group_partner_manager")
seller = made(
    "res.users",
    name="Orderflow",
    login=os.environ["SELLER"],
    group_ids=[(6, 0, [env.ref(right).id for right in rights])],
)
soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=30)
keys = [
    env["res.users.apikeys"].with_user(user).sudo()._generate("rpc", "test", soon)
    for user in (seller, env.ref("base.user_admin"))
]
env.cr.execute("update res_users_apikeys set expiration_date = null")

confirmation = env.ref("sale.mail_template_sale_confirmation")
coupon = env.ref("loyalty.mail_template_loyalty_card")
(confirmation | coupon).report_template_ids = False
env.company.sale_order_template_id = made("sale.order.template", name="Ours", mail_template_id=confirmation.id)
made(
    "loyalty.program",
    name="Next time",
    program_type="next_order_coupons",
    trigger="auto",
    applies_on="future",
    rule_ids=[(0, 0, {"minimum_qty": 1, "reward_point_mode": "order", "reward_point_amount": 1})],
    reward_ids=[(0, 0, {"reward_type": "discount", "discount": 10})],
    communication_plan_ids=[(0, 0, {"trigger": "create", "mail_template_id": coupon.id})],
)
env["base.language.install"].create({"lang_ids": env.ref("base.lang_fr")}).lang_install()
env["res.partner"].with_context(active_test=False).search([]).lang = "fr_FR"
env.ref("base.lang_en").active = False
env.cr.commit()
Path(os.environ["KEYS"]).write_text("\n".join(keys))
