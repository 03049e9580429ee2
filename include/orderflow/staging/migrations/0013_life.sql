-- An order's life after its first delivery: what each version changed, how far the OMS was, whose word stands in contacts.

ALTER TABLE orderflow.order_versions ADD COLUMN changes text[];

COMMENT ON COLUMN orderflow.order_versions.changes IS
    'what happened to the order, in the words of orderflow.domain.life; null for the first version';

ALTER TABLE orderflow.receipts ADD COLUMN stage text
    CHECK (stage IN ('new', 'picking', 'shipped', 'invoiced', 'closed'));

COMMENT ON COLUMN orderflow.receipts.stage IS 'how far the OMS was with the order when this version came; null: it does not say';

ALTER TABLE orderflow.order_contacts ADD COLUMN stamps jsonb;

COMMENT ON COLUMN orderflow.order_contacts.stamps IS
    '{role: {part: rank}} of the parts that do not come from the staged version of the order; null: all of them do';

CREATE FUNCTION orderflow.with_people(document json, people jsonb) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((document::jsonb - ARRAY(SELECT jsonb_object_keys(people)))
        || coalesce(jsonb_object_agg(key, value) FILTER (WHERE value <> 'null'), '{}'))::json
    FROM jsonb_each(people)
$$;

COMMENT ON FUNCTION orderflow.with_people IS
    'a document with the readable parts of the people we know instead of its own; null takes a part away';

-- Every load asks which of its orders have people from several versions; hardly any has, so this index is next to empty.
CREATE INDEX order_contacts_mixed ON orderflow.order_contacts (channel, order_id) WHERE stamps IS NOT NULL;

DROP FUNCTION orderflow.with_known;
