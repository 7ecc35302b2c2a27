//! Second factors: getting one, signing in with it, giving it up, and losing the device.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_client::AuditServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::second_factor_service_client::SecondFactorServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Authenticator, Cabinet, Kind, Refused, Setup, is, link_in, methods_shown, refused, with_token};
use mail_parser::MessageParser;
use testkit::Letter;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::preset_realm::PresetRealm;

pub(crate) const EMAIL: &str = "anna@example.com";

pub(crate) fn sign_in_over() -> Refused {
    is(Code::Unauthenticated, "SIGN_IN_OVER")
}

pub(crate) fn code_wrong() -> Refused {
    is(Code::InvalidArgument, "CODE_WRONG")
}

/// What a front end does for people with second factors.
pub(crate) struct Front<'a> {
    pub(crate) cabinet: &'a Cabinet,
    pub(crate) realm_id: String,
}

/// By what somebody gets a factor: in his session, or with the challenge that asked him for it.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    Session(&'a str),
    Challenge(&'a str),
}

impl By<'_> {
    pub(crate) fn request<M>(self, message: M) -> Request<M> {
        match self {
            Self::Session(token) => with_token(token, message),
            Self::Challenge(_) => Request::new(message),
        }
    }

    pub(crate) fn challenge(self) -> String {
        match self {
            Self::Session(_) => String::new(),
            Self::Challenge(token) => token.to_owned(),
        }
    }
}

impl<'a> Front<'a> {
    pub(crate) fn of(cabinet: &'a Cabinet) -> Self {
        Self { cabinet, realm_id: cabinet.realm.id.to_string() }
    }

    pub(crate) fn client(&self) -> SecondFactorServiceClient<Channel> {
        SecondFactorServiceClient::new(self.cabinet.identity.channel())
    }

    /// Shows the password, on a device that may be known.
    pub(crate) async fn sign_in(&self, device: &str) -> Result<pb::SignInResponse, Status> {
        let (login, password) = (EMAIL.to_owned(), Cabinet::PASSWORD.to_owned());
        let request = pb::SignInRequest { realm_id: self.realm_id.clone(), login, password, session_name: String::new() };
        let mut sessions = SessionServiceClient::new(self.cabinet.identity.channel());
        let answer = sessions.sign_in(on_device(device, request)).await?.into_inner();
        if let Some(tokens) = &answer.tokens {
            self.hide(tokens);
        }
        Ok(answer)
    }

    /// Shows the password, and is asked for more.
    pub(crate) async fn challenged(&self) -> pb::SecondFactorChallenge {
        self.asked(self.sign_in("").await.expect("the password is right"))
    }

    fn asked(&self, answer: pb::SignInResponse) -> pb::SecondFactorChallenge {
        let pb::SignInResponse { user, tokens, device_token, second_factor } = answer;
        assert_eq!((user, tokens, device_token.as_str()), (None, None, ""), "the password alone gives nothing");
        let challenge = second_factor.expect("more is asked for");
        self.cabinet.watch.canary(Kind::Token, &challenge.token);
        challenge
    }

    pub(crate) async fn begin(&self, by: By<'_>) -> Result<Authenticator, Status> {
        let request = pb::BeginSecondFactorRequest { token: by.challenge(), ..Default::default() };
        let begun = self.client().begin_second_factor(by.request(request)).await?.into_inner();
        self.cabinet.watch.canary(Kind::Secret, &begun.key);
        assert!(begun.otpauth_uri.contains(&begun.key), "both are one secret");
        Ok(Authenticator::of(&begun.otpauth_uri))
    }

    pub(crate) async fn confirm(&self, by: By<'_>, code: &str) -> Result<pb::ConfirmSecondFactorResponse, Status> {
        let request =
            pb::ConfirmSecondFactorRequest { token: by.challenge(), code: code.to_owned(), session_name: String::new() };
        let confirmed = self.client().confirm_second_factor(by.request(request)).await?.into_inner();
        self.hide_codes(&confirmed.recovery_codes);
        if let Some(tokens) = &confirmed.tokens {
            self.hide(tokens);
        }
        Ok(confirmed)
    }

    pub(crate) async fn turn_on(&self, by: By<'_>) -> (Authenticator, pb::ConfirmSecondFactorResponse) {
        let mut device = self.begin(by).await.expect("there is none yet");
        let confirmed = self.confirm(by, &device.code()).await.expect("its first code");
        (device, confirmed)
    }

    /// Completes a sign-in, on a device that may be known.
    pub(crate) async fn complete(
        &self,
        token: &str,
        code: &str,
        device: &str,
    ) -> Result<pb::SignInWithSecondFactorResponse, Status> {
        let (token, code) = (token.to_owned(), code.to_owned());
        let request = pb::SignInWithSecondFactorRequest { token, code, session_name: "a phone".to_owned() };
        let answer = self.client().sign_in_with_second_factor(on_device(device, request)).await?.into_inner();
        self.hide(answer.tokens.as_ref().expect("the contract promises tokens"));
        self.cabinet.watch.canary(Kind::Token, &answer.device_token);
        Ok(answer)
    }

    pub(crate) async fn standing(&self, token: &str) -> pb::GetSecondFactorResponse {
        let request = with_token(token, pb::GetSecondFactorRequest {});
        self.client().get_second_factor(request).await.expect("it is his own").into_inner()
    }

    async fn replace_recovery_codes(&self, token: &str, code: &str) -> Result<Vec<String>, Status> {
        let request = with_token(token, pb::ReplaceRecoveryCodesRequest { code: code.to_owned(), ..Default::default() });
        let codes = self.client().replace_recovery_codes(request).await?.into_inner().recovery_codes;
        self.hide_codes(&codes);
        Ok(codes)
    }

    pub(crate) async fn turn_off(&self, token: &str, code: &str) -> Result<(), Status> {
        let request = with_token(token, pb::TurnOffSecondFactorRequest { code: code.to_owned(), ..Default::default() });
        self.client().turn_off_second_factor(request).await.map(|_| ())
    }

    pub(crate) async fn reset(&self, token: &str, user_id: &str) -> Result<pb::User, Status> {
        let request = with_token(token, pb::ResetUserSecondFactorRequest { user_id: user_id.to_owned() });
        let answer = self.client().reset_user_second_factor(request).await?;
        Ok(answer.into_inner().user.expect("the contract promises the user"))
    }

    pub(crate) fn hide(&self, tokens: &pb::SessionTokens) {
        for token in [&tokens.access_token, &tokens.refresh_token] {
            self.cabinet.watch.canary(Kind::Token, token);
        }
    }

    pub(crate) fn hide_codes(&self, codes: &[String]) {
        for code in codes {
            self.cabinet.watch.canary(Kind::Secret, code);
        }
    }
}

fn on_device<M>(device: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    if !device.is_empty() {
        request.metadata_mut().insert("x-cabinet-device", device.parse().expect("visible ASCII"));
    }
    request
}

pub(crate) fn letters_to_her(cabinet: &Cabinet) -> usize {
    cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to.iter().any(|to| to == EMAIL)).count()
}

pub(crate) fn text(letter: &Letter) -> String {
    let message = MessageParser::default().parse(&letter.raw).expect("MIME");
    message.body_text(0).expect("a text").into_owned()
}

/// Anna, who has set her password, and her session.
pub(crate) async fn anna(cabinet: &Cabinet) -> (pb::User, pb::SessionTokens) {
    let anna = cabinet.create_customer(EMAIL).await;
    let tokens = cabinet.signed_in(&anna).await;
    (anna, tokens)
}

/// Rule I25.a: once a device has shown its first code, a password signs in only together with a code of it, each good once, or with a
/// recovery code. Rule I25.c: its user is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_with_a_code() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    assert_eq!(methods_shown(&tokens.access_token), ["pwd"]);
    let session = By::Session(&tokens.access_token);
    let letters = letters_to_her(&cabinet);

    let missing = front.confirm(session, "042137").await;
    assert_eq!(refused(missing), is(Code::FailedPrecondition, "SECOND_FACTOR_MISSING"));
    let forgotten = front.begin(session).await.expect("there is none yet");
    let mut device = front.begin(session).await.expect("nothing is on yet");
    assert_eq!(refused(front.confirm(session, &device.wrong_code()).await), code_wrong());
    let mut forgotten = forgotten;
    assert_eq!(refused(front.confirm(session, &forgotten.code()).await), code_wrong(), "its secret is void");
    assert!(front.sign_in("").await.expect("nothing is asked for yet").tokens.is_some());
    let confirmed = front.confirm(session, &device.code()).await.expect("the first code");
    assert_eq!((confirmed.recovery_codes.len(), confirmed.tokens), (10, None), "she is signed in");
    assert_eq!(refused(front.begin(session).await.map(|_| ())), is(Code::FailedPrecondition, "SECOND_FACTOR_ON"));
    let told = cabinet.letter_to(EMAIL, letters).await;
    assert!(text(&told).contains("was turned on on"), "{}", text(&told));
    let standing = front.standing(&tokens.access_token).await;
    assert_eq!((standing.is_on, standing.is_required, standing.recovery_codes_left), (true, false, 10));

    let challenge = front.challenged().await;
    assert_eq!(challenge.step(), pb::SecondFactorStep::Code);
    let posing = with_token(&challenge.token, pb::GetSecondFactorRequest {});
    let posing = front.client().get_second_factor(posing).await.expect_err("it is no access token");
    assert_eq!(posing.code(), Code::Unauthenticated);
    for wrong in [device.wrong_code().as_str(), "not a code", "abcde-fghjk"] {
        assert_eq!(refused(front.complete(&challenge.token, wrong, "").await), code_wrong(), "{wrong}");
    }
    assert_eq!(refused(front.complete("nobody's", "042137", "").await), sign_in_over());
    let code = device.code();
    let entered = front.complete(&challenge.token, &code, "").await.expect("password and code");
    assert_eq!(entered.user.expect("the contract promises the user").email, EMAIL);
    assert_eq!(methods_shown(&entered.tokens.expect("tokens").access_token), ["pwd", "otp"]);
    assert_eq!(refused(front.complete(&challenge.token, &code, "").await), code_wrong(), "a code is good once");

    let recovery = confirmed.recovery_codes[3].replace('-', " ").to_uppercase();
    let entered = front.complete(&challenge.token, &recovery, "").await.expect("however it is typed").tokens.expect("tokens");
    assert_eq!(refused(front.complete(&challenge.token, &recovery, "").await), code_wrong(), "so is a recovery code");
    assert_eq!(front.standing(&entered.access_token).await.recovery_codes_left, 9);
    let refreshed = cabinet.refresh(&entered.refresh_token).await.expect("her session");
    assert_eq!(methods_shown(&refreshed.access_token), ["pwd", "otp"]);
}

/// Rule I25.a: a code is taken once, however many show it at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_show_one_code_at_once_one_signs_in() {
    let cabinet = Setup::default().with_identity("CABINET__GUESSING__PASSWORDS_AT_ACCOUNT", "100").start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let (mut device, confirmed) = front.turn_on(By::Session(&tokens.access_token)).await;
    for code in [device.code(), confirmed.recovery_codes[0].clone()] {
        let challenge = front.challenged().await;
        let many = (0..10).map(|_| front.complete(&challenge.token, &code, ""));
        let (entered, late): (Vec<_>, Vec<_>) = futures::future::join_all(many).await.into_iter().partition(Result::is_ok);
        assert_eq!(entered.len(), 1, "{code}");
        assert!(late.into_iter().all(|late| refused(late) == code_wrong()), "{code}");
    }
}

/// Rule I25.a: mail alone signs nobody in who has a second factor; what he was asked for is void once his password is another, or he is
/// blocked.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_sets_a_password_and_asks_for_the_code() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (anna, tokens) = anna(&cabinet).await;
    let letters = letters_to_her(&cabinet) + 2;
    let (mut device, confirmed) = front.turn_on(By::Session(&tokens.access_token)).await;
    let before = front.challenged().await;
    let (current_password, new_password) = (Cabinet::PASSWORD.to_owned(), "another horse, battery and staple".to_owned());
    cabinet.watch.canary(Kind::Password, &new_password);
    let change = pb::ChangePasswordRequest { current_password, new_password, ..Default::default() };
    let change = with_token(&tokens.access_token, change);
    PasswordServiceClient::new(cabinet.identity.channel()).change_password(change).await.expect("she knows it");
    assert_eq!(refused(front.complete(&before.token, &confirmed.recovery_codes[0], "").await), sign_in_over());

    // Nobody is mailed two links within a moment.
    cabinet.age_links("1 hour");
    let request =
        pb::RequestPasswordResetRequest { realm_id: cabinet.realm.id.to_string(), email: EMAIL.to_owned(), ..Default::default() };
    LinkServiceClient::new(cabinet.identity.channel()).request_password_reset(request).await.expect("always the same answer");
    let link = link_in(&cabinet.letter_to(EMAIL, letters).await);
    let redeemed = cabinet.redeem(&link, Cabinet::PASSWORD).await.expect("an open link");
    let pb::RedeemLinkResponse { user, tokens, device_token, second_factor } = redeemed;
    let challenge = front.asked(pb::SignInResponse { user, tokens, device_token, second_factor });
    let kept = cabinet.databases.identity.value("SELECT count(*) FROM sessions WHERE ended_at IS NULL");
    assert_eq!(kept, "0", "whoever has the mailbox has no session");
    front.complete(&challenge.token, &device.code(), "").await.expect("password and code");

    let owner = cabinet.owner_token("owner@example.com").await;
    let challenge = front.challenged().await;
    let request = with_token(&owner, pb::BlockUserRequest { user_id: anna.user_id.clone() });
    UserServiceClient::new(cabinet.identity.channel()).block_user(request).await.expect("an OWNER may");
    assert_eq!(refused(front.complete(&challenge.token, &confirmed.recovery_codes[0], "").await), sign_in_over());
}

/// Rule I25.a: a realm requires a second factor by role: whoever has none gets one before he has a session, cannot give it up, and
/// sessions that began by a password alone do not go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_realm_requires_a_second_factor_by_role() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let front = Front { cabinet: &cabinet, realm_id: realm.realm_id.to_string() };
    let anna = pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited(EMAIL) };
    let anna = realm.add(anna).await.expect("a good user");
    let began = realm.redeem(EMAIL, Cabinet::PASSWORD).await.expect("an open link").tokens.expect("nothing is required yet");
    let (policy, etag) = realm.policy().await;
    assert_eq!(policy.second_factor.clone().expect("a rule").required_of, Vec::<i32>::new());
    let rule = Some(pb::SecondFactorRule { required_of: vec![pb::Role::Owner.into(), pb::Role::Owner.into()] });
    let policy =
        realm.update(pb::Policy { second_factor: rule, ..policy }, &["second_factor"], &etag).await.expect("an operator may");
    assert_eq!(policy.second_factor.expect("a rule").required_of, [i32::from(pb::Role::Owner)]);

    let over = cabinet.refresh(&began.refresh_token).await;
    assert_eq!(refused(over), is(Code::Unauthenticated, "SESSION_OVER"));
    let challenge = front.challenged().await;
    assert_eq!(challenge.step(), pb::SecondFactorStep::Enrolment);
    assert_eq!(refused(front.complete(&challenge.token, "042137", "").await), sign_in_over(), "there is no factor to show");
    let (mut device, confirmed) = front.turn_on(By::Challenge(&challenge.token)).await;
    let tokens = confirmed.tokens.expect("the last step signs in");
    assert_eq!(methods_shown(&tokens.access_token), ["pwd", "otp"]);
    let refreshed = cabinet.refresh(&tokens.refresh_token).await.expect("that is what is required");
    let standing = front.standing(&tokens.access_token).await;
    assert_eq!((standing.is_on, standing.is_required), (true, true));
    let kept = front.turn_off(&tokens.access_token, &device.code()).await;
    assert_eq!(refused(kept), is(Code::FailedPrecondition, "SECOND_FACTOR_REQUIRED"));
    assert_eq!(front.challenged().await.step(), pb::SecondFactorStep::Code);

    let (_, boss) =
        realm.member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited("boss@example.com") }).await;
    front.reset(&boss, &anna.user_id).await.expect("another OWNER may");
    let unproven = cabinet.refresh(&refreshed.refresh_token).await;
    assert_eq!(refused(unproven), is(Code::Unauthenticated, "SESSION_OVER"), "what it was proven by is gone");
}

/// Rule I25.a: whoever has stolen a session cannot take the factor away, nor read new recovery codes, nor bring a factor of his own long
/// after the sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_changes_no_factor() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let token = &tokens.access_token;
    assert_eq!(refused(front.turn_off(token, "042137").await), is(Code::FailedPrecondition, "SECOND_FACTOR_MISSING"));
    cabinet.age_sessions("6 minutes");
    let too_old = front.begin(By::Session(token)).await.map(|_| ());
    assert_eq!(refused(too_old), is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED"));
    cabinet.age_sessions("-6 minutes");
    let letters = letters_to_her(&cabinet) + 1;
    let (device, confirmed) = front.turn_on(By::Session(token)).await;
    cabinet.letter_to(EMAIL, letters - 1).await;

    assert_eq!(refused(front.turn_off(token, &device.wrong_code()).await), code_wrong());
    assert_eq!(refused(front.replace_recovery_codes(token, &device.wrong_code()).await), code_wrong());
    let others = front.replace_recovery_codes(token, &confirmed.recovery_codes[0]).await.expect("a code");
    assert_eq!(others.len(), 10);
    let told = cabinet.letter_to(EMAIL, letters).await;
    assert!(text(&told).contains("recovery codes"), "{}", text(&told));
    let challenge = front.challenged().await;
    assert_eq!(refused(front.complete(&challenge.token, &confirmed.recovery_codes[1], "").await), code_wrong(), "void by now");
    front.complete(&challenge.token, &others[1], "").await.expect("one of the others");
    front.turn_off(token, &others[2]).await.expect("a code");
    assert!(text(&cabinet.letter_to(EMAIL, letters + 1).await).contains("was turned off"));
    assert!(front.sign_in("").await.expect("her password").tokens.is_some(), "which is enough again");
    assert_eq!(cabinet.databases.identity.value("SELECT count(*) FROM recovery_codes"), "0");
}

/// Rule I23.d: codes are guessed a few times only, and apart from passwords; whoever has stolen the password keeps nobody out who signs in on
/// a device of his.
#[tokio::test(flavor = "multi_thread")]
async fn codes_are_guessed_a_few_times_only() {
    let cabinet = Setup::default().with_identity("CABINET__GUESSING__PASSWORDS_AT_ACCOUNT", "3").start().await;
    let front = Front::of(&cabinet);
    let (_, tokens) = anna(&cabinet).await;
    let early = front.sign_in("").await.expect("the password is stolen already").device_token;
    let (mut device, confirmed) = front.turn_on(By::Session(&tokens.access_token)).await;
    let challenge = front.challenged().await;
    let known = front.complete(&challenge.token, &confirmed.recovery_codes[0], "").await.expect("a code").device_token;

    for thief in ["", &early, ""] {
        let stolen = front.challenged().await;
        assert_eq!(refused(front.complete(&stolen.token, &device.wrong_code(), thief).await), code_wrong());
    }
    for thief in ["", &early] {
        let stolen = front.challenged().await;
        let limited = refused(front.complete(&stolen.token, &confirmed.recovery_codes[1], thief).await);
        assert_eq!(limited, is(Code::ResourceExhausted, "ATTEMPTS_LIMITED"), "even with a right one");
    }
    assert!(front.sign_in("").await.is_ok(), "the password was right each time");
    let own = front.asked(front.sign_in(&known).await.expect("her password"));
    front.complete(&own.token, &device.code(), &known).await.expect("on her own device nobody has guessed");
}

/// Rule I25.c: whoever has lost his device and his codes asks an OWNER of his company, or SUPPORT; it is written down, and he is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_factor_is_taken_away_by_somebody_else() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let front = Front { cabinet: &cabinet, realm_id: realm.realm_id.to_string() };
    let (boss, owner) =
        realm.member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited("boss@example.com") }).await;
    let (_, admin) =
        realm.member(pb::CreateUserRequest { role: pb::Role::Admin.into(), ..realm.invited("admin@example.com") }).await;
    let (_, support) = realm.support("desk@example.com").await;
    let (anna, session) = realm.newcomer(realm.invited(EMAIL)).await;
    cabinet.watch.canary(Kind::Token, &session);

    let unchanged = front.reset(&owner, &anna.user_id).await.expect("there is nothing to take away");
    assert_eq!(unchanged.version, front.reset(&owner, &anna.user_id).await.expect("nor now").version);
    let letters = letters_to_her(&cabinet);
    let (mut device, _) = front.turn_on(By::Session(&session)).await;
    cabinet.letter_to(EMAIL, letters).await;
    assert_eq!(refused(front.reset(&admin, &anna.user_id).await), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(refused(front.reset(&owner, &boss.user_id).await), is(Code::FailedPrecondition, "ACTING_ON_ONESELF"));
    for decider in [&owner, &support] {
        let letters = letters_to_her(&cabinet);
        assert_eq!(front.challenged().await.step(), pb::SecondFactorStep::Code);
        front.reset(decider, &anna.user_id).await.expect("they may");
        assert!(text(&cabinet.letter_to(EMAIL, letters).await).contains("was taken away"));
        let entered = front.sign_in("").await.expect("her password").tokens.expect("which is enough by now");
        (device, _) = front.turn_on(By::Session(&entered.access_token)).await;
        cabinet.letter_to(EMAIL, letters + 1).await;
    }
    let request = pb::ListAuditEntriesRequest { company_id: realm.company_id.to_string(), ..Default::default() };
    let log = AuditServiceClient::new(cabinet.identity.channel()).list_audit_entries(with_token(&owner, request)).await;
    let acts = log.expect("an OWNER may").into_inner().entries;
    let resets: Vec<_> = acts.iter().filter(|entry| entry.act() == pb::AuditAct::SecondFactorReset).collect();
    assert_eq!(resets.iter().map(|entry| entry.object_id.as_str()).collect::<Vec<_>>(), [anna.user_id.as_str(); 2]);
    front.complete(&front.challenged().await.token, &device.code(), "").await.expect("the last one is hers");
}
