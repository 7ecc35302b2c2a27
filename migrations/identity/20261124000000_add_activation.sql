-- Whoever was added BLOCKED waits for his first activation, and perhaps for the invitation that comes with it.
ALTER TABLE users
    -- When he first had access; nothing: when he was created, unless he waits.
    ADD COLUMN activated_at timestamptz,
    -- ACTIVATION, or INVITATION if one comes with it; nothing once he was activated.
    ADD COLUMN awaits text;
