-- Accounts of other providers (OpenID Connect) that users have linked, to sign in by them (I18).
CREATE TABLE social_accounts (
    realm_id          uuid        NOT NULL,
    social_account_id uuid        NOT NULL,
    user_id           uuid        NOT NULL,
    -- Both together name an account in the whole world; the operator's name for the provider may change.
    issuer            text        NOT NULL,
    subject           text        NOT NULL,
    -- The address it had when it was linked, to tell one from another.
    email             text,
    linked_at         timestamptz NOT NULL,
    PRIMARY KEY (realm_id, social_account_id),
    CONSTRAINT social_accounts_taken UNIQUE (realm_id, issuer, subject),
    CONSTRAINT social_accounts_one_each UNIQUE (realm_id, user_id, issuer)
);

-- Visits to providers that somebody has come back from: nobody does twice. Of whoever has not come back nothing is kept.
CREATE TABLE social_returns (
    realm_id   uuid        NOT NULL,
    visit_id   uuid        NOT NULL,
    -- When the visit is over, and nothing needs to be remembered.
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, visit_id)
);
CREATE INDEX social_returns_by_end ON social_returns (expires_at);
