-- What was done by those who administer: ids and words of our own, and where somebody came from. No secret, no contact and no name of
-- a user.
CREATE TABLE audit_log (
    realm_id       uuid        NOT NULL,
    entry_id       uuid        NOT NULL,
    company_id     uuid,
    act            text        NOT NULL,
    object_id      uuid        NOT NULL,
    detail         text,
    actor_kind     text        NOT NULL,
    actor_id       uuid,
    actor_name     text,
    -- The credential that called in a user's name.
    acting_service uuid,
    client_address text,
    command_id     uuid        NOT NULL,
    done_at        timestamptz NOT NULL,
    PRIMARY KEY (realm_id, entry_id)
);
CREATE INDEX audit_log_of_company ON audit_log (realm_id, company_id, entry_id);
CREATE INDEX audit_log_of_object ON audit_log (realm_id, object_id, entry_id);
CREATE INDEX audit_log_of_actor ON audit_log (realm_id, actor_id, entry_id);

-- Only added to. Where somebody came from is the one thing that may be taken away, when he is erased.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.client_address IS NULL THEN
        OLD.client_address := NULL;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to';
END;
$$;
CREATE TRIGGER audit_log_is_only_added_to
    BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_is_not_emptied
    BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
