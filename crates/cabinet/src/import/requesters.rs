//! Whoever asked for a case becomes a user, and is ticked once.

use std::collections::{BTreeMap, HashMap, HashSet};

use api::cabinet::identity::v1 as identity;
use api::cabinet::notification::v1 as notification;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use runtime::StartError;
use tonic::{Code, Status};

use super::connection::{Connection, reason};
use super::log::Requester;
use super::mapping::Tick;
use super::report::Tally;

/// As many as BatchCreateUsers takes and ListUsers gives.
const BATCH: usize = 1000;
/// How many are ticked at once.
const CONCURRENT: usize = 16;

/// Who asks for the cases of a file.
#[derive(Debug, Default)]
pub(super) struct Requesters {
    /// What the source calls him, by address.
    named: BTreeMap<String, String>,
    /// Those whose address is another's.
    ambiguous: HashSet<String>,
}

/// The users that requesters have become, by address; or why one has not.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<String, Result<String, String>>);

impl Requesters {
    /// Two people whose names make one address are not taken for one.
    pub(super) fn meet(&mut self, requester: Requester) {
        let Requester { email, named } = requester;
        let first = self.named.entry(email).or_insert_with(|| named.clone());
        if *first != named {
            self.ambiguous.insert(named);
        }
    }

    pub(super) fn is_ambiguous(&self, requester: &Requester) -> bool {
        self.ambiguous.contains(&requester.named)
    }

    /// Makes users of all of them. Nobody is invited, and whoever is there stays as he is.
    pub(super) async fn settle(
        &self,
        connection: &Connection,
        company_id: &str,
        ticks: &[Tick],
        tally: &Tally,
    ) -> Result<Users, StartError> {
        let mut users = Users::default();
        let mut there = HashSet::new();
        let emails: Vec<&String> = self.named.keys().collect();
        for batch in emails.chunks(BATCH) {
            let verdicts = create(connection, company_id, batch).await?;
            for (email, verdict) in batch.iter().zip(verdicts) {
                match verdict {
                    identity::UserVerdict { user: Some(user), .. } => users.insert(email, Ok(user.user_id)),
                    refused if refused.reasons().any(|reason| reason == identity::ErrorReason::EmailTaken) => {
                        there.insert(email.to_lowercase());
                    }
                    refused => users.insert(email, Err(reasons(&refused))),
                }
            }
        }
        tally.users(users.0.values().filter(|user| user.is_ok()).count() as u64);
        let found = find(connection, company_id, there).await?;
        if !ticks.is_empty() {
            tick_all(connection, users.ids(), Asked::Never).await.map_err(not_ticked)?;
            tick_all(connection, found.ids(), Asked::Perhaps).await.map_err(not_ticked)?;
        }
        users.0.extend(found.0);
        Ok(users)
    }
}

impl Users {
    /// The user of this address, or why there is none.
    pub(super) fn get(&self, email: &str) -> Result<&str, &str> {
        let user = self.0.get(&email.to_lowercase());
        user.map_or(Err("REQUESTER_NOT_FOUND"), |user| user.as_deref().map_err(String::as_str))
    }

    fn insert(&mut self, email: &str, user: Result<String, String>) {
        self.0.insert(email.to_lowercase(), user);
    }

    fn ids(&self) -> Vec<String> {
        self.0.values().filter_map(|user| user.clone().ok()).collect()
    }
}

async fn create(connection: &Connection, company_id: &str, emails: &[&String]) -> Result<Vec<identity::UserVerdict>, Status> {
    let new = |email: &&String| identity::NewUser {
        role: identity::Role::Customer.into(),
        email: (*email).clone(),
        invitation: identity::Invitation::None.into(),
        ..Default::default()
    };
    let users = emails.iter().map(new).collect();
    let message = identity::BatchCreateUsersRequest { company_id: company_id.to_owned(), users, ..Default::default() };
    let send = async |request| connection.users().batch_create_users(request).await;
    Ok(connection.call(message, send).await?.verdicts)
}

fn reasons(verdict: &identity::UserVerdict) -> String {
    let names = verdict.reasons().map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_"));
    names.collect::<Vec<_>>().join(",")
}

/// Looks for users of the company by their addresses. An address that is a user's of another company stays taken.
async fn find(connection: &Connection, company_id: &str, mut wanted: HashSet<String>) -> Result<Users, Status> {
    let mut found = Users::default();
    let mut page_token = String::new();
    while !wanted.is_empty() {
        let page_size = i32::try_from(BATCH).expect("a thousand");
        let message = identity::ListUsersRequest { company_id: company_id.to_owned(), page_size, page_token };
        let page = connection.call(message, async |request| connection.users().list_users(request).await).await?;
        for user in page.users {
            let email = user.email.to_lowercase();
            if wanted.remove(&email) {
                found.insert(&email, Ok(user.user_id));
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    for email in wanted {
        found.insert(&email, Err("EMAIL_TAKEN".to_owned()));
    }
    Ok(found)
}

/// Whether somebody may have had a say about his ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// He was added a moment ago.
    Never,
    /// He was there. An import that was killed may have added him and not ticked him; or he has unticked since.
    Perhaps,
}

async fn tick_all(connection: &Connection, user_ids: Vec<String>, asked: Asked) -> Result<(), Status> {
    let ticked = stream::iter(user_ids).map(async |user_id| tick(connection, user_id, asked).await);
    ticked.buffer_unordered(CONCURRENT).try_collect().await
}

/// What somebody has set himself is not set for him; else it is set in his name. Whoever is blocked is told nothing anyway.
async fn tick(connection: &Connection, user_id: String, asked: Asked) -> Result<(), Status> {
    if asked == Asked::Perhaps {
        let message = notification::GetPreferencesRequest { user_id: user_id.clone() };
        let send = async |request| connection.preferences().get_preferences(request).await;
        if connection.call(message, send).await?.ever_set {
            return Ok(());
        }
    }
    let status_change = Some(notification::ChannelTicks { email: true, sms: false });
    let message = notification::UpdatePreferencesRequest {
        preferences: Some(notification::Preferences { user_id: user_id.clone(), status_change }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status_change.email".to_owned()] }),
    };
    let send = async |request| connection.preferences().update_preferences(request).await;
    match connection.call_for(&user_id, message, send).await {
        Err(status) if reason(&status) == "USER_BLOCKED" => Ok(()),
        other => other.map(|_| ()),
    }
}

fn not_ticked(status: Status) -> StartError {
    match status.code() {
        Code::PermissionDenied => {
            "ticks are set in their owners' names: that takes a credential of the kind ACTING_SERVICE".into()
        }
        _ => status.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_of_one_address_are_two_people() {
        let requester = |named: &str| Requester { email: "caller-1@example.com".to_owned(), named: named.to_owned() };
        let mut requesters = Requesters::default();
        for named in ["Caller 1", "caller-1", "Caller 1"] {
            requesters.meet(requester(named));
        }
        assert!(!requesters.is_ambiguous(&requester("Caller 1")) && requesters.is_ambiguous(&requester("caller-1")));
    }
}
