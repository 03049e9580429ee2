-- What another shop sold comes into quarantine discarded: it is explained there, and nobody has to decide anything.

CREATE OR REPLACE FUNCTION orderflow.waiting_state(reasons jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN bool_and(r ->> 'code' = 'SKU_UNMAPPED') THEN 'parked'
        WHEN bool_and(r ->> 'code' = 'SOLD_ELSEWHERE') THEN 'discarded' ELSE 'open' END
    FROM jsonb_array_elements(reasons) AS r
$$;

COMMENT ON FUNCTION orderflow.waiting_state IS
    'how the flow itself lets an order wait: parked where only the SKU map can help, discarded where nobody has to look,'
    ' open where a person must';
