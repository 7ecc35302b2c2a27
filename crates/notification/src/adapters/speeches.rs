//! How people want to be spoken to: kept here, asked of profile when there is news.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use kernel::{Errand, Fault, RealmId, UserId};

use crate::adapters::clients::ProfileClient;
use crate::adapters::postgres::{PgSpeech, StoredSpeech};
use crate::application::{Speech, Speeches};

pub(crate) struct SpeechDirectory {
    stored: PgSpeech,
    profile: ProfileClient,
}

impl SpeechDirectory {
    pub(crate) const fn new(stored: PgSpeech, profile: ProfileClient) -> Self {
        Self { stored, profile }
    }
}

#[async_trait]
impl Speeches for SpeechDirectory {
    async fn known(&self, realm_id: RealmId, ids: &[UserId]) -> Result<HashMap<UserId, Speech>, Fault> {
        let fresh = self.stored.list_fresh(realm_id, ids).await?;
        Ok(fresh.into_iter().map(|stored| (stored.user_id, speech(stored))).collect())
    }

    async fn ask(&self, realm_id: RealmId, ids: &[UserId], errand: Errand<'_>) -> Result<HashMap<UserId, Speech>, Fault> {
        let told = self.profile.speech(realm_id, ids, errand).await?;
        self.stored.learn(realm_id, &told).await?;
        // Whom profile does not know has chosen nothing.
        let mut found: HashMap<UserId, Speech> = ids.iter().map(|id| (*id, Speech::default())).collect();
        found.extend(told.into_iter().map(|stored| (stored.user_id, speech(stored))));
        Ok(found)
    }
}

fn speech(stored: StoredSpeech) -> Speech {
    Speech {
        language: Some(stored.language).filter(|language| !language.is_empty()),
        // A zone that this machine has not heard of is as good as none.
        time_zone: TimeZone::get(&stored.time_zone).ok().filter(|_| !stored.time_zone.is_empty()),
    }
}
