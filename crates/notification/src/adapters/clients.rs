//! What notification asks of its peers.

use std::collections::HashMap;

use api::cabinet::case_monitoring::v1 as pb_cases;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::autologin_service_client::AutologinServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::profile::v1 as pb_profile;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use async_trait::async_trait;
use kernel::{CaseId, DeliveryId, Errand, Fault, RealmId, Secret, Timestamp, UserId};
use runtime::grpc::{Client, peer_fault, timestamp};

use crate::adapters::events;
use crate::adapters::postgres::StoredSpeech;
use crate::adapters::realms::RealmFacts;
use crate::application::{Autologin, Autologins, AutologinsMade, CaseChanges, CaseDelivery, PersonStanding, UserContacts, Users};
use crate::domain::{CaseChange, Kind, Phone};

/// Identity, as notification needs it.
pub(crate) struct IdentityClient(Client);

impl IdentityClient {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }
}

impl IdentityClient {
    /// A realm as identity has it; none if there is no such realm.
    pub(crate) async fn realm(&self, realm_id: RealmId, errand: Errand<'_>) -> Result<Option<RealmFacts>, Fault> {
        let request = self.0.request(pb::GetRealmRequest { realm_id: realm_id.to_string() }, errand).await?;
        match RealmServiceClient::new(self.0.channel()).get_realm(request).await {
            Ok(answer) => Ok(answer.into_inner().realm.map(realm)),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(peer_fault(status)),
        }
    }
}

fn realm(realm: pb::Realm) -> RealmFacts {
    RealmFacts {
        name: realm.name,
        public_url: realm.public_url,
        sender: realm.sender,
        language: realm.language,
        time_zone: realm.time_zone,
        version: realm.version,
    }
}

#[async_trait]
impl Users for IdentityClient {
    async fn contacts(&self, realm_id: RealmId, ids: &[UserId], errand: Errand<'_>) -> Result<Vec<UserContacts>, Fault> {
        let question =
            pb::BatchGetUsersRequest { realm_id: realm_id.to_string(), user_ids: ids.iter().map(ToString::to_string).collect() };
        let request = self.0.request(question, errand).await?;
        let answer = UserServiceClient::new(self.0.channel()).batch_get_users(request).await.map_err(peer_fault)?;
        answer.into_inner().users.into_iter().map(contacts).collect()
    }
}

fn contacts(user: pb::User) -> Result<UserContacts, Fault> {
    let user_id = user.user_id.parse().map_err(Fault::internal)?;
    let standing = if user.status() == pb::UserStatus::Blocked { PersonStanding::Blocked } else { PersonStanding::Active };
    let email = if user.email.is_empty() { None } else { Some(user.email) };
    let phone = match (user.phone.is_empty(), user.phone_verified) {
        (true, _) => Phone::Missing,
        (false, false) => Phone::Unconfirmed(user.phone),
        (false, true) => Phone::Confirmed(user.phone),
    };
    Ok(UserContacts { user_id, version: user.version, email, phone, standing })
}

#[async_trait]
impl Autologins for IdentityClient {
    async fn make(&self, realm_id: RealmId, letters: &[CaseDelivery], errand: Errand<'_>) -> Result<AutologinsMade, Fault> {
        let deliveries = letters.iter().map(case_delivery).collect();
        let question = pb::BatchMakeAutologinsRequest { realm_id: realm_id.to_string(), deliveries };
        let request = self.0.request(question, errand).await?;
        match AutologinServiceClient::new(self.0.channel()).batch_make_autologins(request).await {
            Ok(answer) => answer.into_inner().autologins.into_iter().map(autologin).collect(),
            // Letters of a realm that is none do not leave.
            Err(status) if status.code() == tonic::Code::NotFound => Ok(HashMap::new()),
            Err(status) => Err(peer_fault(status)),
        }
    }
}

fn case_delivery(letter: &CaseDelivery) -> pb::CaseDelivery {
    pb::CaseDelivery {
        delivery_id: letter.delivery_id.to_string(),
        user_id: letter.user_id.to_string(),
        case_id: letter.case_id.to_string(),
        create_time: Some(timestamp(letter.created_at)),
    }
}

fn autologin(made: pb::Autologin) -> Result<(DeliveryId, Autologin), Fault> {
    let pb::Autologin { delivery_id, token, email } = made;
    Ok((delivery_id.parse().map_err(Fault::internal)?, Autologin { token: Secret::new(token), email }))
}

/// Profile, as notification needs it.
pub(crate) struct ProfileClient(Client);

impl ProfileClient {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }

    /// How those of the people who exist want to be spoken to.
    pub(crate) async fn speech(&self, realm_id: RealmId, ids: &[UserId], errand: Errand<'_>) -> Result<Vec<StoredSpeech>, Fault> {
        let user_ids = ids.iter().map(ToString::to_string).collect();
        let question = pb_profile::BatchGetProfilesRequest { realm_id: realm_id.to_string(), user_ids };
        let request = self.0.request(question, errand).await?;
        let answer = ProfileServiceClient::new(self.0.channel()).batch_get_profiles(request).await.map_err(peer_fault)?;
        answer.into_inner().profiles.into_iter().map(stored_speech).collect()
    }
}

fn stored_speech(profile: pb_profile::Profile) -> Result<StoredSpeech, Fault> {
    let user_id = profile.user_id.parse().map_err(Fault::internal)?;
    Ok(StoredSpeech { user_id, version: profile.version, language: profile.language, time_zone: profile.time_zone })
}

/// Case-monitoring, as notification needs it.
pub(crate) struct CaseMonitoringClient(Client);

impl CaseMonitoringClient {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl CaseChanges for CaseMonitoringClient {
    async fn get(
        &self,
        realm_id: RealmId,
        case_id: CaseId,
        case_version: i64,
        errand: Errand<'_>,
    ) -> Result<Option<CaseChange>, Fault> {
        let (realm_id, case_id) = (realm_id.to_string(), case_id.to_string());
        let request = self.0.request(pb_cases::GetCaseChangeRequest { realm_id, case_id, case_version }, errand).await?;
        match CaseServiceClient::new(self.0.channel()).get_case_change(request).await {
            Ok(answer) => answer.get_ref().change.as_ref().map(case_change).transpose(),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(peer_fault(status)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a change of a case without its moment")]
struct NoMoment;

fn case_change(change: &pb_cases::CaseChange) -> Result<CaseChange, Fault> {
    let at = change.change_time.ok_or_else(|| Fault::internal(NoMoment))?;
    Ok(CaseChange {
        kind: (change.kind() == pb_cases::CaseChangeKind::StatusChanged && !change.silent).then_some(Kind::StatusChange),
        at: Timestamp::new(at.seconds, at.nanos).map_err(Fault::internal)?,
        requesters: events::requesters(&change.audience).map_err(Fault::internal)?,
    })
}
