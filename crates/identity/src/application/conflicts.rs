//! What somebody learns of other people's contacts by wanting them for others (I8): counted, so that nobody asks for long.

use kernel::{Call, Caller, Permit};

use super::guessing::Attempt;
use super::{Error, Guessing};
use crate::domain::guessing::Guessed;

/// Somebody who may be about to learn that contacts are taken.
#[derive(Debug)]
pub(super) struct Learning(Option<Attempt>);

/// Refuses whoever has learnt enough. The realm's own services know all of its users: theirs is not counted.
pub(super) async fn begin(guessing: &Guessing, permit: &Permit, call: &Call) -> Result<Learning, Error> {
    let Caller::User(user) = call.caller() else { return Ok(Learning(None)) };
    let buckets = guessing.limits.of_conflicts(user.user_id);
    Ok(Learning(Some(guessing.begin(permit, user.realm_id, Guessed::Conflict, &buckets).await?)))
}

/// Counts what he was told: each conflict of a batch by itself.
pub(super) async fn end(
    guessing: &Guessing,
    permit: &Permit,
    call: &Call,
    Learning(counted): Learning,
    conflicts: usize,
) -> Result<(), Error> {
    let Some(counted) = counted else { return Ok(()) };
    if conflicts == 0 {
        return Ok(guessing.take_back(permit, std::slice::from_ref(&counted)).await?);
    }
    for _ in 1..conflicts {
        match begin(guessing, permit, call).await {
            Ok(_) => {}
            Err(Error::AttemptsLimited { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
