//! Profile's tables. Rows are private here.

mod avatars;
mod profiles;

pub(crate) use avatars::{PgAvatars, PgUnusedAvatars};
pub(crate) use profiles::PgProfiles;
