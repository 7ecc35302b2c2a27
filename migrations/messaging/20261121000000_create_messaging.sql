-- Schema `messaging`, the same in every service's database: how facts leave a service and arrive in one.

-- The lowest UUIDv7 (RFC 9562) of a moment. Logs are partitioned by range of the id itself, so that the id stays unique.
CREATE FUNCTION messaging.uuid_v7_floor(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT
RETURN (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;

-- Facts on their way to the broker. A row is here from the commit of its aggregate until every confirm.
CREATE TABLE messaging.outbox (
    event_id          uuid        PRIMARY KEY,
    realm_id          uuid        NOT NULL,
    aggregate_type    text        NOT NULL,
    aggregate_id      uuid        NOT NULL,
    aggregate_version bigint      NOT NULL,
    lane              text        NOT NULL,
    cause_id          uuid        NOT NULL,
    type              text        NOT NULL,
    payload           bytea       NOT NULL,
    traceparent       text,
    occurred_at       timestamptz NOT NULL
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Facts that left, for seven days: the source of replay.
CREATE TABLE messaging.outbox_archive (LIKE messaging.outbox INCLUDING DEFAULTS, PRIMARY KEY (event_id))
PARTITION BY RANGE (event_id);
CREATE TABLE messaging.outbox_archive_other PARTITION OF messaging.outbox_archive DEFAULT;

-- Facts that arrived, by consumer: what is here is not done again. Kept longer than any archive.
CREATE TABLE messaging.inbox (
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    PRIMARY KEY (event_id, consumer)
) PARTITION BY RANGE (event_id);
CREATE TABLE messaging.inbox_other PARTITION OF messaging.inbox DEFAULT;

-- The only way to emit a fact: called in the statement that changes its aggregate.
CREATE FUNCTION messaging.append_event(
    event_id uuid, realm_id uuid, aggregate_type text, aggregate_id uuid, aggregate_version bigint,
    lane text, cause_id uuid, type text, payload bytea, traceparent text, occurred_at timestamptz
) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO messaging.outbox (
        event_id, realm_id, aggregate_type, aggregate_id, aggregate_version,
        lane, cause_id, type, payload, traceparent, occurred_at
    ) VALUES (
        append_event.event_id, append_event.realm_id, append_event.aggregate_type, append_event.aggregate_id,
        append_event.aggregate_version, append_event.lane, append_event.cause_id, append_event.type,
        append_event.payload, append_event.traceparent, append_event.occurred_at
    );
END;

-- Facts that a consumer gave up: listed and replayed by an operator.
CREATE TABLE messaging.dead_letter (
    dead_letter_id uuid        PRIMARY KEY,
    consumer       text        NOT NULL,
    lane           text        NOT NULL,
    -- Empty where the envelope could not be read; such a letter cannot be replayed.
    event_id       uuid,
    realm_id       uuid,
    cause_id       uuid,
    type           text        NOT NULL,
    occurred_at    timestamptz,
    traceparent    text,
    payload        bytea       NOT NULL,
    reason         text        NOT NULL,
    died_at        timestamptz NOT NULL
);
