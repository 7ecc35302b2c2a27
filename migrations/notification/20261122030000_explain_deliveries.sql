-- What a person was told, the newest first.
CREATE INDEX deliveries_person ON deliveries (realm_id, user_id, delivery_id);

-- A person's ticks as they stood from a moment on, so that it can be said why he was told, or was not. A change drops those of
-- his that the ledger does not go back to.
CREATE TABLE preference_history (
    realm_id            uuid        NOT NULL,
    user_id             uuid        NOT NULL,
    changed_at          timestamptz NOT NULL,
    status_change_email boolean     NOT NULL,
    status_change_sms   boolean     NOT NULL,
    PRIMARY KEY (realm_id, user_id, changed_at)
);

-- The moment of the last change: of two changes, the later one has the later moment, whatever the clocks say.
ALTER TABLE preferences ADD COLUMN changed_at timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z';

-- As far as anybody can say.
INSERT INTO preference_history (realm_id, user_id, changed_at, status_change_email, status_change_sms)
SELECT realm_id, user_id, '1970-01-01T00:00:00Z', status_change_email, status_change_sms
FROM preferences;
