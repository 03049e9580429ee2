-- What channels are told of their orders: parcels that the OMS sent, and answers to orders.

CREATE TABLE orderflow.notices (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel       text COLLATE "C" NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('shipment', 'response')),
    subject       text COLLATE "C" NOT NULL,
    order_id      text COLLATE "C" NOT NULL,
    content       json        NOT NULL,
    recorded_at   timestamptz NOT NULL,
    noted_at      timestamptz NOT NULL DEFAULT now(),
    attempts      integer     NOT NULL DEFAULT 0,
    first_sent_at timestamptz,
    not_before    timestamptz,
    last_error    text,
    outcome       text CHECK (outcome IN ('accepted', 'refused')),
    reference     text,
    reason        text,
    settled_at    timestamptz,
    differs       boolean     NOT NULL DEFAULT false,
    -- One notice for each parcel, and for the answer to each order, however often the OMS tells of it.
    UNIQUE (channel, kind, subject),
    CHECK ((outcome IS NULL) = (settled_at IS NULL))
);

COMMENT ON COLUMN orderflow.notices.subject IS 'the OMS''s number of a parcel; the order id of an answer';
COMMENT ON COLUMN orderflow.notices.recorded_at IS 'when it happened in the OMS';
COMMENT ON COLUMN orderflow.notices.first_sent_at IS 'from here on the channel may know it: it is asked before it is told again';
COMMENT ON COLUMN orderflow.notices.reference IS 'what the channel calls it';
COMMENT ON COLUMN orderflow.notices.differs IS 'the OMS changed the parcel after the channel may have been told';

-- The teller walks what is open, oldest first.
CREATE INDEX notices_open ON orderflow.notices (channel, number) WHERE outcome IS NULL;
-- The story of one order.
CREATE INDEX notices_of ON orderflow.notices (channel, order_id);
-- Reading the OMS goes on from the newest parcel.
CREATE INDEX notices_newest ON orderflow.notices (channel, kind, recorded_at);
