//! Pictures of people: taken, shown, taken away. Files come before the row that names them, and go after it; of those that nobody
//! names it is written down that they are to go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use kernel::{Authorized, AvatarId, Call, Fault, RealmId, Timestamp, UserId};

use super::profiles::{Met, ProfileView, realm_of};
use super::{ATTEMPTS, AvatarFiles, AvatarMaker, Avatars, Error, ProfileUseCases, WriteProfileError};
use crate::domain::access::Action;
use crate::domain::{AvatarSize, Etag, PictureFile, Profile};

/// After this time the files of an upload that came to no end are removed; a call lasts half a minute.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// So many files may be on their way in at once, in 80 MiB.
const UPLOADS: usize = 16;

pub(crate) struct AvatarUseCases {
    pub(crate) profiles: Arc<ProfileUseCases>,
    pub(crate) avatars: Arc<dyn Avatars>,
    pub(crate) files: Arc<dyn AvatarFiles>,
    pub(crate) maker: Arc<dyn AvatarMaker>,
    pub(crate) uploads: Uploads,
}

/// Whose avatar is changed.
pub(crate) struct ChangeAvatar {
    pub(crate) user_id: UserId,
    /// Nothing is changed if the profile has another by now.
    pub(crate) etag: Option<Etag>,
}

pub(crate) struct GetAvatar {
    /// Wanted of callers that belong to no realm.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) user_id: UserId,
    pub(crate) size: AvatarSize,
    /// The one that the caller has already.
    pub(crate) known: Option<AvatarId>,
}

/// An avatar in one size.
pub(crate) struct AvatarView {
    pub(crate) avatar_id: AvatarId,
    /// Nothing if the caller has it already.
    pub(crate) content: Option<Vec<u8>>,
}

/// A file on its way in, and its place among those that are.
pub(crate) struct Upload {
    command: ChangeAvatar,
    file: PictureFile,
    place: Place,
}

impl Upload {
    pub(crate) fn add(&mut self, chunk: &[u8]) -> Result<(), Error> {
        Ok(self.file.add(chunk)?)
    }
}

/// A profile names an avatar of which there are no files.
#[derive(Debug, thiserror::Error)]
#[error("the files of avatar {0} are gone")]
struct AvatarLost(AvatarId);

impl AvatarUseCases {
    /// Lets a file be sent, if its sender may change the avatar and there is room for it.
    pub(crate) async fn begin(&self, call: &Call, command: ChangeAvatar) -> Result<Upload, Error> {
        let realm_id = call.realm_id()?;
        let Met { profile, .. } = self.profiles.meet(call, realm_id, command.user_id).await?;
        call.authorize(&Action::UpdateProfile(&profile))?;
        fits(command.etag.as_ref(), &profile)?;
        let place = self.uploads.place(command.user_id).ok_or(Error::AvatarsBusy)?;
        Ok(Upload { command, file: PictureFile::default(), place })
    }

    /// Makes an avatar of the whole file, keeps it and gives it to the person.
    pub(crate) async fn finish(&self, call: &Call, upload: Upload) -> Result<Authorized<ProfileView>, Error> {
        let Upload { command, file, place } = upload;
        let format = file.format()?;
        let avatar = self.maker.make(format, file).await?;
        drop(place);

        let realm_id = call.realm_id()?;
        let Met { profile, .. } = self.profiles.meet(call, realm_id, command.user_id).await?;
        let permit = call.authorize(&Action::UpdateProfile(&profile))?;
        let now = self.profiles.clock.now();
        let avatar_id = self.profiles.ids.new_id(now);
        let abandoned_at = now.checked_add(ABANDONED_AFTER).unwrap_or(Timestamp::MAX);
        self.avatars.expect(&permit, realm_id, avatar_id, abandoned_at).await?;
        self.files.put(realm_id, avatar_id, &avatar).await?;
        self.change(call, command, Some(avatar_id)).await
    }

    pub(crate) async fn delete(&self, call: &Call, command: ChangeAvatar) -> Result<Authorized<ProfileView>, Error> {
        self.change(call, command, None).await
    }

    pub(crate) async fn get(&self, call: &Call, query: GetAvatar) -> Result<Authorized<AvatarView>, Error> {
        let realm_id = realm_of(call, query.realm_id)?;
        let mut lost = None;
        loop {
            let Met { profile, .. } = self.profiles.meet(call, realm_id, query.user_id).await?;
            let permit = call.authorize(&Action::SeeProfile(&profile))?;
            let avatar_id = profile.avatar_id().ok_or(Error::AvatarNotFound)?;
            if query.known == Some(avatar_id) {
                return Ok(permit.show(AvatarView { avatar_id, content: None }));
            }
            if let Some(content) = self.files.get(realm_id, avatar_id, query.size).await? {
                return Ok(permit.show(AvatarView { avatar_id, content: Some(content) }));
            }
            if lost.replace(avatar_id) == Some(avatar_id) {
                return Err(Fault::internal(AvatarLost(avatar_id)).into());
            }
            // Perhaps the person has another since the profile was read.
        }
    }

    async fn change(
        &self,
        call: &Call,
        command: ChangeAvatar,
        avatar_id: Option<AvatarId>,
    ) -> Result<Authorized<ProfileView>, Error> {
        let realm_id = call.realm_id()?;
        for _ in 0..ATTEMPTS {
            let Met { mut profile, contacts } = self.profiles.meet(call, realm_id, command.user_id).await?;
            let permit = call.authorize(&Action::UpdateProfile(&profile))?;
            fits(command.etag.as_ref(), &profile)?;
            let (former, now) = (profile.avatar_id(), self.profiles.clock.now());
            let changed = profile.change_avatar(avatar_id, now);
            // Made before anything is written: what was saved must not be answered as a failure.
            let view = self.profiles.view(call, profile, contacts).await?;
            let Some(changed) = changed else { return Ok(permit.show(view)) };
            let event_id = self.profiles.ids.new_id(now);
            match self.avatars.change(&permit, call, &view.profile, event_id, changed, former).await {
                Ok(()) => return Ok(permit.show(view)),
                Err(WriteProfileError::Stale) => {}
                Err(WriteProfileError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::ProfileChanged)
    }
}

fn fits(shown: Option<&Etag>, profile: &Profile) -> Result<(), Error> {
    if shown.is_some_and(|etag| *etag != profile.etag()) { Err(Error::EtagMismatch) } else { Ok(()) }
}

/// Who sends a file at this moment: each person one, and not too many of them.
#[derive(Clone, Default)]
pub(crate) struct Uploads(Arc<Mutex<BTreeSet<UserId>>>);

/// Given back when it is dropped.
struct Place {
    uploads: Uploads,
    user_id: UserId,
}

impl Uploads {
    fn place(&self, user_id: UserId) -> Option<Place> {
        let mut sending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = sending.len() < UPLOADS && sending.insert(user_id);
        is_free.then(|| Place { uploads: self.clone(), user_id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.uploads.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.user_id);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Rule P5.c: so many files at once and no more; whoever breaks off leaves his place.
    #[test]
    fn a_few_send_at_once_and_each_one_file() {
        let uploads = Uploads::default();
        let user = |number| UserId::from_uuid(Uuid::from_u128(number));
        let mut places: Vec<_> = (0..16).map(|number| uploads.place(user(number))).collect();
        assert!(places.iter().all(Option::is_some) && uploads.place(user(99)).is_none());
        places.pop();
        assert!(uploads.place(user(0)).is_none(), "he is at it already");
        assert!(uploads.place(user(99)).is_some());
    }
}
