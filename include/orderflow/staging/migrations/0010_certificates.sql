-- Reconciliation: what channel, staging and OMS said of one business day, and every order on which they differed.
--
-- Certificates of a channel form a chain: each holds the hash of the one before, so that a changed or removed row shows.

CREATE TABLE orderflow.certificates (
    channel    text COLLATE "C" NOT NULL,
    number     integer     NOT NULL CHECK (number > 0),
    day        date        NOT NULL,
    revision   integer     NOT NULL CHECK (revision > 0),
    state      text        NOT NULL CHECK (state IN ('settled', 'provisional')),
    unexplained bigint     NOT NULL,
    made_at    timestamptz NOT NULL,
    body       json        NOT NULL,
    sha256     text        NOT NULL,
    -- The chain is walked by number.
    PRIMARY KEY (channel, number),
    -- The newest revision of a day is what people look at.
    UNIQUE (channel, day, revision)
);

COMMENT ON COLUMN orderflow.certificates.number IS 'place in the channel''s chain, from 1 without a gap';
COMMENT ON COLUMN orderflow.certificates.revision IS 'a day that is reconciled again gets a new row, never another content';
COMMENT ON COLUMN orderflow.certificates.unexplained IS 'orders whose difference nothing accounts for and nothing repaired';
COMMENT ON COLUMN orderflow.certificates.body IS 'the certificate, byte for byte as it was hashed; it names the hash before it';
COMMENT ON COLUMN orderflow.certificates.sha256 IS 'SHA-256 of the body';

CREATE TABLE orderflow.certificate_differences (
    channel  text COLLATE "C" NOT NULL,
    number   integer NOT NULL,
    position bigint  NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    cause    text    NOT NULL,
    field    text,
    ours     text,
    theirs   text,
    note     text,
    repaired boolean NOT NULL,
    -- Read in the order in which their digest in the certificate was made.
    PRIMARY KEY (channel, number, position)
);

-- The story of one order names every certificate that spoke of it.
CREATE INDEX certificate_differences_of ON orderflow.certificate_differences (channel, order_id);

CREATE TRIGGER certificates_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON orderflow.certificates
    FOR EACH STATEMENT EXECUTE FUNCTION orderflow.refuse_change();
CREATE TRIGGER certificate_differences_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON orderflow.certificate_differences
    FOR EACH STATEMENT EXECUTE FUNCTION orderflow.refuse_change();
