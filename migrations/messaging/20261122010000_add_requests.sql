-- Commands that their clients named, so that they may be sent again: the inbox of commands, as `messaging.inbox` is that of facts.
-- What is here is not done again. Kept for a day, by the hour of the doing.
CREATE TABLE messaging.request (
    -- SHA-256 of who called, what he called and the id he gave it.
    request_key bytea       NOT NULL,
    -- SHA-256 of what he asked for.
    content     bytea       NOT NULL,
    -- What was made or changed.
    resource_id uuid,
    -- Of a batch: what became of each, in its order.
    verdicts    jsonb,
    done_at     timestamptz NOT NULL,
    CONSTRAINT request_has_an_answer CHECK (num_nonnulls(resource_id, verdicts) = 1)
) PARTITION BY RANGE (done_at);
CREATE INDEX request_by_key ON messaging.request (request_key);
CREATE TABLE messaging.request_other PARTITION OF messaging.request DEFAULT;

-- Remembers a request in the transaction that does it; refuses with the constraint `request_done_once` if it was done.
--
-- The lock stands for the unique index that a table partitioned by time cannot have. A function, because the statement that
-- calls it sees the rows as they were before it waited for the lock; a query in a volatile function sees those that are
-- there now.
CREATE FUNCTION messaging.note_request(key bytea, asked bytea, resource uuid, batch_verdicts jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '3s' -- whoever sends one request again and again must not take every connection
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('request ' || encode(key, 'hex'), 0));
    PERFORM 1 FROM messaging.request WHERE request_key = key AND done_at > at - interval '24 hours';
    IF FOUND THEN
        RAISE EXCEPTION 'the request was done before' USING ERRCODE = 'unique_violation', CONSTRAINT = 'request_done_once';
    END IF;
    INSERT INTO messaging.request (request_key, content, resource_id, verdicts, done_at)
    VALUES (key, asked, resource, batch_verdicts, at);
END $$;

-- The same for a command that makes or changes one thing, called in the statement that does so. STRICT: a request without an id
-- costs nothing.
CREATE FUNCTION messaging.remember_request(key bytea, asked bytea, resource uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT AS $$
BEGIN
    PERFORM messaging.note_request(key, asked, resource, NULL, at);
END $$;

-- Makes the hourly partitions from the last hour to `ahead_hours` from now, and drops those older than `keep_hours`, in UTC.
CREATE FUNCTION messaging.keep_request_partitions(at timestamptz, ahead_hours integer, keep_hours integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    this_hour timestamptz := date_trunc('hour', at, 'UTC');
    hour      timestamptz;
    partition text;
    old       record;
BEGIN
    -- Several replicas keep house; one after the other.
    PERFORM pg_advisory_xact_lock('messaging.request'::regclass::oid::bigint);
    FOR hour IN SELECT this_hour + n * interval '1 hour' FROM generate_series(-1, ahead_hours) AS n LOOP
        partition := to_char(hour AT TIME ZONE 'UTC', '"request_"YYYYMMDDHH24');
        IF to_regclass(format('messaging.%I', partition)) IS NULL THEN
            BEGIN
                EXECUTE format(
                    'CREATE TABLE messaging.%I PARTITION OF messaging.request FOR VALUES FROM (%L) TO (%L)',
                    partition, hour, hour + interval '1 hour'
                );
            EXCEPTION WHEN check_violation THEN
                -- Rows came before the partition: the default one keeps that hour's.
                RAISE WARNING 'no partition of messaging.request for %', hour;
            END;
        END IF;
    END LOOP;
    FOR old IN
        SELECT inhrelid::regclass AS partition
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'messaging.request'::regclass
          AND relname ~ '_[0-9]{10}$'
          AND to_timestamp(right(relname, 10) || ' +00', 'YYYYMMDDHH24 TZH') < this_hour - keep_hours * interval '1 hour'
    LOOP
        EXECUTE format('DROP TABLE %s', old.partition);
    END LOOP;
    DELETE FROM messaging.request_other WHERE done_at < this_hour - keep_hours * interval '1 hour';
END $$;
