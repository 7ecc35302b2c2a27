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

-- Makes the daily partitions of a log from yesterday to `ahead_days` from now, and drops those older than `keep_days`, all
-- in UTC. What no daily partition took stands in the default partition and leaves by the same age.
CREATE FUNCTION messaging.keep_partitions(parent regclass, id_column text, at timestamptz, ahead_days integer, keep_days integer)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    today      date := (at AT TIME ZONE 'UTC')::date;
    schema     text;
    table_name text;
    day        date;
    old        record;
BEGIN
    SELECT nspname, relname INTO schema, table_name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = parent;
    -- Several replicas keep house; one after the other.
    PERFORM pg_advisory_xact_lock(parent::oid::bigint);
    FOR day IN SELECT generate_series(today - 1, today + ahead_days, interval '1 day')::date LOOP
        IF to_regclass(format('%I.%I', schema, table_name || to_char(day, '_YYYYMMDD'))) IS NULL THEN
            BEGIN
                EXECUTE format(
                    'CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
                    schema, table_name || to_char(day, '_YYYYMMDD'), parent,
                    messaging.uuid_v7_floor(day::timestamp AT TIME ZONE 'UTC'),
                    messaging.uuid_v7_floor((day + 1)::timestamp AT TIME ZONE 'UTC')
                );
            EXCEPTION WHEN check_violation THEN
                -- Somebody's clock was ahead: the default partition has rows of that day, and keeps that day's.
                RAISE WARNING 'no partition of % for %', parent, day;
            END;
        END IF;
    END LOOP;
    FOR old IN
        SELECT inhrelid::regclass AS partition
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = parent
          AND relname ~ '_[0-9]{8}$'
          AND to_date(right(relname, 8), 'YYYYMMDD') < today - keep_days
    LOOP
        EXECUTE format('DROP TABLE %s', old.partition);
    END LOOP;
    EXECUTE format(
        'DELETE FROM %I.%I WHERE %I < %L',
        schema, table_name || '_other', id_column,
        messaging.uuid_v7_floor((today - keep_days)::timestamp AT TIME ZONE 'UTC')
    );
END;
$$;

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
