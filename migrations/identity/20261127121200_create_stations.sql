-- Stations that users have entered a VPN from, each as a keyed hash (I12). Whoever comes from one again has attempts of his own there,
-- until his password is another (I23).
CREATE TABLE stations (
    realm_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    station    bytea       NOT NULL,
    entered_at timestamptz NOT NULL,
    PRIMARY KEY (realm_id, user_id, station)
);
CREATE INDEX stations_by_use ON stations (entered_at);
