-- Told by SMS.
ALTER TABLE preferences ADD COLUMN status_change_sms boolean NOT NULL DEFAULT false;

ALTER TABLE people ADD COLUMN phone text;
ALTER TABLE people ADD COLUMN is_phone_confirmed boolean NOT NULL DEFAULT false;
-- Of nobody who is known already is the phone known: identity is asked again.
UPDATE people SET known_version = 0;

-- What became of a sent SMS, as the SMSC has told: DELIVERED, EXPIRED, UNDELIVERABLE …
ALTER TABLE deliveries ADD COLUMN receipt text;

-- A delivery waits until it is settled. That was said by its state; but an SMS that may have been sent is UNCERTAIN for good.
DROP INDEX deliveries_claimable;
DROP INDEX deliveries_claimable_security;
CREATE INDEX deliveries_claimable ON deliveries (claimable_at)
WHERE settled_at IS NULL;
-- The security lane is looked at whatever waits in the other.
CREATE INDEX deliveries_claimable_security ON deliveries (claimable_at)
WHERE settled_at IS NULL AND lane = 'security';
-- So are SMS, whatever mail waits.
CREATE INDEX deliveries_claimable_sms ON deliveries (claimable_at)
WHERE settled_at IS NULL AND channel = 'SMS';

-- The segments of sent SMS by the names that the SMSC has given them, so that its receipts find their delivery.
CREATE TABLE sms_segments (
    realm_id   uuid NOT NULL,
    cause_id   uuid NOT NULL,
    object_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    message_id text NOT NULL,
    receipt    text,
    PRIMARY KEY (realm_id, cause_id, object_id, user_id, message_id)
) PARTITION BY RANGE (cause_id);
CREATE TABLE sms_segments_other PARTITION OF sms_segments DEFAULT;

CREATE INDEX sms_segments_message ON sms_segments (message_id);
