"""The tables of the simulated Odoo, what it computes from them, and who may use it."""

from __future__ import annotations

LOGIN, KEY, DATABASE = "orderflow", "api-key-0123456789", "shop"
SKUS = [f"SKU-{number:03d}" for number in range(1, 11)]
SCHEMA = """
CREATE TABLE ir_model_data (id serial PRIMARY KEY, module text, name text, model text, res_id int, noupdate bool,
    write_date timestamp DEFAULT now(), UNIQUE (module, name));
CREATE TABLE res_country (id serial PRIMARY KEY, code text, name text);
CREATE TABLE res_country_state (id serial PRIMARY KEY, code text, name text, country_id int);
CREATE TABLE res_currency (id serial PRIMARY KEY, name text);
CREATE TABLE product_pricelist (id serial PRIMARY KEY, name text, currency_id int);
CREATE TABLE product_product (id serial PRIMARY KEY, name text, default_code text, active bool DEFAULT true);
CREATE TABLE res_partner (id serial PRIMARY KEY, name text NOT NULL, ref text, parent_id int, type text, street text,
    street2 text, city text, zip text, country_id int, state_id int, email text, phone text, lang text);
CREATE TABLE mail_mail (id serial PRIMARY KEY, res_id int, subject text);
CREATE TABLE rights (contacts bool);
CREATE SEQUENCE sale_number;
CREATE TABLE sale_order (id serial PRIMARY KEY, name text DEFAULT 'S' || lpad(nextval('sale_number')::text, 5, '0'),
    state text DEFAULT 'draft', origin text, client_order_ref text, partner_id int NOT NULL REFERENCES res_partner,
    partner_invoice_id int, partner_shipping_id int, pricelist_id int DEFAULT 1, locked bool DEFAULT false,
    sale_order_template_id int DEFAULT 1, purchase_order_count int DEFAULT 0, write_date timestamp DEFAULT now());
CREATE TABLE sale_order_line (id serial PRIMARY KEY, order_id int REFERENCES sale_order, product_id int, name text,
    product_uom_qty numeric(20,2), price_unit {price}, discount numeric, sequence int, taxed bool,
    qty_delivered numeric DEFAULT 0, qty_invoiced numeric DEFAULT 0);
CREATE TABLE stock_picking (id serial PRIMARY KEY, sale_id int REFERENCES sale_order, state text DEFAULT 'assigned');
INSERT INTO rights VALUES (true);
INSERT INTO res_country (code, name) VALUES ('TW', 'Taiwan'), ('US', 'United States'), ('DE', 'Germany');
INSERT INTO res_country_state (code, name, country_id) VALUES ('NY', 'New York', 2);
INSERT INTO res_currency (name) VALUES ('EUR'), ('USD'), ('JPY'), ('THB');
INSERT INTO product_pricelist (name, currency_id) VALUES ('Euro', 1), ('Dollar', 2), ('Yen', 3);
"""
TABLES = {
    "res.partner": "res_partner", "res.country": "res_country", "res.country.state": "res_country_state",
    "product.pricelist": "product_pricelist", "product.product": "product_product", "sale.order": "sale_order",
    "sale.order.line": "sale_order_line",
}  # fmt: skip
AMOUNT = """(SELECT coalesce(sum(round(product_uom_qty * price_unit, 2) * CASE WHEN taxed THEN 1.2 ELSE 1 END), 0)
    FROM sale_order_line WHERE order_id = t.id)"""
DELIVERY = """(SELECT CASE WHEN count(*) FILTER (WHERE state != 'cancel') = 0 THEN NULL
    WHEN count(*) FILTER (WHERE state NOT IN ('done', 'cancel')) = 0 THEN 'full'
    WHEN count(*) FILTER (WHERE state = 'done') > 0 THEN 'started' ELSE 'pending' END
    FROM stock_picking WHERE sale_id = t.id)"""
COMPUTED = {
    ("sale_order", "amount_total"): f"{AMOUNT}::float8",
    ("sale_order", "delivery_status"): DELIVERY,
    ("sale_order", "order_line"): "(SELECT coalesce(json_agg(l.id ORDER BY l.id), '[]') FROM sale_order_line l "
    "WHERE l.order_id = t.id)",
    ("sale_order", "currency_id"): "(SELECT json_build_array(c.id, c.name) FROM product_pricelist p "
    "JOIN res_currency c ON c.id = p.currency_id WHERE p.id = t.pricelist_id)",
    ("product_pricelist", "currency_id.name"): "(SELECT c.name FROM res_currency c WHERE c.id = t.currency_id)",
    ("sale_order_line", "product_uom_qty"): "t.product_uom_qty::float8",
    ("sale_order_line", "qty_delivered"): "t.qty_delivered::float8",
    ("sale_order_line", "qty_invoiced"): "t.qty_invoiced::float8",
}
