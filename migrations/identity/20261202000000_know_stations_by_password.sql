-- Which password a station was entered with: when it was set. Whoever knew the one before, and entered while it was being changed, has no
-- attempts of his own at the next (I23). Empty: entered before this was kept.
ALTER TABLE stations ADD COLUMN password_set_at timestamptz;
