-- Deliveries of what follows the clock go before those of what catches up.

ALTER TABLE orderflow.outbox ADD behind boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN orderflow.outbox.behind IS 'it came with a batch that catches up: everything else goes first';

-- The sender of live orders finds them however many others wait.
CREATE INDEX outbox_live ON orderflow.outbox (channel, order_id) WHERE NOT behind;
