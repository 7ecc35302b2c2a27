//! What the services of a process keep of users, each by its name.

use std::sync::{Arc, Mutex};

use super::Holdings;

#[derive(Clone, Default)]
pub(super) struct ExportDesk(Arc<Mutex<Vec<Holdings>>>);

impl ExportDesk {
    pub(super) fn add(&self, holdings: Holdings) {
        self.0.lock().expect("nobody panics while holding the desk").push(holdings);
    }

    /// None if the service is not one of this process.
    pub(super) fn of(&self, service: &str) -> Option<Holdings> {
        let all = self.0.lock().expect("nobody panics while holding the desk");
        all.iter().find(|holdings| holdings.component.as_str() == service).cloned()
    }
}
