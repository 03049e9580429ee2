-- The smaller parts of an order, read from its document: `position` counts from 1 in the channel's order. Defaults are
-- left out of documents, so that the views put them back.

CREATE VIEW orderflow.order_charges AS
SELECT o.channel, o.order_id, p.position, coalesce(p.kind, 'shipping') AS kind, p.charge_id, p.title, p.method,
       p.amount, p.discount, p.tax, p.total, p.shop_amount, p.shop_discount, p.shop_tax, p.shop_total
FROM orderflow.orders AS o
CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset(o.document -> 'charges') AS (
        kind text, charge_id text, title text, method text, amount numeric, discount numeric, tax numeric,
        total numeric, shop_amount numeric, shop_discount numeric, shop_tax numeric, shop_total numeric)
) WITH ORDINALITY AS p(kind, charge_id, title, method, amount, discount, tax, total, shop_amount, shop_discount,
                       shop_tax, shop_total, position);

CREATE VIEW orderflow.order_discounts AS
SELECT o.channel, o.order_id, p.position, coalesce(p.kind, 'automatic') AS kind, p.code, p.title,
       coalesce(p.funded_by, 'unknown') AS funded_by, p.amount, p.allocated, p.shop_amount, p.shop_allocated
FROM orderflow.orders AS o
CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset(o.document -> 'discounts') AS (
        kind text, code text, title text, funded_by text, amount numeric, allocated numeric, shop_amount numeric,
        shop_allocated numeric)
) WITH ORDINALITY AS p(kind, code, title, funded_by, amount, allocated, shop_amount, shop_allocated, position);

CREATE VIEW orderflow.order_taxes AS
SELECT o.channel, o.order_id, p.position, p.title, p.jurisdiction, p.rate, p.amount, p.shop_amount,
       coalesce(p.liable, 'unknown') AS liable
FROM orderflow.orders AS o
CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset(o.document -> 'taxes') AS (
        title text, jurisdiction text, rate numeric, amount numeric, shop_amount numeric, liable text)
) WITH ORDINALITY AS p(title, jurisdiction, rate, amount, shop_amount, liable, position);

CREATE VIEW orderflow.order_payments AS
SELECT o.channel, o.order_id, p.position, p.payment_id, coalesce(p.kind, 'sale') AS kind,
       coalesce(p.status, 'success') AS status, p.method, p.gateway, p.amount, p.shop_amount, p.at
FROM orderflow.orders AS o
CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset(o.document -> 'payments') AS (
        payment_id text, kind text, status text, method text, gateway text, amount numeric, shop_amount numeric,
        at timestamptz)
) WITH ORDINALITY AS p(payment_id, kind, status, method, gateway, amount, shop_amount, at, position);

CREATE VIEW orderflow.order_shipments AS
SELECT o.channel, o.order_id, p.position, p.shipment_id, p.status, p.carrier,
       coalesce(p.tracking_numbers, '[]') AS tracking_numbers, p.shipped_at, p.delivered_at,
       coalesce(p.lines, '[]') AS lines
FROM orderflow.orders AS o
CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset(o.document -> 'shipments') AS (
        shipment_id text, status text, carrier text, tracking_numbers json, shipped_at timestamptz,
        delivered_at timestamptz, lines json)
) WITH ORDINALITY AS p(shipment_id, status, carrier, tracking_numbers, shipped_at, delivered_at, lines, position);

CREATE VIEW orderflow.order_refunds AS
SELECT o.channel, o.order_id, p.position, p.refund_id, p.reason, p.amount, p.shop_amount, p.at,
       coalesce(p.lines, '[]') AS lines
FROM orderflow.orders AS o
CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset(o.document -> 'refunds') AS (
        refund_id text, reason text, amount numeric, shop_amount numeric, at timestamptz, lines json)
) WITH ORDINALITY AS p(refund_id, reason, amount, shop_amount, at, lines, position);
