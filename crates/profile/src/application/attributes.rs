//! Further fields of a company's profiles: defined by its owners, and known to those who may see them.

use std::sync::Arc;

use kernel::{AttributeId, Authorized, Call, Clock, CompanyId, IdSource, Permit, Refusal};

use super::error::hidden_company;
use super::{ATTEMPTS, Attributes, Error, InsertAttribute};
use crate::domain::access::{Action, knows_all_attributes, viewer_of_company};
use crate::domain::{Attribute, AttributeFlaw, AttributeKey, AttributeRules, AttributeType, InvalidAttribute, ProposedRules};

pub(crate) struct AttributeUseCases {
    pub(crate) attributes: Arc<dyn Attributes>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

pub(crate) struct CreateAttribute {
    pub(crate) company_id: CompanyId,
    pub(crate) key: String,
    /// Nothing if none was named.
    pub(crate) kind: Option<AttributeType>,
    pub(crate) rules: ProposedRules,
}

pub(crate) struct UpdateAttribute {
    pub(crate) attribute_id: AttributeId,
    pub(crate) rules: ProposedRules,
    /// What the caller saw; empty to change it whatever it is by now.
    pub(crate) etag: String,
}

impl AttributeUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateAttribute) -> Result<Authorized<Attribute>, Error> {
        let company_id = command.company_id;
        let action = Action::ManageAttributes { company_id: Some(company_id) };
        let permit = call.authorize(&action).map_err(hidden_company)?;
        let (key, kind, rules) = read(&command).map_err(Error::AttributeInvalid)?;
        let (realm_id, id) = (call.realm_id()?, self.ids.new_id(self.clock.now()));
        let attribute = Attribute { realm_id, id, company_id, key, kind, rules, version: 1 };
        match self.attributes.insert(&permit, call, &attribute).await? {
            InsertAttribute::Done => Ok(permit.show(attribute)),
            InsertAttribute::Exists => Err(Error::AttributeExists),
            InsertAttribute::TooMany => Err(Error::AttributesLimited),
        }
    }

    pub(crate) async fn list(&self, call: &Call, company_id: CompanyId) -> Result<Authorized<Vec<Attribute>>, Error> {
        let permit = call.authorize(&Action::ListAttributes { company_id }).map_err(hidden_company)?;
        let mut attributes = self.attributes.list(call.realm_id()?, &[company_id]).await?;
        if !knows_all_attributes(call.caller()) {
            let viewer = viewer_of_company(call.caller());
            attributes.retain(|attribute| viewer.sees(&attribute.rules));
        }
        Ok(permit.show(attributes))
    }

    pub(crate) async fn update(&self, call: &Call, command: UpdateAttribute) -> Result<Authorized<Attribute>, Error> {
        for _ in 0..ATTEMPTS {
            let (attribute, permit) = self.manage(call, command.attribute_id, &command.etag).await?;
            let rules = AttributeRules::read(attribute.kind, Some(&attribute.rules), &command.rules);
            let rules = rules.map_err(Error::AttributeInvalid)?;
            let Some(changed) = attribute.changed(rules) else { return Ok(permit.show(attribute)) };
            let parts = changed.rules.differing(&attribute.rules);
            if self.attributes.update(&permit, call, &changed, &parts).await? {
                return Ok(permit.show(changed));
            }
        }
        Err(Error::EtagMismatch)
    }

    pub(crate) async fn delete(&self, call: &Call, id: AttributeId, etag: &str) -> Result<Authorized<()>, Error> {
        for _ in 0..ATTEMPTS {
            let (attribute, permit) = self.manage(call, id, etag).await?;
            if self.attributes.delete(&permit, call, &attribute).await? {
                return Ok(permit.show(()));
            }
        }
        Err(Error::EtagMismatch)
    }

    async fn manage(&self, call: &Call, id: AttributeId, etag: &str) -> Result<(Attribute, Permit), Error> {
        let found = self.attributes.get(call.realm_id()?, id).await?;
        let company_id = found.as_ref().map(|attribute| attribute.company_id);
        let permit = call.authorize(&Action::ManageAttributes { company_id }).map_err(hidden_attribute)?;
        let attribute = found.ok_or(Error::AttributeNotFound)?;
        if !etag.is_empty() && etag != attribute.etag() {
            return Err(Error::EtagMismatch);
        }
        Ok((attribute, permit))
    }
}

/// What was chosen for good and what can be changed, or everything that is wrong with either.
fn read(command: &CreateAttribute) -> Result<(AttributeKey, AttributeType, AttributeRules), Vec<InvalidAttribute>> {
    let key = AttributeKey::parse(&command.key);
    let kind = command.kind.ok_or(AttributeFlaw::Type);
    let rules = AttributeRules::read(command.kind.unwrap_or(AttributeType::Text), None, &command.rules);
    match (key, kind, rules) {
        (Ok(key), Ok(kind), Ok(rules)) => Ok((key, kind, rules)),
        (key, kind, rules) => {
            let chosen = [("key", key.err()), ("type", kind.err())];
            let wrong = chosen.into_iter().filter_map(|(field, flaw)| Some((field, flaw?)));
            Err(wrong.chain(rules.err().unwrap_or_default()).collect())
        }
    }
}

fn hidden_attribute(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::AttributeNotFound } else { Error::Refused(refusal) }
}
