-- The parts of a name, initials that were corrected, and where the person works.
ALTER TABLE profiles
    ADD COLUMN last_name    text NOT NULL DEFAULT '',
    ADD COLUMN first_name   text NOT NULL DEFAULT '',
    ADD COLUMN middle_name  text NOT NULL DEFAULT '',
    -- Empty: they follow from the name.
    ADD COLUMN initials     text NOT NULL DEFAULT '',
    ADD COLUMN organisation text NOT NULL DEFAULT '',
    ADD COLUMN web_site     text;
