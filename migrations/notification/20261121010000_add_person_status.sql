-- Whether anything may be sent to a person.
ALTER TABLE people ADD COLUMN is_blocked boolean NOT NULL DEFAULT false;
