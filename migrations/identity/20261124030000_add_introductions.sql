-- What was said of a user when he was added: his name and language, which his profile begins with.
ALTER TABLE users ADD COLUMN introduction jsonb;
