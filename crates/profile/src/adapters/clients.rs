//! What profile asks of its peers.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use async_trait::async_trait;
use kernel::{Call, Fault, InvalidId, Line, NameForm, NameLetters, NameNeed, NameRule, PersonName, RealmId, UserId};
use runtime::grpc::{Client, peer_fault};
use tonic::Code;

use crate::application::{NameRules, Users};
use crate::domain::{Contacts, Person, Values};

/// Identity, as profile needs it.
pub(crate) struct IdentityClient(Client);

impl IdentityClient {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl Users for IdentityClient {
    async fn people(&self, call: &Call, realm_id: RealmId, user_ids: &[UserId]) -> Result<Vec<Person>, Fault> {
        let user_ids = user_ids.iter().map(UserId::to_string).collect();
        let question = pb::BatchGetUsersRequest { realm_id: realm_id.to_string(), user_ids };
        let request = self.0.request(question, call.errand()).await?;
        let answer = UserServiceClient::new(self.0.channel()).batch_get_users(request).await.map_err(peer_fault)?;
        answer.into_inner().users.into_iter().map(|user| person(user).map_err(Fault::internal)).collect()
    }
}

#[async_trait]
impl NameRules for IdentityClient {
    async fn of(&self, call: &Call, realm_id: RealmId) -> Result<Option<NameRule>, Fault> {
        let question = pb::GetPolicyRequest { realm_id: realm_id.to_string() };
        let request = self.0.request(question, call.errand()).await?;
        match RealmServiceClient::new(self.0.channel()).get_policy(request).await {
            Ok(answer) => {
                // A release of identity that has no rule knows of none.
                let told = answer.into_inner().policy.and_then(|policy| policy.names);
                let rule = told.map_or(Some(NameRule::FREE), name_rule);
                rule.map(Some).ok_or_else(|| Fault::internal(UnknownRule))
            }
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(peer_fault(status)),
        }
    }
}

/// Identity is of a release that knows more than this one.
#[derive(Debug, thiserror::Error)]
#[error("identity told of a rule for names that is not known")]
struct UnknownRule;

fn name_rule(rule: pb::NameRule) -> Option<NameRule> {
    let form = match rule.form() {
        pb::NameForm::Full => NameForm::Full,
        pb::NameForm::FullWithParts => NameForm::FullWithParts,
        pb::NameForm::FirstLast => NameForm::FirstLast,
        pb::NameForm::LastFirstMiddle => NameForm::LastFirstMiddle,
        pb::NameForm::Unspecified => return None,
    };
    let letters = match rule.letters() {
        pb::NameLetters::Any => NameLetters::Any,
        pb::NameLetters::Cyrillic => NameLetters::Cyrillic,
        pb::NameLetters::CyrillicWithMarks => NameLetters::CyrillicWithMarks,
        pb::NameLetters::Unspecified => return None,
    };
    let need = match rule.need() {
        pb::NameNeed::Optional => NameNeed::Optional,
        pb::NameNeed::Required => NameNeed::Required,
        pb::NameNeed::Unspecified => return None,
    };
    Some(NameRule { form, letters, need })
}

/// What was said of somebody when he was added was looked at then.
fn introduced(said: pb::Introduction) -> Values {
    let pb::Introduction { full_name, last_name, first_name, middle_name, language } = said;
    let [full, last, first, middle] = [full_name, last_name, first_name, middle_name].map(Line::from_stored);
    let name = PersonName { full, last, first, middle };
    Values { name, language: language.parse().ok(), ..Values::default() }
}

fn person(user: pb::User) -> Result<Person, InvalidId> {
    Ok(Person {
        user_id: user.user_id.parse()?,
        company_id: user.company_id.parse()?,
        contacts: Contacts { email: user.email, user_name: user.user_name, phone: user.phone },
        introduction: user.introduction.map(introduced).unwrap_or_default(),
    })
}
