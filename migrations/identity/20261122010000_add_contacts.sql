-- Contacts beside the e-mail address, each unique in the realm; which of them a user must have is the realm's policy.
ALTER TABLE users
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN email_key DROP NOT NULL,
    ADD COLUMN email_verified_at timestamptz,
    -- E.164
    ADD COLUMN phone text,
    ADD COLUMN phone_verified_at timestamptz,
    ADD COLUMN user_name text,
    -- Access tokens of lower generations are void.
    ADD COLUMN access_generation bigint NOT NULL DEFAULT 1,
    ADD CONSTRAINT users_phone_taken UNIQUE (realm_id, phone),
    ADD CONSTRAINT users_user_name_taken UNIQUE (realm_id, user_name);
CREATE INDEX users_of_company ON users (realm_id, company_id, user_id);
