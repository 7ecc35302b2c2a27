-- Passkeys (I25): public keys of second factors, with what WebAuthn asks a relying party to keep of them. Nothing here is secret.
CREATE TABLE passkeys (
    realm_id      uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    passkey_id    uuid        NOT NULL,
    -- By which the authenticator knows it; whoever registers one that somebody has is refused.
    credential_id bytea       NOT NULL,
    -- The public key, and how it was made.
    record        jsonb       NOT NULL,
    -- How often the authenticator has signed, if it counts: one that does not go on may be a copy (WebAuthn §6.1.1).
    counter       bigint      NOT NULL,
    name          text        NOT NULL,
    created_at    timestamptz NOT NULL,
    used_at       timestamptz,
    -- When its counter did not go on for the first time: its user was told then.
    copied_at     timestamptz,
    PRIMARY KEY (realm_id, user_id, passkey_id),
    CONSTRAINT passkeys_credential_key UNIQUE (realm_id, credential_id)
) WITH (fillfactor = 70);

-- What an authenticator was asked to sign, for one answer: in one session, or for one half sign-in, one of each purpose.
CREATE TABLE passkey_challenges (
    realm_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    -- REGISTRATION or ASSERTION.
    purpose    text        NOT NULL,
    -- Whose answer is waited for.
    asked_in   text        NOT NULL,
    state      jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, user_id, purpose, asked_in)
);

-- What housekeeping looks for.
CREATE INDEX passkey_challenges_created ON passkey_challenges (created_at);

-- Which of a user's sets of recovery codes it is of, since there may be other factors by now than the one they came with: their hashes are
-- computed with it. None if an earlier release has made them, with the id of the one-time codes.
ALTER TABLE recovery_codes ADD COLUMN set_id uuid;
