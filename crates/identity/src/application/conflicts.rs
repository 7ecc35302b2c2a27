//! What somebody learns of other people's contacts by wanting them for others (I8): counted before it is told, so that nobody asks for long.

use kernel::{Call, Caller, Permit};

use super::guessing::Attempt;
use super::{Error, Guessing};
use crate::domain::guessing::Guessed;

/// Somebody who may be about to learn that contacts of so many users are taken.
#[derive(Debug)]
pub(super) struct Learning(Option<(Attempt, i32)>);

/// Counts as many as he may be told of; refuses whoever has learnt enough. The realm's own services know all of its users: theirs is not
/// counted.
pub(super) async fn begin(guessing: &Guessing, permit: &Permit, call: &Call, users: usize) -> Result<Learning, Error> {
    let Caller::User(user) = call.caller() else { return Ok(Learning(None)) };
    let times = i32::try_from(users).unwrap_or(i32::MAX);
    let buckets = guessing.limits.of_conflicts(user.user_id, user.company_id);
    let counted = guessing.begin_several(permit, user.realm_id, Guessed::Conflict, &buckets, times).await?;
    Ok(Learning(Some((counted, times))))
}

/// Takes back what he was not told. Whatever he asked for is done by now, and does not depend on it.
pub(super) async fn end(guessing: &Guessing, permit: &Permit, Learning(counted): Learning, conflicts: usize) {
    let Some((counted, times)) = counted else { return };
    let untold = times - i32::try_from(conflicts).unwrap_or(i32::MAX).min(times);
    if untold == 0 {
        return;
    }
    if let Err(fault) = guessing.take_back_several(permit, &counted, untold).await {
        tracing::warn!(error = &fault as &dyn std::error::Error, "conflicts that were not told stay counted");
    }
}
