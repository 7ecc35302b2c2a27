-- User names that begin alike, for suggestions: compared byte by byte, whatever the database's own order is.
CREATE INDEX users_by_name_stem ON users (realm_id, user_name COLLATE "C") WHERE user_name IS NOT NULL;
