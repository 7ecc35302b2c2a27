//! Realms for tests, as the realm file writes them.

use kernel::{CompanyId, RealmId};

use crate::new_id;

/// A realm with one company and a small workflow: NEW → OPEN → RESOLVED → CLOSED, back to OPEN, and CANCELLED from NEW and OPEN.
#[derive(Debug, Clone)]
pub struct TestRealm {
    pub id: RealmId,
    pub company_id: CompanyId,
    /// A second company of the same realm.
    pub other_company_id: CompanyId,
    pub name: String,
}

impl TestRealm {
    pub(crate) fn new(name: &str) -> Self {
        Self { id: new_id(), company_id: new_id(), other_company_id: new_id(), name: name.to_owned() }
    }

    pub(crate) fn toml(&self) -> String {
        let Self { id, company_id, other_company_id, name } = self;
        format!(
            r#"
[[realm]]
id = "{id}"
companies = ["{company_id}", "{other_company_id}"]
name = "{name}"
public_url = "https://{}.example"
sender = "{name} <noreply@{}.example>"
language = "en"
time_zone = "Europe/Kyiv"

[[realm.status]]
code = "NEW"
category = "NEW"
label = {{ en = "New" }}
moves_to = ["OPEN", "CANCELLED"]

[[realm.status]]
code = "OPEN"
category = "OPEN"
label = {{ en = "Assigned" }}
requester_label = {{ en = "In progress" }}
moves_to = ["RESOLVED", "CANCELLED"]

[[realm.status]]
code = "RESOLVED"
category = "RESOLVED"
label = {{ en = "Resolved" }}
moves_to = ["CLOSED", "OPEN"]

[[realm.status]]
code = "CLOSED"
category = "CLOSED"
label = {{ en = "Closed" }}
moves_to = ["OPEN"]

[[realm.status]]
code = "CANCELLED"
category = "CANCELLED"
label = {{ en = "Cancelled" }}
moves_to = []
"#,
            name.to_lowercase(),
            name.to_lowercase(),
        )
    }
}
