-- A buyer who asks to be forgotten: by whom and why their data went, of staged and of waiting orders alike.

ALTER TABLE orderflow.order_contacts ADD erased_by text, ADD erased_why text;

-- Loading asks whether new orders are among the channel's erased ones, which are few.
CREATE INDEX order_contacts_erased ON orderflow.order_contacts (channel, order_id) WHERE erased_at IS NOT NULL;
