//! The presets of this release: files, embedded. A new preset is a file and a line in the table below; nothing else names one.

use kernel::Fault;
use serde::Deserialize;

use super::status_entry::StatusEntry;
use crate::application::Presets;
use crate::domain::{Preset, Workflow};

/// Names, as identity says them, and texts.
const FILES: [(&str, &str); 6] = [
    ("standard", include_str!("../../presets/standard.toml")),
    ("tender", include_str!("../../presets/tender.toml")),
    ("helpdesk", include_str!("../../presets/helpdesk.toml")),
    ("call_center", include_str!("../../presets/call_center.toml")),
    ("legal", include_str!("../../presets/legal.toml")),
    ("marketplace", include_str!("../../presets/marketplace.toml")),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetFile {
    version: i32,
    status: Vec<StatusEntry>,
}

#[derive(Debug)]
pub(crate) struct EmbeddedPresets(Vec<Preset>);

impl EmbeddedPresets {
    /// Reads all of them, so that a release with a bad one does not start.
    pub(crate) fn read() -> Result<Self, Fault> {
        let presets: Result<_, _> = FILES.iter().map(|(name, text)| preset(name, text)).collect();
        presets.map(Self)
    }
}

fn preset(name: &str, text: &str) -> Result<Preset, Fault> {
    let file: PresetFile = toml::from_str(text).map_err(Fault::internal)?;
    let statuses = file.status.into_iter().map(Into::into).collect();
    let workflow = Workflow::parse(statuses).map_err(Fault::internal)?;
    Ok(Preset { name: name.to_owned(), version: file.version, workflow })
}

impl Presets for EmbeddedPresets {
    fn get(&self, name: &str) -> Option<&Preset> {
        self.0.iter().find(|preset| preset.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_workflow_that_begins_with_a_new_case() {
        let presets = EmbeddedPresets::read().expect("good files");
        assert_eq!(presets.0.len(), FILES.len());
        for preset in &presets.0 {
            assert_eq!(preset.workflow.first().category, crate::domain::StatusCategory::New, "{}", preset.name);
            assert!(preset.version > 0 && presets.get(&preset.name).is_some());
        }
        assert!(presets.get("").is_none());
    }
}
