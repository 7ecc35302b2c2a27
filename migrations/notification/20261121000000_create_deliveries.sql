-- What people want to be told. Realm-owned: every key starts with the realm.
CREATE TABLE preferences (
    realm_id            uuid    NOT NULL,
    user_id             uuid    NOT NULL,
    status_change_email boolean NOT NULL DEFAULT false,
    PRIMARY KEY (realm_id, user_id)
);

-- What is known of people, asked of identity. `known_version` is the version of the contacts that stand here,
-- `wanted_version` the newest anybody has heard of; while they differ, identity is asked before anything is sent.
CREATE TABLE people (
    realm_id       uuid   NOT NULL,
    user_id        uuid   NOT NULL,
    wanted_version bigint NOT NULL DEFAULT 0,
    known_version  bigint NOT NULL DEFAULT 0,
    email          text,
    PRIMARY KEY (realm_id, user_id)
);

-- The newest version of each case that a status change has told of, so that a late letter can say that there is a newer status.
CREATE TABLE case_versions (
    realm_id uuid   NOT NULL,
    case_id  uuid   NOT NULL,
    version  bigint NOT NULL,
    PRIMARY KEY (realm_id, case_id)
) WITH (fillfactor = 70);

-- The ledger: one row for each person told one thing through one channel. Its key is N4: one command, one object, one
-- person, one channel, one letter. Partitioned by range of the command's UUIDv7.
CREATE TABLE deliveries (
    realm_id     uuid        NOT NULL,
    cause_id     uuid        NOT NULL,
    object_id    uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    channel      text        NOT NULL,
    delivery_id  uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    kind         text        NOT NULL,
    -- PENDING, SENT, FAILED, SUPPRESSED, UNCERTAIN or EXPIRED.
    state        text        NOT NULL,
    reason       text,
    -- The fact itself, to be rendered at the moment of sending.
    content      bytea       NOT NULL,
    traceparent  text,
    attempt      integer     NOT NULL,
    -- Until this moment the row belongs to whoever claimed it last; then anybody may claim it.
    claimable_at timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    settled_at   timestamptz,
    -- SHA-256 of the address, of which nothing else is kept.
    address_hash bytea,
    PRIMARY KEY (realm_id, cause_id, object_id, user_id, channel)
) PARTITION BY RANGE (cause_id);
CREATE TABLE deliveries_other PARTITION OF deliveries DEFAULT;

CREATE INDEX deliveries_claimable ON deliveries (claimable_at) WHERE state IN ('PENDING', 'UNCERTAIN');
