//! Ticking and unticking, and what can be ticked.

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, RealmId, UserId};

use super::{Error, People, PreferenceStore, UserContacts, Users};
use crate::domain::access::Action;
use crate::domain::{Channel, Preference, Preferences, Unavailable, contact};

pub(crate) struct PreferenceUseCases {
    pub(crate) preferences: Arc<dyn PreferenceStore>,
    pub(crate) people: Arc<dyn People>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Those by which something leaves this system.
    pub(crate) channels: &'static [Channel],
}

#[derive(Debug)]
pub(crate) struct UpdatePreferences {
    pub(crate) wanted: Preferences,
    /// Which of them are to change; the others stay.
    pub(crate) named: Vec<Preference>,
}

/// A person's ticks, and whether each channel can reach him.
#[derive(Debug)]
pub(crate) struct PreferenceSheet {
    /// Nothing if nobody has ever set any.
    pub(crate) preferences: Option<Preferences>,
    pub(crate) user_id: UserId,
    pub(crate) channels: Vec<(Channel, Result<(), Unavailable>)>,
}

impl PreferenceUseCases {
    pub(crate) async fn get(&self, call: &Call, user_id: UserId) -> Result<Authorized<PreferenceSheet>, Error> {
        let realm_id = call.realm_id()?;
        let permit = call.authorize(&Action::GetPreferences { realm_id, user_id })?;
        let contacts = self.contacts(call, realm_id, user_id).await?;
        let preferences = self.preferences.get(realm_id, user_id).await?;
        let channels = Channel::ALL.map(|channel| (channel, self.availability(channel, &contacts))).into();
        Ok(permit.show(PreferenceSheet { preferences, user_id, channels }))
    }

    pub(crate) async fn update(&self, call: &Call, command: UpdatePreferences) -> Result<Authorized<Preferences>, Error> {
        let realm_id = call.realm_id()?;
        let user_id = command.wanted.user_id;
        let permit = call.authorize(&Action::UpdatePreferences { realm_id, user_id })?;
        let contacts = self.contacts(call, realm_id, user_id).await?;
        self.require_reachable(&command, &contacts)?;
        let preferences = self.preferences.update(&permit, realm_id, command.wanted, &command.named, self.clock.now()).await?;
        Ok(permit.show(preferences))
    }

    /// I21: who is not known here yet is asked of identity; and so is everybody, whose contacts may have changed since.
    async fn contacts(&self, call: &Call, realm_id: RealmId, user_id: UserId) -> Result<UserContacts, Error> {
        let mut contacts = self.users.contacts(realm_id, &[user_id], call.errand()).await?;
        self.people.learn(realm_id, &contacts).await?;
        contacts.pop().ok_or(Error::UserNotFound)
    }

    /// N1: a channel that cannot reach him cannot be ticked.
    fn require_reachable(&self, command: &UpdatePreferences, contacts: &UserContacts) -> Result<(), Error> {
        let ticked = command.named.iter().filter(|preference| command.wanted.is_ticked(**preference));
        let channels = ticked.map(|preference| preference.channel());
        let unavailable: Vec<_> =
            channels.filter_map(|channel| Some((channel, self.availability(channel, contacts).err()?))).collect();
        if unavailable.is_empty() { Ok(()) } else { Err(Error::ChannelUnavailable(unavailable)) }
    }

    fn availability(&self, channel: Channel, contacts: &UserContacts) -> Result<(), Unavailable> {
        if !self.channels.contains(&channel) {
            return Err(Unavailable::ChannelNotConfigured);
        }
        contact(channel, contacts.email.as_deref(), &contacts.phone).map(|_| ())
    }
}
