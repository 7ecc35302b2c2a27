//! Policies as they are written: in the files of the presets, and in the realms that copied them.

use std::time::Duration;

use kernel::Fault;
use serde::{Deserialize, Serialize};

use crate::application::Presets;
use crate::domain::{Contact, PasswordRule, Policy, SessionLifetimes};

/// The presets there are. No code but this table names one.
const PRESETS: [(&str, &str); 1] = [("standard", include_str!("../../presets/standard.toml"))];

const DAY: Duration = Duration::from_hours(24);

/// A preset's file.
#[derive(Debug, Deserialize)]
struct PresetFile {
    version: i32,
    #[serde(flatten)]
    policy: PolicyForm,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PolicyForm {
    required_contacts: Vec<String>,
    password: PasswordForm,
    sessions: SessionsForm,
}

#[derive(Debug, Serialize, Deserialize)]
struct PasswordForm {
    min_length: usize,
    max_length: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct SessionsForm {
    idle_days: u32,
    longest_days: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("a policy names a contact that there is not")]
struct UnknownContact;

impl TryFrom<PolicyForm> for Policy {
    type Error = Fault;

    fn try_from(form: PolicyForm) -> Result<Self, Fault> {
        let contact = |name: &String| name.parse::<Contact>().map_err(|()| Fault::internal(UnknownContact));
        let required_contacts: Result<_, _> = form.required_contacts.iter().map(contact).collect();
        Ok(Self {
            required_contacts: required_contacts?,
            password: PasswordRule { min_length: form.password.min_length, max_length: form.password.max_length },
            sessions: SessionLifetimes { idle: DAY * form.sessions.idle_days, longest: DAY * form.sessions.longest_days },
        })
    }
}

impl From<&Policy> for PolicyForm {
    fn from(policy: &Policy) -> Self {
        let days = |duration: Duration| u32::try_from(duration.as_secs() / DAY.as_secs()).unwrap_or(u32::MAX);
        Self {
            required_contacts: policy.required_contacts.iter().map(|contact| contact.as_str().to_owned()).collect(),
            password: PasswordForm { min_length: policy.password.min_length, max_length: policy.password.max_length },
            sessions: SessionsForm { idle_days: days(policy.sessions.idle), longest_days: days(policy.sessions.longest) },
        }
    }
}

/// The presets of this release, read once.
pub(crate) struct PresetFiles(Vec<(&'static str, Policy, i32)>);

impl PresetFiles {
    pub(crate) fn read() -> Result<Self, Fault> {
        let presets = PRESETS.into_iter().map(|(name, text)| {
            let file: PresetFile = toml::from_str(text).map_err(Fault::internal)?;
            Ok((name, file.policy.try_into()?, file.version))
        });
        presets.collect::<Result<_, Fault>>().map(Self)
    }
}

impl Presets for PresetFiles {
    fn get(&self, name: &str) -> Option<(Policy, i32)> {
        self.0.iter().find(|(known, ..)| *known == name).map(|(_, policy, version)| (policy.clone(), *version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_read_and_kept() {
        let presets = PresetFiles::read().expect("the files are part of the program");
        for (name, _) in PRESETS {
            let (policy, version) = presets.get(name).expect("it was read");
            let kept = serde_json::to_value(PolicyForm::from(&policy)).expect("a policy can be written");
            let read: PolicyForm = serde_json::from_value(kept).expect("what was written can be read");
            assert_eq!(Policy::try_from(read).ok(), Some(policy), "{name}");
            assert!(version >= 1);
        }
    }
}
