//! What a relying party computes (WebAuthn §7). The crate that does so knows no table; what it wants kept stands there as JSON.

use kernel::{Fault, Secret};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::subscriber::{NoSubscriber, with_default};
use webauthn_rs::prelude::{
    AuthenticationResult, Credential, Passkey as Kept, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnBuilder, WebauthnError,
};

use crate::application::{Ceremony, PasskeyAssertionError, PasskeyRegistrationError, Registrant, RelyingParty};
use crate::domain::{Passkey, PasskeyProblem, PasskeyRecord, PasskeySite};

pub(crate) struct WebauthnRelyingParty;

fn webauthn(site: &PasskeySite) -> Result<Webauthn, Fault> {
    let built = WebauthnBuilder::new(&site.id, &site.origin).and_then(|builder| builder.rp_name(&site.name).build());
    built.map_err(Fault::internal)
}

/// The crate tells the log whatever it is shown, credentials and challenges included: that is nobody's business (F10).
fn in_silence<T>(work: impl FnOnce() -> T) -> T {
    with_default(NoSubscriber::default(), work)
}

fn written(value: &impl Serialize) -> Result<serde_json::Value, Fault> {
    serde_json::to_value(value).map_err(Fault::internal)
}

fn kept<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(Fault::internal)
}

/// What a browser has made; whatever else stands in it is not for us.
fn answered<T: DeserializeOwned>(text: &str) -> Result<T, PasskeyProblem> {
    serde_json::from_str(text).map_err(|_| PasskeyProblem::Unreadable)
}

/// The options as WebAuthn's JSON has them, without the name of the member that they are given in.
fn ceremony(challenge: &impl Serialize, state: &impl Serialize) -> Result<Ceremony, Fault> {
    let mut challenge = written(challenge)?;
    let options = challenge.get_mut("publicKey").map(serde_json::Value::take).unwrap_or_default();
    Ok(Ceremony { options: Secret::new(options.to_string()), state: written(state)? })
}

fn record(passkey: &Kept) -> Result<PasskeyRecord, Fault> {
    let Credential { cred_id, counter, .. } = passkey.clone().into();
    Ok(PasskeyRecord { credential_id: cred_id, counter: counter.into(), record: written(passkey)? })
}

/// Why the answer of a browser is none. What else may be wrong is wrong with what it was made of.
fn problem(error: &WebauthnError) -> PasskeyProblem {
    match error {
        WebauthnError::MismatchedChallenge => PasskeyProblem::OtherChallenge,
        WebauthnError::InvalidRPOrigin | WebauthnError::CredentialCrossOrigin => PasskeyProblem::OtherOrigin,
        WebauthnError::InvalidRPIDHash => PasskeyProblem::OtherRelyingParty,
        WebauthnError::UserNotPresent => PasskeyProblem::NobodyPresent,
        WebauthnError::UserNotVerified => PasskeyProblem::NotVerified,
        WebauthnError::CredentialNotFound => PasskeyProblem::UnknownPasskey,
        WebauthnError::AuthenticationFailure | WebauthnError::SignatureInvalid => PasskeyProblem::SignatureWrong,
        WebauthnError::ParseBase64Failure(_)
        | WebauthnError::ParseCBORFailure(_)
        | WebauthnError::ParseJSONFailure(_)
        | WebauthnError::ParseNOMFailure
        | WebauthnError::ParseInsufficientBytesAvailable
        | WebauthnError::InvalidClientDataType => PasskeyProblem::Unreadable,
        _ => PasskeyProblem::NotTaken,
    }
}

impl RelyingParty for WebauthnRelyingParty {
    fn ask_to_register(&self, site: &PasskeySite, registrant: Registrant<'_>, registered: &[Passkey]) -> Result<Ceremony, Fault> {
        let webauthn = webauthn(site)?;
        let (id, name) = (registrant.user_id.as_uuid(), registrant.name);
        let registered = registered.iter().map(|passkey| passkey.key.credential_id.clone()).collect();
        let asked = in_silence(|| webauthn.start_passkey_registration(id, name, name, Some(registered)));
        let (challenge, state) = asked.map_err(Fault::internal)?;
        ceremony(&challenge, &state)
    }

    fn read_registration(
        &self,
        site: &PasskeySite,
        state: serde_json::Value,
        credential: &str,
        registered: &[Passkey],
    ) -> Result<PasskeyRecord, PasskeyRegistrationError> {
        let webauthn = webauthn(site)?;
        let state: PasskeyRegistration = kept(state)?;
        let answer: RegisterPublicKeyCredential = answered(credential)?;
        // The crate refuses it as well, and does not say why.
        if registered.iter().any(|passkey| passkey.key.credential_id == answer.raw_id) {
            return Err(PasskeyRegistrationError::Registered);
        }
        let made = in_silence(|| webauthn.finish_passkey_registration(&answer, &state)).map_err(|error| problem(&error))?;
        Ok(record(&made)?)
    }

    fn ask_to_show(&self, site: &PasskeySite, passkeys: &[Passkey]) -> Result<Ceremony, Fault> {
        let webauthn = webauthn(site)?;
        let passkeys: Vec<Kept> = passkeys.iter().map(|passkey| kept(passkey.key.record.clone())).collect::<Result<_, _>>()?;
        let (challenge, state) = in_silence(|| webauthn.start_passkey_authentication(&passkeys)).map_err(Fault::internal)?;
        ceremony(&challenge, &state)
    }

    fn read_assertion<'a>(
        &self,
        site: &PasskeySite,
        state: serde_json::Value,
        assertion: &str,
        passkeys: &'a [Passkey],
    ) -> Result<(&'a Passkey, PasskeyRecord), PasskeyAssertionError> {
        let webauthn = webauthn(site)?;
        let state: PasskeyAuthentication = kept(state)?;
        let answer: PublicKeyCredential = answered(assertion)?;
        // They were his when he was asked; one may have been deleted since.
        let passkey = passkeys.iter().find(|passkey| passkey.key.credential_id == answer.raw_id);
        let passkey = passkey.ok_or(PasskeyProblem::UnknownPasskey)?;
        let shown = in_silence(|| webauthn.finish_passkey_authentication(&answer, &state)).map_err(|error| match error {
            WebauthnError::CredentialPossibleCompromise => PasskeyAssertionError::Copied(passkey.id),
            error => problem(&error).into(),
        })?;
        Ok((passkey, used(passkey, &shown)?))
    }
}

fn used(passkey: &Passkey, shown: &AuthenticationResult) -> Result<PasskeyRecord, Fault> {
    let mut kept: Kept = kept(passkey.key.record.clone())?;
    kept.update_credential(shown);
    record(&kept)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Counts whatever it is told, of whatever level.
    #[derive(Clone, Default)]
    struct Ear(Arc<AtomicUsize>);

    impl Subscriber for Ear {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// Rule F10.a: what the crate says of credentials and challenges is heard by nobody, and what we say is, before and afterwards.
    #[test]
    fn what_is_done_in_silence_is_not_heard() {
        let ear = Ear::default();
        with_default(ear.clone(), || {
            let say = || tracing::error!("a challenge");
            say();
            in_silence(say);
            say();
        });
        assert_eq!(ear.0.load(Ordering::Relaxed), 2);
    }
}
