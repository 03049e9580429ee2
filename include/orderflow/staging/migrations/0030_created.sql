-- Orders of channels that say only when an order was placed stood in no day's figures.

UPDATE orderflow.orders SET channel_created_at = placed_at WHERE channel_created_at IS NULL AND placed_at IS NOT NULL;
