//! Realms as their letters show them, read from a file at the start.

use std::collections::HashMap;
use std::path::Path;

use kernel::{Fault, RealmId};
use serde::Deserialize;

use crate::application::{Realm, Realms};

/// Notification's part of the file; the other services read theirs.
#[derive(Debug, Deserialize)]
struct File {
    realm: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    name: String,
    public_url: String,
    sender: String,
    language: String,
    time_zone: String,
}

#[derive(Debug)]
pub(crate) struct RealmFile {
    realms: HashMap<RealmId, Realm>,
}

impl RealmFile {
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(Fault::internal)?;
        let file: File = toml::from_str(&text).map_err(Fault::internal)?;
        let mut realms = HashMap::new();
        for entry in file.realm {
            entry.sender.parse::<lettre::message::Mailbox>().map_err(Fault::internal)?;
            let realm = Realm {
                name: entry.name,
                public_url: entry.public_url.trim_end_matches('/').to_owned(),
                sender: entry.sender,
                language: entry.language,
                time_zone: jiff::tz::TimeZone::get(&entry.time_zone).map_err(Fault::internal)?,
            };
            realms.insert(entry.id.parse().map_err(Fault::internal)?, realm);
        }
        Ok(Self { realms })
    }
}

impl Realms for RealmFile {
    fn get(&self, realm_id: RealmId) -> Option<&Realm> {
        self.realms.get(&realm_id)
    }
}
