//! Realms as their letters show them: asked of identity the first time one is needed, and when there is news; kept in a table, and in memory
//! for a moment: every process reads the table, only one hears the news.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kernel::{Errand, Fault, RealmId};

use crate::adapters::clients::IdentityClient;
use crate::adapters::postgres::{Freshness, PgRealms};
use crate::application::{Realm, Realms};

/// A realm as identity tells of it and as the table keeps it: nothing but text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RealmFacts {
    pub(crate) name: String,
    pub(crate) public_url: String,
    pub(crate) sender: String,
    pub(crate) language: String,
    pub(crate) time_zone: String,
    pub(crate) version: i64,
}

impl TryFrom<RealmFacts> for Realm {
    type Error = Fault;

    fn try_from(facts: RealmFacts) -> Result<Self, Fault> {
        facts.sender.parse::<lettre::message::Mailbox>().map_err(Fault::internal)?;
        Ok(Self {
            name: facts.name,
            public_url: facts.public_url.trim_end_matches('/').to_owned(),
            sender: facts.sender,
            language: facts.language,
            time_zone: jiff::tz::TimeZone::get(&facts.time_zone).map_err(Fault::internal)?,
        })
    }
}

/// How long letters wait for a realm that was known before.
const ASKED_AGAIN_FOR: Duration = Duration::from_secs(1);

/// How long a process goes without looking into the table again.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// A realm, and since when this process has known it.
struct Known {
    realm: Arc<Realm>,
    since: Instant,
}

pub(crate) struct RealmDirectory {
    table: PgRealms,
    identity: Arc<IdentityClient>,
    known: RwLock<HashMap<RealmId, Known>>,
}

impl RealmDirectory {
    pub(crate) fn new(table: PgRealms, identity: Arc<IdentityClient>) -> Self {
        Self { table, identity, known: RwLock::default() }
    }

    async fn look_up(&self, realm_id: RealmId, errand: Errand<'_>) -> Result<Option<Realm>, Fault> {
        let former = match self.table.get(realm_id).await? {
            Some((facts, Freshness::Fresh)) => return Realm::try_from(facts).map(Some),
            Some((facts, Freshness::Stale)) => Some(facts),
            None => None,
        };
        let Some(former) = former else { return self.ask(realm_id, errand).await };
        let deadline = errand.deadline.min(Instant::now() + ASKED_AGAIN_FOR);
        match self.ask(realm_id, Errand { deadline, ..errand }).await {
            // What it was a moment ago is better than nothing.
            Err(fault) => {
                tracing::warn!(realm.id = %realm_id, error = &fault as &dyn std::error::Error, "realm not asked for again");
                Realm::try_from(former).map(Some)
            }
            answered => answered,
        }
    }

    async fn ask(&self, realm_id: RealmId, errand: Errand<'_>) -> Result<Option<Realm>, Fault> {
        let Some(facts) = self.identity.realm(realm_id, errand).await? else { return Ok(None) };
        let realm = Realm::try_from(facts.clone())?;
        self.table.keep(realm_id, &facts).await?;
        Ok(Some(realm))
    }
}

#[async_trait]
impl Realms for RealmDirectory {
    fn known(&self, realm_id: RealmId) -> Option<Arc<Realm>> {
        let known = self.known.read().expect("nobody panics while holding the realms");
        known.get(&realm_id).filter(|known| known.since.elapsed() < KNOWN_FOR).map(|known| known.realm.clone())
    }

    async fn get(&self, realm_id: RealmId, errand: Errand<'_>) -> Result<Option<Arc<Realm>>, Fault> {
        if let Some(realm) = self.known(realm_id) {
            return Ok(Some(realm));
        }
        let Some(realm) = self.look_up(realm_id, errand).await?.map(Arc::new) else { return Ok(None) };
        self.known
            .write()
            .expect("nobody panics while holding the realms")
            .insert(realm_id, Known { realm: realm.clone(), since: Instant::now() });
        Ok(Some(realm))
    }
}
