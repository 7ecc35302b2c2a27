-- Whether a user may do anything here: ACTIVE or BLOCKED.
ALTER TABLE users ADD COLUMN status text NOT NULL DEFAULT 'ACTIVE';
