-- Orders whose raw record came again, unchanged, need not be judged again: clean asks for the hashes of those that it knows.

ALTER TABLE orderflow.orders ADD basis bytea;
COMMENT ON COLUMN orderflow.orders.basis IS
    'fingerprint of all that decided on this version: code, channel file and SKU map; null where people corrected orders by hand';

-- Windows ask by modified time, and time goes on: new rows come at the index's end.
CREATE INDEX orders_updated ON orderflow.orders (channel, channel_updated_at);
