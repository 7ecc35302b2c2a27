//! Passkeys: getting one, signing in with it, and everything an authenticator or a thief may do wrong.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::passkey_service_client::PasskeyServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use cabinet_e2e::{Cabinet, Kind, Manner, Setup, SoftPasskey, is, link_in, methods_shown, refused, with_token};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::deletions::{completed, delete};
use crate::preset_realm::PresetRealm;
use crate::second_factors::{By, EMAIL, Front, anna, code_wrong, letters_to_her, sign_in_over, text};

const NAME: &str = "The key on her ring";
/// How an answer may be wrong that an authenticator makes.
const WRONG_MANNERS: [(Manner, &str); 5] = [
    (Manner::OtherChallenge, "it answers another challenge"),
    (Manner::OtherOrigin, "it was made on another site"),
    (Manner::OtherRelyingParty, "it is for another relying party"),
    (Manner::NobodyPresent, "nobody was there"),
    (Manner::NotVerified, "whoever was there was not verified"),
];

/// What somebody in a session shows of a factor that he has.
enum Shown<'a> {
    Nothing,
    Code(&'a str),
    Passkey(&'a mut SoftPasskey),
}

impl Front<'_> {
    fn passkeys(&self) -> PasskeyServiceClient<Channel> {
        PasskeyServiceClient::new(self.cabinet.identity.channel())
    }

    /// The code and the assertion that stand in a request.
    async fn shown(&self, by: By<'_>, shown: Shown<'_>) -> (String, String) {
        match shown {
            Shown::Nothing => (String::new(), String::new()),
            Shown::Code(code) => (code.to_owned(), String::new()),
            Shown::Passkey(passkey) => {
                let options = self.asked_to_show(by).await.expect("there is one to show");
                (String::new(), passkey.show(&options, Manner::Good))
            }
        }
    }

    async fn asked_for_new(&self, by: By<'_>, shown: Shown<'_>) -> Result<String, Status> {
        let (code, assertion) = self.shown(by, shown).await;
        let request = pb::BeginPasskeyRegistrationRequest { token: by.challenge(), code, assertion };
        let begun = self.passkeys().begin_passkey_registration(by.request(request)).await?.into_inner();
        Ok(self.not_to_be_heard(begun.creation_options))
    }

    async fn finish(&self, by: By<'_>, credential: &str) -> Result<pb::FinishPasskeyRegistrationResponse, Status> {
        let (credential, name) = (credential.to_owned(), NAME.to_owned());
        let request = pb::FinishPasskeyRegistrationRequest { token: by.challenge(), credential, name, ..Default::default() };
        let registered = self.passkeys().finish_passkey_registration(by.request(request)).await?.into_inner();
        self.hide_codes(&registered.recovery_codes);
        if let Some(tokens) = &registered.tokens {
            self.hide(tokens);
        }
        Ok(registered)
    }

    /// Registers a passkey of this kind, for whatever its user shows.
    async fn add(
        &self,
        by: By<'_>,
        passkey: &mut SoftPasskey,
        shown: Shown<'_>,
    ) -> Result<pb::FinishPasskeyRegistrationResponse, Status> {
        self.cabinet.watch.canary(Kind::Secret, &passkey.credential_id());
        self.cabinet.watch.canary(Kind::Text, NAME);
        let options = self.asked_for_new(by, shown).await?;
        self.finish(by, &passkey.register(&options, Manner::Good)).await
    }

    async fn first(&self, by: By<'_>) -> (SoftPasskey, pb::FinishPasskeyRegistrationResponse) {
        let mut passkey = SoftPasskey::new();
        let registered = self.add(by, &mut passkey, Shown::Nothing).await.expect("a first factor");
        (passkey, registered)
    }

    async fn asked_to_show(&self, by: By<'_>) -> Result<String, Status> {
        let request = pb::BeginPasskeyAssertionRequest { token: by.challenge() };
        let begun = self.passkeys().begin_passkey_assertion(by.request(request)).await?.into_inner();
        Ok(self.not_to_be_heard(begun.request_options))
    }

    /// What a challenge is must not stand in any log.
    fn not_to_be_heard(&self, options: String) -> String {
        let read: serde_json::Value = serde_json::from_str(&options).expect("JSON");
        self.cabinet.watch.canary(Kind::Token, read["challenge"].as_str().expect("a challenge"));
        options
    }

    async fn enter(&self, token: &str, assertion: String) -> Result<pb::SignInWithPasskeyResponse, Status> {
        let request = pb::SignInWithPasskeyRequest { token: token.to_owned(), assertion, session_name: "a phone".to_owned() };
        let answer = self.passkeys().sign_in_with_passkey(Request::new(request)).await?.into_inner();
        self.hide(answer.tokens.as_ref().expect("the contract promises tokens"));
        self.cabinet.watch.canary(Kind::Token, &answer.device_token);
        Ok(answer)
    }

    /// Shows the password, and then a passkey in this manner.
    async fn sign_in_by(&self, passkey: &mut SoftPasskey, manner: Manner) -> Result<pb::SignInWithPasskeyResponse, Status> {
        let challenge = self.challenged().await;
        let options = self.asked_to_show(By::Challenge(&challenge.token)).await?;
        self.enter(&challenge.token, passkey.show(&options, manner)).await
    }

    async fn list(&self, token: &str) -> Vec<pb::Passkey> {
        let request = with_token(token, pb::ListPasskeysRequest {});
        self.passkeys().list_passkeys(request).await.expect("they are her own").into_inner().passkeys
    }

    async fn delete_passkey(&self, token: &str, passkey_id: &str, shown: Shown<'_>) -> Result<(), Status> {
        let (code, assertion) = self.shown(By::Session(token), shown).await;
        let request = pb::DeletePasskeyRequest { passkey_id: passkey_id.to_owned(), code, assertion };
        self.passkeys().delete_passkey(with_token(token, request)).await.map(|_| ())
    }
}

fn passkey_refused() -> (Code, String) {
    is(Code::InvalidArgument, "PASSKEY_REFUSED")
}

fn challenge_over() -> (Code, String) {
    is(Code::FailedPrecondition, "PASSKEY_CHALLENGE_OVER")
}

/// What is said to be wrong with a field of a request.
fn violation<T: std::fmt::Debug>(result: Result<T, Status>) -> (String, String) {
    let status = result.expect_err("a refusal");
    let invalid = status.get_details_bad_request().expect("it names a field");
    let violation = invalid.field_violations.into_iter().next().expect("one");
    (violation.field, violation.description)
}

fn kinds(challenge: &pb::SecondFactorChallenge) -> Vec<pb::SecondFactorKind> {
    challenge.kinds().collect()
}

fn id_of(registered: &pb::FinishPasskeyRegistrationResponse) -> String {
    registered.passkey.as_ref().expect("the contract promises the passkey").passkey_id.clone()
}

/// Rule I25.b: once a passkey is registered, a password signs in only together with it, by an answer that is good once, or with a recovery
/// code that came with it. Rule I25.c: its user is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_with_a_passkey() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let (session, letters) = (By::Session(&tokens.access_token), letters_to_her(&cabinet));
    assert_eq!(refused(front.asked_to_show(session).await), is(Code::FailedPrecondition, "SECOND_FACTOR_MISSING"));
    assert_eq!(refused(front.finish(session, "{}").await), challenge_over(), "nothing was asked for");
    front.asked_for_new(session, Shown::Nothing).await.expect("nothing is on yet");
    assert!(front.sign_in("").await.expect("nothing is asked for yet").tokens.is_some());

    let (mut passkey, registered) = front.first(session).await;
    assert_eq!((registered.recovery_codes.len(), &registered.tokens), (10, &None), "she is signed in");
    assert!(text(&cabinet.letter_to(EMAIL, letters).await).contains("A passkey was added"));
    let standing = front.standing(&tokens.access_token).await;
    assert_eq!((standing.is_on, standing.recovery_codes_left), (true, 10));
    assert_eq!(standing.kinds().collect::<Vec<_>>(), [pb::SecondFactorKind::Passkey]);
    assert_eq!(methods_shown(&cabinet.refresh(&tokens.refresh_token).await.expect("her session").access_token), ["pwd", "hwk"]);

    let challenge = front.challenged().await;
    assert_eq!(kinds(&challenge), [pb::SecondFactorKind::Passkey, pb::SecondFactorKind::RecoveryCode]);
    assert_eq!(refused(front.complete(&challenge.token, "042137", "").await), code_wrong(), "she has no codes of a device");
    let options = front.asked_to_show(By::Challenge(&challenge.token)).await.expect("she has one");
    let assertion = passkey.show(&options, Manner::Good);
    let entered = front.enter(&challenge.token, assertion.clone()).await.expect("password and passkey");
    assert_eq!(entered.user.expect("the contract promises the user").email, EMAIL);
    let entered = entered.tokens.expect("tokens");
    assert_eq!(methods_shown(&entered.access_token), ["pwd", "hwk"]);
    let refreshed = cabinet.refresh(&entered.refresh_token).await.expect("her session");
    assert_eq!(methods_shown(&refreshed.access_token), ["pwd", "hwk"]);
    assert_eq!(refused(front.enter(&challenge.token, assertion.clone()).await), challenge_over(), "it was answered");
    front.asked_to_show(By::Challenge(&challenge.token)).await.expect("she may try again");
    assert_eq!(refused(front.enter(&challenge.token, assertion).await), passkey_refused(), "that was another challenge");

    let recovery = &registered.recovery_codes[3];
    front.complete(&challenge.token, recovery, "").await.expect("in place of the passkey");
    assert_eq!(refused(front.complete(&challenge.token, recovery, "").await), code_wrong(), "once");
    let by_recovery = Shown::Code(&registered.recovery_codes[4]);
    front.add(session, &mut SoftPasskey::without_counter(), by_recovery).await.expect("a second one");
    let [first, second] = &front.list(&tokens.access_token).await[..] else { panic!("two") };
    assert_eq!((first.name.as_str(), &first.passkey_id), (NAME, &id_of(&registered)));
    assert!(first.use_time.is_some() && second.use_time.is_none() && first.copy_time.is_none());
    let rename = |passkey_id: &str| pb::RenamePasskeyRequest { passkey_id: passkey_id.to_owned(), name: "At home".to_owned() };
    let renamed = front.passkeys().rename_passkey(with_token(&tokens.access_token, rename(&second.passkey_id))).await;
    assert_eq!(renamed.expect("her own").into_inner().passkey.expect("the passkey").name, "At home");
    assert_eq!(front.list(&tokens.access_token).await[1].name, "At home");
    let boris = cabinet.create_customer("boris@example.com").await;
    let his = cabinet.signed_in(&boris).await.access_token;
    let renamed = front.passkeys().rename_passkey(with_token(&his, rename(&second.passkey_id))).await;
    assert_eq!(refused(renamed), is(Code::NotFound, "PASSKEY_NOT_FOUND"), "it is not his");
}

/// Rule I25.b: an answer is good for what was asked, where it was asked, and by the user's own passkey: whatever is wrong with it is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_that_is_shown_wrongly_signs_nobody_in() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let session = By::Session(&tokens.access_token);
    for (manner, problem) in WRONG_MANNERS {
        let mut passkey = SoftPasskey::new();
        let options = front.asked_for_new(session, Shown::Nothing).await.expect("nothing is on yet");
        let made = front.finish(session, &passkey.register(&options, manner)).await;
        assert_eq!(violation(made), ("credential".to_owned(), problem.to_owned()), "{manner:?}");
    }
    let (mut passkey, _) = front.first(session).await;
    for (manner, problem) in WRONG_MANNERS.into_iter().chain([(Manner::WrongSignature, "its signature is wrong")]) {
        let shown = front.sign_in_by(&mut passkey, manner).await;
        assert_eq!(violation(shown), ("assertion".to_owned(), problem.to_owned()), "{manner:?}");
    }
    let unknown = violation(front.sign_in_by(&mut SoftPasskey::new(), Manner::Good).await).1;
    assert_eq!(unknown, "it is none of the passkeys that were asked for");

    // Another user's, though he has asked for it.
    let boris = cabinet.create_customer("boris@example.com").await;
    let his = cabinet.signed_in(&boris).await;
    let (mut his_passkey, _) = front.first(By::Session(&his.access_token)).await;
    let challenge = front.challenged().await;
    let options = front.asked_to_show(By::Challenge(&challenge.token)).await.expect("she has one");
    let shown = front.enter(&challenge.token, his_passkey.show(&options, Manner::Good)).await;
    assert_eq!(violation(shown).1, unknown);
    assert_eq!(refused(front.enter(&challenge.token, "{}".to_owned()).await), challenge_over());
    front.asked_to_show(By::Challenge(&challenge.token)).await.expect("she may try again");
    assert_eq!(violation(front.enter(&challenge.token, "{}".to_owned()).await).1, "it is not what a browser answers");

    // Asked for here, and answered elsewhere.
    let (here, elsewhere) = (front.challenged().await, front.challenged().await);
    let options = front.asked_to_show(By::Challenge(&here.token)).await.expect("she has one");
    let assertion = passkey.show(&options, Manner::Good);
    assert_eq!(refused(front.enter(&elsewhere.token, assertion.clone()).await), challenge_over());
    let by_session = pb::TurnOffSecondFactorRequest { assertion: assertion.clone(), ..Default::default() };
    let by_session = front.client().turn_off_second_factor(with_token(&tokens.access_token, by_session)).await;
    assert_eq!(refused(by_session), challenge_over());
    front.enter(&here.token, assertion).await.expect("where it was asked for");
}

/// Rule I25.b: passkeys of one realm are none of another, by whatever name their user is known there.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_of_one_realm_is_none_of_another() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let letters = letters_to_her(&cabinet);
    let (mut passkey, _) = front.first(By::Session(&tokens.access_token)).await;
    cabinet.letter_to(EMAIL, letters).await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let elsewhere = Front { cabinet: &cabinet, realm_id: realm.realm_id.to_string() };
    realm.add(realm.invited(EMAIL)).await.expect("a good user");
    let link = link_in(&cabinet.letter_to(EMAIL, letters + 1).await);
    let session = cabinet.redeem(&link, Cabinet::PASSWORD).await.expect("an open link").tokens.expect("nothing is asked for");
    elsewhere.first(By::Session(&session.access_token)).await;

    let shown = elsewhere.sign_in_by(&mut passkey, Manner::Good).await;
    assert_eq!(violation(shown).1, "it is none of the passkeys that were asked for");
    let (here, there) = (front.challenged().await, elsewhere.challenged().await);
    let options = front.asked_to_show(By::Challenge(&here.token)).await.expect("she has one");
    let carried = elsewhere.enter(&there.token, passkey.show(&options, Manner::Good)).await;
    assert_eq!(refused(carried), challenge_over(), "it was asked for in the other realm");

    let nameless = pb::UpdateRealmRequest {
        realm_id: cabinet.realm.id.to_string(),
        settings: Some(pb::RealmSettings { public_url: "https://192.0.2.7/cabinet".to_owned(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["public_url".to_owned()] }),
        etag: String::new(),
    };
    let operator = cabinet.operator_token("operator");
    RealmServiceClient::new(cabinet.identity.channel()).update_realm(with_token(&operator, nameless)).await.expect("an address");
    let unavailable = is(Code::FailedPrecondition, "PASSKEYS_UNAVAILABLE");
    assert_eq!(refused(front.asked_to_show(By::Challenge(&here.token)).await), unavailable);
    assert_eq!(refused(front.asked_for_new(By::Session(&tokens.access_token), Shown::Nothing).await), unavailable);
}

/// Rule I25.b: a passkey that has signed less often than it had before may be a copy: neither is let in by it, then or later, whichever counts
/// further, and its user is told, once. Another one that he registers is none of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_that_may_have_been_copied_is_refused() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let letters = letters_to_her(&cabinet);
    let (mut passkey, registered) = front.first(By::Session(&tokens.access_token)).await;
    cabinet.letter_to(EMAIL, letters).await;
    front.sign_in_by(&mut passkey, Manner::Good).await.expect("password and passkey");
    let copied = is(Code::FailedPrecondition, "PASSKEY_COPIED");
    for _ in 0..2 {
        passkey.counter = Some(0); // and one, by the time it signs, as before
        assert_eq!(refused(front.sign_in_by(&mut passkey, Manner::Good).await), copied);
    }
    assert!(text(&cabinet.letter_to(EMAIL, letters + 1).await).contains("there may be a copy of it"));
    let [listed] = &front.list(&tokens.access_token).await[..] else { panic!("one") };
    assert!(listed.copy_time.is_some());
    let token = &tokens.access_token;
    passkey.counter = Some(1000); // further than either has counted
    assert_eq!(refused(front.sign_in_by(&mut passkey, Manner::Good).await), copied, "it is of two still");
    let by_copy = front.asked_for_new(By::Session(token), Shown::Passkey(&mut passkey)).await;
    assert_eq!(refused(by_copy), copied, "nor does it bring another");
    front.delete_passkey(token, &listed.passkey_id, Shown::Code(&registered.recovery_codes[0])).await.expect("a code");
    assert!(text(&cabinet.letter_to(EMAIL, letters + 2).await).contains("turned off"), "she was told of the copy once");

    let mut synchronised = SoftPasskey::without_counter();
    front.add(By::Session(token), &mut synchronised, Shown::Nothing).await.expect("a first factor again");
    for _ in 0..2 {
        front.sign_in_by(&mut synchronised, Manner::Good).await.expect("one that does not count is no copy");
    }
}

/// Rule I25.b: of many who answer one challenge at once, one signs in; of two challenges that one passkey has answered, so does each.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_answer_one_challenge_at_once_one_signs_in() {
    let cabinet = Setup::default().with_identity("CABINET__GUESSING__PASSWORDS_ON_DEVICE", "100").start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let (mut passkey, _) = front.first(By::Session(&tokens.access_token)).await;
    let challenge = front.challenged().await;
    let options = front.asked_to_show(By::Challenge(&challenge.token)).await.expect("she has one");
    let assertion = passkey.show(&options, Manner::Good);
    let many = (0..10).map(|_| front.enter(&challenge.token, assertion.clone()));
    let (entered, late): (Vec<_>, Vec<_>) = futures::future::join_all(many).await.into_iter().partition(Result::is_ok);
    assert_eq!(entered.len(), 1);
    assert!(late.into_iter().all(|late| refused(late) == challenge_over()));
    front.sign_in_by(&mut passkey, Manner::Good).await.expect("another challenge");
}

/// Rule I25.b: nobody registers a passkey that somebody has, nor more than twenty.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_registered_once_and_twenty_at_most() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let session = By::Session(&tokens.access_token);
    let (mut passkey, _) = front.first(session).await;
    let taken = is(Code::AlreadyExists, "PASSKEY_TAKEN");
    let options = front.asked_for_new(session, Shown::Passkey(&mut passkey)).await.expect("she shows it");
    assert!(options.contains(&passkey.credential_id()), "a browser is told not to make another there");
    assert_eq!(refused(front.finish(session, &passkey.register(&options, Manner::Good)).await), taken);
    let boris = cabinet.create_customer("boris@example.com").await;
    let his = cabinet.signed_in(&boris).await.access_token;
    assert_eq!(refused(front.add(By::Session(&his), &mut passkey, Shown::Nothing).await), taken, "it is hers");

    for _ in 1..20 {
        front.add(session, &mut SoftPasskey::new(), Shown::Passkey(&mut passkey)).await.expect("one more");
    }
    assert_eq!(front.list(&tokens.access_token).await.len(), 20);
    let limit = is(Code::FailedPrecondition, "PASSKEY_LIMIT");
    assert_eq!(refused(front.asked_for_new(session, Shown::Nothing).await), limit);
}

/// Rule I25.b: whoever has stolen a session brings no passkey of his own and takes none away: that takes a recent sign-in, and a factor; what
/// he has begun before is void once there is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_changes_no_passkey() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let (token, thief) = (&tokens.access_token, front.sign_in("").await.expect("her password").tokens.expect("nothing is on"));
    let (session, stolen) = (By::Session(token), By::Session(&thief.access_token));
    let earlier = front.asked_for_new(stolen, Shown::Nothing).await.expect("nothing is on yet");
    let mut device = front.begin(stolen).await.expect("nothing is on yet");
    let (mut passkey, registered) = front.first(session).await;
    let begun = front.finish(stolen, &SoftPasskey::new().register(&earlier, Manner::Good)).await;
    assert_eq!(refused(begun), challenge_over());
    let begun = front.confirm(stolen, &device.code()).await;
    assert_eq!(refused(begun), is(Code::FailedPrecondition, "SECOND_FACTOR_MISSING"));

    let not_shown = is(Code::FailedPrecondition, "SECOND_FACTOR_NOT_SHOWN");
    assert_eq!(refused(front.asked_for_new(stolen, Shown::Nothing).await), not_shown);
    assert_eq!(refused(front.begin(stolen).await.map(|_| ())), not_shown);
    assert_eq!(refused(front.turn_off(&thief.access_token, "").await), not_shown);
    assert_eq!(refused(front.delete_passkey(&thief.access_token, &id_of(&registered), Shown::Nothing).await), not_shown);
    assert_eq!(refused(front.asked_for_new(stolen, Shown::Code("abcde-fghjk")).await), code_wrong());
    let nobodys = front.delete_passkey(token, &cabinet.realm.id.to_string(), Shown::Nothing).await;
    assert_eq!(refused(nobodys), is(Code::NotFound, "PASSKEY_NOT_FOUND"));
    cabinet.age_sessions("6 minutes");
    let too_old = is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    assert_eq!(refused(front.asked_to_show(session).await), too_old);
    assert_eq!(refused(front.asked_for_new(session, Shown::Nothing).await), too_old);
    assert_eq!(refused(front.delete_passkey(token, &id_of(&registered), Shown::Nothing).await), too_old);
    cabinet.age_sessions("-6 minutes");

    // She has both, and then codes alone.
    let letters = letters_to_her(&cabinet);
    let (_, assertion) = front.shown(session, Shown::Passkey(&mut passkey)).await;
    let begin = pb::BeginSecondFactorRequest { assertion, ..Default::default() };
    let begun = front.client().begin_second_factor(with_token(token, begin)).await.expect("she shows her passkey");
    let begun = begun.into_inner();
    cabinet.watch.canary(Kind::Secret, &begun.key);
    let mut device = cabinet_e2e::Authenticator::of(&begun.otpauth_uri);
    let confirmed = front.confirm(session, &device.code()).await.expect("its first code");
    assert_eq!(confirmed.recovery_codes, Vec::<String>::new(), "she has them");
    let both = [pb::SecondFactorKind::Code, pb::SecondFactorKind::Passkey, pb::SecondFactorKind::RecoveryCode];
    assert_eq!(kinds(&front.challenged().await), both);
    front.complete(&front.challenged().await.token, &registered.recovery_codes[0], "").await.expect("they are of both");
    cabinet.letter_to(EMAIL, letters).await;
    front.delete_passkey(token, &id_of(&registered), Shown::Code(&device.code())).await.expect("she shows the other factor");
    assert!(text(&cabinet.letter_to(EMAIL, letters + 1).await).contains("was deleted on"));
    assert_eq!(front.standing(token).await.recovery_codes_left, 9);
    front.turn_off(token, &registered.recovery_codes[1]).await.expect("a code");
    assert_eq!(cabinet.databases.identity.value("SELECT count(*) FROM recovery_codes"), "0");
}

/// Rule I25.b: a passkey is what is required of a role as well as codes are: whoever has none gets one before he has a session, and keeps
/// the last. Rule I25.c: an OWNER takes all of it away from who has lost it.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_a_second_factor_where_one_is_required() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let front = Front { cabinet: &cabinet, realm_id: realm.realm_id.to_string() };
    let anna = pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited(EMAIL) };
    let anna = realm.add(anna).await.expect("a good user");
    realm.redeem(EMAIL, Cabinet::PASSWORD).await.expect("an open link");
    let (policy, etag) = realm.policy().await;
    let rule = Some(pb::SecondFactorRule { required_of: vec![pb::Role::Owner.into()] });
    realm.update(pb::Policy { second_factor: rule, ..policy }, &["second_factor"], &etag).await.expect("an operator may");

    let challenge = front.challenged().await;
    assert_eq!(challenge.step(), pb::SecondFactorStep::Enrolment);
    assert_eq!(kinds(&challenge), [pb::SecondFactorKind::Code, pb::SecondFactorKind::Passkey]);
    let (mut passkey, registered) = front.first(By::Challenge(&challenge.token)).await;
    let tokens = registered.tokens.clone().expect("the last step signs in");
    assert_eq!(methods_shown(&tokens.access_token), ["pwd", "hwk"]);
    let tokens = cabinet.refresh(&tokens.refresh_token).await.expect("that is what is required");
    let on = is(Code::FailedPrecondition, "SECOND_FACTOR_ON");
    assert_eq!(refused(front.asked_for_new(By::Challenge(&challenge.token), Shown::Nothing).await), on, "by the password alone");
    assert_eq!(refused(front.begin(By::Challenge(&challenge.token)).await.map(|_| ())), on, "nor codes");
    let required = is(Code::FailedPrecondition, "SECOND_FACTOR_REQUIRED");
    let last = front.delete_passkey(&tokens.access_token, &id_of(&registered), Shown::Passkey(&mut passkey)).await;
    assert_eq!(refused(last), required);
    let session = By::Session(&tokens.access_token);
    let mut other = SoftPasskey::new();
    front.add(session, &mut other, Shown::Passkey(&mut passkey)).await.expect("a second one");
    front
        .delete_passkey(&tokens.access_token, &id_of(&registered), Shown::Passkey(&mut passkey))
        .await
        .expect("she has another, and shows the one that goes");
    front.sign_in_by(&mut other, Manner::Good).await.expect("the other");
    assert_eq!(violation(front.sign_in_by(&mut passkey, Manner::Good).await).0, "assertion", "which is gone");

    let (_, boss) =
        realm.member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited("boss@example.com") }).await;
    let half = front.challenged().await;
    let options = front.asked_to_show(By::Challenge(&half.token)).await.expect("she has one");
    front.reset(&boss, &anna.user_id).await.expect("another OWNER may");
    assert_eq!(refused(front.enter(&half.token, other.show(&options, Manner::Good)).await), challenge_over());
    assert_eq!(front.challenged().await.step(), pb::SecondFactorStep::Enrolment);
    let unproven = cabinet.refresh(&tokens.refresh_token).await;
    assert_eq!(refused(unproven), is(Code::Unauthenticated, "SESSION_OVER"), "what it was proven by is gone");
    let left = "SELECT (SELECT count(*) FROM passkeys) + (SELECT count(*) FROM recovery_codes)";
    assert_eq!(cabinet.databases.identity.value(left), "0");
}

/// Rule I25.b: what a passkey was asked for is over after five minutes, and with it whoever was half signed in when his password changes or
/// he is blocked.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_of_a_passkey_is_soon_over() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (anna, tokens) = anna(&cabinet).await;
    let (mut passkey, _) = front.first(By::Session(&tokens.access_token)).await;
    let answered = async |passkey: &mut SoftPasskey| {
        let challenge = front.challenged().await;
        let options = front.asked_to_show(By::Challenge(&challenge.token)).await.expect("she has one");
        (challenge.token, passkey.show(&options, Manner::Good))
    };
    let (late, assertion) = answered(&mut passkey).await;
    cabinet.databases.identity.execute("UPDATE passkey_challenges SET created_at = created_at - interval '5 minutes'");
    assert_eq!(refused(front.enter(&late, assertion).await), challenge_over());

    let (before, assertion) = answered(&mut passkey).await;
    let (current_password, new_password) = (Cabinet::PASSWORD.to_owned(), "another horse, battery and staple".to_owned());
    cabinet.watch.canary(Kind::Password, &new_password);
    let change = |current_password: &str, new_password: &str| {
        let (current_password, new_password) = (current_password.to_owned(), new_password.to_owned());
        with_token(&tokens.access_token, pb::ChangePasswordRequest { current_password, new_password, ..Default::default() })
    };
    let mut passwords = PasswordServiceClient::new(cabinet.identity.channel());
    passwords.change_password(change(&current_password, &new_password)).await.expect("she knows it");
    assert_eq!(refused(front.enter(&before, assertion).await), sign_in_over());
    passwords.change_password(change(&new_password, &current_password)).await.expect("she knows it");

    let owner = cabinet.owner_token("owner@example.com").await;
    let (before, assertion) = answered(&mut passkey).await;
    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may");
    assert_eq!(refused(front.enter(&before, assertion).await), sign_in_over());
}

/// Rule I23.d: passkeys are shown a few times only, and apart from codes and passwords; whoever has stolen the password uses up what he has of
/// his own sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn passkeys_are_shown_a_few_times_only() {
    let cabinet = Setup::default().with_identity("CABINET__GUESSING__PASSWORDS_ON_DEVICE", "3").start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let (mut passkey, _) = front.first(By::Session(&tokens.access_token)).await;
    let (hers, thiefs) = (front.challenged().await, front.challenged().await);
    for _ in 0..3 {
        let options = front.asked_to_show(By::Challenge(&thiefs.token)).await.expect("she has one");
        let wrong = SoftPasskey::new().show(&options, Manner::Good);
        assert_eq!(refused(front.enter(&thiefs.token, wrong).await), passkey_refused());
    }
    let limited = front.enter(&thiefs.token, "{}".to_owned()).await;
    assert_eq!(refused(limited), is(Code::ResourceExhausted, "ATTEMPTS_LIMITED"));
    let options = front.asked_to_show(By::Challenge(&hers.token)).await.expect("she has one");
    front.enter(&hers.token, passkey.show(&options, Manner::Good)).await.expect("nobody has used up hers");
}

/// Rules I25.b, I27.a: with its user a passkey is gone, what it was asked for, and what he called it.
#[tokio::test(flavor = "multi_thread")]
async fn passkeys_go_with_their_user() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (anna, tokens) = anna(&cabinet).await;
    front.first(By::Session(&tokens.access_token)).await;
    front.asked_to_show(By::Session(&tokens.access_token)).await.expect("she has one");
    let kept = "SELECT (SELECT count(*) FROM passkeys) + (SELECT count(*) FROM passkey_challenges)";
    assert_eq!(cabinet.databases.identity.value(kept), "2");
    let owner = cabinet.owner_token("owner@example.com").await;
    delete(&cabinet, &owner, &anna.user_id).await.expect("an OWNER may");
    completed(&cabinet, &owner, &anna.user_id).await;
    assert_eq!(cabinet.databases.identity.value(kept), "0");
}
