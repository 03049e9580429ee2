-- What the pages ask of all channels at once, for a few days out of years.

-- The ledger's windows that touch a span, of whatever length and channel.
CREATE INDEX windows_span ON orderflow.windows USING gist (span);
-- A channel's latest deliveries: how long orders take from the channel to the OMS.
CREATE INDEX receipts_latest ON orderflow.receipts (channel, accepted_at);
-- An order that waits is looked for by the number that people use, too. A number may be longer than an index holds.
CREATE INDEX quarantine_number ON orderflow.quarantine (left(document ->> 'order_number', 200));
