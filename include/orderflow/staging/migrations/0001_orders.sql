-- Staged orders: what every channel last said, exactly once per (channel, order_id).
--
-- Times are timestamptz. The columns that say when *we* did something (`first_seen_at`, `loaded_at`, ...) are stamped by
-- the database's clock, the one clock that all workers share.

CREATE TABLE orderflow.orders (
    channel             text COLLATE "C" NOT NULL,
    order_id            text COLLATE "C" NOT NULL,
    version             integer     NOT NULL CHECK (version > 0),
    content_hash        bytea       NOT NULL,
    contacts_hash       bytea       NOT NULL,
    order_number        text,
    origin              text,
    is_test             boolean     NOT NULL DEFAULT false,
    order_status        text        NOT NULL,
    payment_status      text        NOT NULL,
    fulfilment_status   text        NOT NULL,
    return_status       text        NOT NULL,
    placed_at           timestamptz,
    channel_created_at  timestamptz,
    channel_updated_at  timestamptz,
    paid_at             timestamptz,
    cancelled_at        timestamptz,
    closed_at           timestamptz,
    currency            text,
    shop_currency       text,
    taxes_included      boolean     NOT NULL DEFAULT false,
    items_total         numeric(20,6),
    discount_total      numeric(20,6),
    charge_total        numeric(20,6),
    tax_total           numeric(20,6),
    rounding            numeric(20,6),
    grand_total         numeric(20,6),
    paid                numeric(20,6),
    refunded            numeric(20,6),
    shop_items_total    numeric(20,6),
    shop_discount_total numeric(20,6),
    shop_charge_total   numeric(20,6),
    shop_tax_total      numeric(20,6),
    shop_rounding       numeric(20,6),
    shop_grand_total    numeric(20,6),
    shop_paid           numeric(20,6),
    shop_refunded       numeric(20,6),
    masking             text        NOT NULL DEFAULT 'plain',
    ship_country        text,
    ship_region         text,
    ship_postal_prefix  text,
    line_count          integer     NOT NULL,
    document            json        NOT NULL,
    landing             text        NOT NULL,
    ordinal             bigint      NOT NULL,
    raw_sha256          bytea       NOT NULL,
    fetched_at          timestamptz NOT NULL,
    window_start        timestamptz NOT NULL,
    window_end          timestamptz NOT NULL,
    first_seen_at       timestamptz NOT NULL DEFAULT now(),
    loaded_at           timestamptz NOT NULL DEFAULT now(),
    -- The merge, the outbox and every page that shows one order find it by its identity.
    PRIMARY KEY (channel, order_id)
) WITH (fillfactor = 90);

COMMENT ON COLUMN orderflow.orders.version IS '+1 per real change; what the OMS is told';
COMMENT ON COLUMN orderflow.orders.content_hash IS 'BLAKE2b of the received content that was taken, without contacts';
COMMENT ON COLUMN orderflow.orders.contacts_hash IS 'BLAKE2b of the received contacts that were taken';
COMMENT ON COLUMN orderflow.orders.masking IS 'the best that was ever received: plain beats masked beats erased';
COMMENT ON COLUMN orderflow.orders.document IS
    'canonical order without contacts, byte for byte; defaults are left out; json because jsonb costs four times as much to write';
COMMENT ON COLUMN orderflow.orders.landing IS 'landing folder of the batch; with ordinal it names the raw record';
COMMENT ON COLUMN orderflow.orders.fetched_at IS 'when the batch was fetched; decides between versions of the same channel_updated_at';

-- Reconciliation compares the orders created within a span, and the order list pages through them newest first.
CREATE INDEX orders_created ON orderflow.orders (channel, channel_created_at);
-- People look for an order by the number that stands on the parcel.
CREATE INDEX orders_number ON orderflow.orders (order_number);

-- A document of 1-4 KB is compressed on its way to disk; lz4 costs a tenth of the default's time, where the server has it.
DO $$
BEGIN
    ALTER TABLE orderflow.orders ALTER COLUMN document SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this server was built without lz4; documents use pglz';
END
$$;

CREATE TABLE orderflow.order_lines (
    channel            text COLLATE "C" NOT NULL,
    order_id           text COLLATE "C" NOT NULL,
    number             integer NOT NULL,
    line_id            text,
    kind               text    NOT NULL DEFAULT 'product',
    parent_line_id     text,
    sku                text,
    oms_sku            text,
    product_id         text,
    variant_id         text,
    gtin               text,
    title              text,
    uom                text,
    quantity           numeric(20,6),
    quantity_ordered   numeric(20,6),
    quantity_fulfilled numeric(20,6),
    quantity_returned  numeric(20,6),
    unit_price         numeric(20,6),
    discount           numeric(20,6),
    tax                numeric(20,6),
    total              numeric(20,6),
    shop_unit_price    numeric(20,6),
    shop_discount      numeric(20,6),
    shop_tax           numeric(20,6),
    shop_total         numeric(20,6),
    fulfilled_by       text,
    ship_by            timestamptz,
    deliver_by         timestamptz,
    -- The lines of a changed order are deleted and written anew; both go by the order.
    PRIMARY KEY (channel, order_id, number)
);

CREATE TABLE orderflow.order_contacts (
    channel   text COLLATE "C" NOT NULL,
    order_id  text COLLATE "C" NOT NULL,
    key_id    text        NOT NULL,
    sealed    bytea,
    masking   text        NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    -- One sealed value per order, found with its order.
    PRIMARY KEY (channel, order_id),
    CHECK ((sealed IS NULL) = (erased_at IS NOT NULL))
);

COMMENT ON TABLE orderflow.order_contacts IS
    'personal data: JSON list of contacts, AES-256-GCM, associated data channel|order_id; erased_at: gone for good, never filled again';
CREATE TABLE orderflow.order_versions (
    channel            text COLLATE "C" NOT NULL,
    order_id           text COLLATE "C" NOT NULL,
    version            integer     NOT NULL,
    content_hash       bytea       NOT NULL,
    channel_updated_at timestamptz,
    changed            text[],
    window_start       timestamptz NOT NULL,
    window_end         timestamptz NOT NULL,
    loaded_at          timestamptz NOT NULL DEFAULT now(),
    -- The history of one order, oldest first.
    PRIMARY KEY (channel, order_id, version)
);

COMMENT ON COLUMN orderflow.order_versions.changed IS 'top-level fields that differ from the version before; null for the first';

-- Changes per hour for the pages and metrics; rows arrive in this order, so a block range index costs next to nothing.
CREATE INDEX order_versions_loaded ON orderflow.order_versions USING brin (loaded_at);

CREATE FUNCTION orderflow.clarity(masking text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE masking WHEN 'plain' THEN 2 WHEN 'masked' THEN 1 ELSE 0 END
$$;

COMMENT ON FUNCTION orderflow.clarity IS 'how much a masking lets us read; less never overwrites more';

CREATE FUNCTION orderflow.with_known(hidden json, clear json) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((hidden::jsonb - 'masking') || coalesce(jsonb_object_agg(key, value), '{}'))::json
    FROM jsonb_each(clear::jsonb) WHERE key IN ('masking', 'ship_country', 'ship_region', 'ship_postal_prefix')
$$;

COMMENT ON FUNCTION orderflow.with_known IS
    'a document whose people the platform hides, with the readable parts of a document that shows them';
