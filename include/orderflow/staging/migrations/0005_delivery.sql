-- Delivery to the OMS.

CREATE TABLE orderflow.outbox (
    channel       text COLLATE "C" NOT NULL,
    order_id      text COLLATE "C" NOT NULL,
    version       integer     NOT NULL,
    key           text        NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    enqueued_at   timestamptz NOT NULL DEFAULT now(),
    first_sent_at timestamptz,
    attempts      integer     NOT NULL DEFAULT 0,
    last_error    text,
    not_before    timestamptz,
    -- One delivery per order: a newer version takes the place of the older. The sender walks in this order.
    PRIMARY KEY (channel, order_id)
) WITH (fillfactor = 70);

COMMENT ON COLUMN orderflow.outbox.first_sent_at IS 'from here on the OMS may have it: look before sending again';
COMMENT ON COLUMN orderflow.outbox.enqueued_at IS 'since when the OMS has been behind on this order';

CREATE TABLE orderflow.receipts (
    channel     text COLLATE "C" NOT NULL,
    order_id    text COLLATE "C" NOT NULL,
    version     integer          NOT NULL,
    key         text             NOT NULL,
    outcome     text             NOT NULL CHECK (outcome IN ('accepted', 'refused')),
    oms_id      text,
    reason      text,
    seconds     double precision NOT NULL,
    accepted_at timestamptz      NOT NULL DEFAULT now(),
    -- What the OMS said of one order, version by version; the key apart, because a released refusal is sent anew.
    PRIMARY KEY (channel, order_id, version, key)
);

COMMENT ON COLUMN orderflow.receipts.accepted_at IS 'when the answer was stored, whatever it was';

-- Deliveries and latency over time; rows arrive in this order.
CREATE INDEX receipts_at ON orderflow.receipts USING brin (accepted_at);

CREATE TABLE orderflow.sku_map (
    channel    text COLLATE "C" NOT NULL,
    sku        text        NOT NULL,
    oms_sku    text        NOT NULL,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to   timestamptz NOT NULL DEFAULT 'infinity',
    -- Cleaning reads the whole map of a channel; editing goes by SKU.
    PRIMARY KEY (channel, sku, valid_from),
    CHECK (valid_from < valid_to)
);
