//! Further fields as they stand on profiles: each caller sees his, and writes some of them.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{AttributeId, Call, CompanyId, Fault, RealmId, UserId};

use super::{Error, ProfileUseCases};
use crate::domain::access::viewer_of;
use crate::domain::{Attribute, AttributeChange, AttributeValues, InvalidAttributeValue, Profile, ProposedAttribute, Viewer};

/// A further field of a profile that the caller may see.
#[derive(Debug)]
pub(crate) struct ShownAttribute {
    pub(crate) attribute: Attribute,
    pub(crate) values: AttributeValues,
    /// As it is kept: also what is no option any more.
    stored: AttributeValues,
    /// Whether he may write it.
    pub(crate) editable: bool,
}

/// What somebody wants to have written, as far as it can be.
pub(super) struct ReadAttributes {
    /// What differs from what is there.
    pub(super) changes: Vec<AttributeChange>,
    pub(super) wrong: Vec<InvalidAttributeValue>,
}

impl ProfileUseCases {
    /// Of each profile what the caller may see, with one question about all definitions and one about all values.
    pub(super) async fn attributes_of(
        &self,
        call: &Call,
        realm_id: RealmId,
        profiles: &[&Profile],
    ) -> Result<BTreeMap<UserId, Vec<ShownAttribute>>, Fault> {
        let sees_nothing = Viewer::As(BTreeSet::new());
        let viewers = profiles.iter().map(|profile| (*profile, viewer_of(call.caller(), profile)));
        let viewers: Vec<(&Profile, Viewer)> = viewers.filter(|(_, viewer)| *viewer != sees_nothing).collect();
        if viewers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let companies: BTreeSet<CompanyId> = viewers.iter().map(|(profile, _)| profile.company_id()).collect();
        let companies: Vec<_> = companies.into_iter().collect();
        let mut placed = self.attributes.list(realm_id, &companies).await?;
        placed.retain(|attribute| attribute.rules.placed);
        if placed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let user_ids: Vec<_> = viewers.iter().map(|(profile, _)| profile.user_id()).collect();
        let mut values: BTreeMap<(UserId, AttributeId), AttributeValues> = self.attributes.values(realm_id, &user_ids).await?;
        let mut shown = BTreeMap::new();
        for (profile, viewer) in viewers {
            let of_company = placed.iter().filter(|attribute| attribute.company_id == profile.company_id());
            let seen = of_company.filter(|attribute| viewer.sees(&attribute.rules)).map(|attribute| {
                let stored = values.remove(&(profile.user_id(), attribute.id)).unwrap_or_default();
                let editable = viewer.writes(&attribute.rules);
                let values = stored.clone().still_offered(attribute);
                ShownAttribute { attribute: attribute.clone(), values, stored, editable }
            });
            shown.insert(profile.user_id(), seen.collect());
        }
        Ok(shown)
    }

    pub(super) async fn attributes_of_one(&self, call: &Call, profile: &Profile) -> Result<Vec<ShownAttribute>, Fault> {
        let mut shown = self.attributes_of(call, profile.realm_id(), &[profile]).await?;
        Ok(shown.remove(&profile.user_id()).unwrap_or_default())
    }
}

/// What is not shown does not exist; what is shown may be for others to write.
pub(super) fn read(shown: &[ShownAttribute], proposed: &[ProposedAttribute]) -> Result<ReadAttributes, Error> {
    let mut read = ReadAttributes { changes: Vec::new(), wrong: Vec::new() };
    let find = |key: &str| shown.iter().find(|shown| shown.attribute.key.as_str() == key);
    let found: Option<Vec<_>> = proposed.iter().map(|proposed| Some((find(&proposed.key)?, proposed))).collect();
    let found = found.ok_or(Error::AttributeUnknown)?;
    if found.iter().any(|(shown, _)| !shown.editable) {
        return Err(Error::AttributeReadOnly);
    }
    for (shown, proposed) in found {
        match AttributeChange::read(&shown.attribute, &proposed.values) {
            Ok(change) if change.values == shown.stored => {}
            Ok(change) => read.changes.push(change),
            Err(flaw) => read.wrong.push(InvalidAttributeValue { key: shown.attribute.key.clone(), flaw }),
        }
    }
    Ok(read)
}

/// As it is after the changes.
pub(super) fn write(shown: &mut [ShownAttribute], changes: &[AttributeChange]) {
    for change in changes {
        for shown in shown.iter_mut().filter(|shown| shown.attribute.id == change.attribute_id) {
            shown.values = change.values.clone();
        }
    }
}

/// What is changed, as masks name it.
pub(super) fn named(shown: &[ShownAttribute], changes: &[AttributeChange]) -> Vec<String> {
    let of = |change: &AttributeChange| shown.iter().find(|shown| shown.attribute.id == change.attribute_id);
    changes.iter().filter_map(of).map(|shown| format!("attributes.{}", shown.attribute.key.as_str())).collect()
}
