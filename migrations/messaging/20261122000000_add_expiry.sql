-- Facts that are worth nothing after a moment (security mail with its links), in a lane of their own. Expand only: whoever
-- knows nothing of it goes on calling the function of eleven arguments.

ALTER TABLE messaging.outbox ADD COLUMN expires_at timestamptz;
ALTER TABLE messaging.outbox_archive ADD COLUMN expires_at timestamptz;
ALTER TABLE messaging.dead_letter ADD COLUMN expires_at timestamptz;

-- The lane is looked at every few milliseconds, whatever waits in the other.
CREATE INDEX outbox_security ON messaging.outbox (event_id) WHERE lane = 'security';

-- The only way to emit a fact that expires: called in the statement that changes its aggregate.
CREATE FUNCTION messaging.append_event(
    event_id uuid, realm_id uuid, aggregate_type text, aggregate_id uuid, aggregate_version bigint,
    lane text, cause_id uuid, type text, payload bytea, traceparent text, occurred_at timestamptz, expires_at timestamptz
) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO messaging.outbox (
        event_id, realm_id, aggregate_type, aggregate_id, aggregate_version,
        lane, cause_id, type, payload, traceparent, occurred_at, expires_at
    ) VALUES (
        append_event.event_id, append_event.realm_id, append_event.aggregate_type, append_event.aggregate_id,
        append_event.aggregate_version, append_event.lane, append_event.cause_id, append_event.type,
        append_event.payload, append_event.traceparent, append_event.occurred_at, append_event.expires_at
    );
END;
