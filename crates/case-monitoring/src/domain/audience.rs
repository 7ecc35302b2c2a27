//! Who is concerned by a fact, known where and when it happens.

use kernel::UserId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AudienceMember {
    pub(crate) user_id: UserId,
    pub(crate) reason: AudienceReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AudienceReason {
    Requester,
}
