-- What the pages ask of quarantine and of the SKU map.

-- Recent decisions of people, newest first, and the rows of one of them, for its undo.
CREATE INDEX quarantine_decided ON orderflow.quarantine (decided_at)
    WHERE decided_by IS NOT NULL AND state IN ('parked', 'released', 'discarded');

-- What a SKU does not mean, so that nobody is asked twice.
CREATE TABLE orderflow.sku_refusals (
    channel text COLLATE "C" NOT NULL,
    sku     text COLLATE "C" NOT NULL,
    oms_sku text        NOT NULL,
    who     text        NOT NULL,
    why     text        NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, sku, oms_sku)
);

COMMENT ON TABLE orderflow.sku_refusals IS
    'suggestions for the SKU map that a person refused: they are not made again; the pair can still be set by hand';
