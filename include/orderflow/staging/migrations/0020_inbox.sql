-- The webhook inbox: which orders a platform said to have changed. A hint says where to look, never what is there.

CREATE TABLE orderflow.hints (
    channel     text COLLATE "C" NOT NULL,
    delivery    text COLLATE "C" NOT NULL,
    order_id    text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    run_id      text COLLATE "C",
    attempts    integer     NOT NULL DEFAULT 0,
    not_before  timestamptz NOT NULL DEFAULT now(),
    last_error  text,
    closed_at   timestamptz,
    given_up    boolean     NOT NULL DEFAULT false CHECK (NOT given_up OR closed_at IS NOT NULL),
    -- A delivery that is sent again is nothing new.
    PRIMARY KEY (channel, delivery, order_id)
);

COMMENT ON TABLE orderflow.hints IS 'orders that webhooks named; windows stay the record of what was pulled';
COMMENT ON COLUMN orderflow.hints.delivery IS 'the platform''s own id of its message, or a digest of its body and minute';
COMMENT ON COLUMN orderflow.hints.run_id IS 'the batch that last looked at this order because of it';
COMMENT ON COLUMN orderflow.hints.closed_at IS 'set in the transaction that loads the order, or when it is given up';
COMMENT ON COLUMN orderflow.hints.given_up IS 'tried often enough without the order; the windows still bring it';

CREATE INDEX hints_waiting ON orderflow.hints (channel, not_before) WHERE closed_at IS NULL;
CREATE INDEX hints_of_order ON orderflow.hints (channel, order_id);
CREATE INDEX hints_oldest ON orderflow.hints (channel, not_before);
