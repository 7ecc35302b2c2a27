//! The main job, played once by a client of the public contracts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::administrator_service_client::AdministratorServiceClient;
use api::cabinet::identity::v1::contact_service_client::ContactServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::notification::v1 as notification;
use api::cabinet::notification::v1::preference_service_client::PreferenceServiceClient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use mail_parser::MessageParser;
use runtime::StartError;
use tonic::Request;
use tonic::transport::Channel;

/// How letters and SMS are called in the folder.
const LETTER: &str = "eml";
const SMS: &str = "txt";
/// How long a letter may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where the play's links lead; nobody serves it.
const PUBLIC_URL: &str = "http://localhost:8080";

#[derive(Debug, Args)]
pub(crate) struct Play {
    /// Where Cabinet serves.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    url: String,
    /// The administrator who plays.
    #[arg(long, default_value = "play")]
    administrator: String,
    /// His one-time password.
    #[arg(long, env = "CABINET_PLAY_PASSWORD", hide_env_values = true)]
    password: String,
    /// Where Cabinet puts its letters.
    #[arg(long)]
    letters: PathBuf,
}

impl Play {
    pub(crate) async fn run(self) -> Result<(), StartError> {
        let channel = Channel::from_shared(self.url.clone())?.connect().await?;
        let now = jiff::Timestamp::now().as_millisecond();
        let stage = Stage { channel, letters: Letters { folder: self.letters.clone(), seen: letters(&self.letters)? } };

        let administrator = stage.sign_in_administrator(&self.administrator, &self.password).await?;
        let realm_id = stage.open_realm(&administrator).await?;
        say("identity         opened the realm Helpline");
        let owner_email = format!("olga.{now}@helpline.example");
        let company_id = stage.add_company(&administrator, &realm_id, &owner_email).await?;
        let (invitation, stage) = stage.next(LETTER).await?;
        say(&format!("identity         added a company and invited its owner:\n\n{}", readable(&invitation)));
        let owner = stage.accept(&invitation).await?;
        say("identity         the owner has set a password and is signed in");

        let email = format!("anna.{now}@example.com");
        let phone = format!("+38067{:07}", now.rem_euclid(10_000_000));
        let customer = stage.create_customer(&owner, &company_id, &email, &phone).await?;
        say(&format!("identity         the owner added the customer {email}"));
        let (invitation, stage) = stage.next(LETTER).await?;
        let anna = stage.accept(&invitation).await?;
        stage.request_code(&anna).await?;
        let (sms, stage) = stage.next(SMS).await?;
        say(&format!("identity         sent her a code by SMS:\n\n{}", indented(&sms)));
        stage.confirm(&anna, &sms).await?;
        stage.tick_patiently(&anna, &customer).await?;
        say("notification     keeps her ticks: tell me by e-mail and SMS when the status of a case of mine changes");
        let case = stage.create_case(&owner, &company_id, &customer).await?;
        say(&format!("case-monitoring  created case {} for her: {}", case.number, case.subject));
        let status = stage.move_on(&owner, &case.case_id).await?;
        say(&format!("case-monitoring  moved it to {status}"));
        let (letter, stage) = stage.next(LETTER).await?;
        let (sms, _) = stage.next(SMS).await?;
        say(&format!("notification     wrote her a letter:\n\n{}", readable(&letter)));
        say(&format!("notification     and sent her an SMS:\n\n{}", indented(&sms)));
        Ok(())
    }
}

/// The letters that were there, and where new ones come.
struct Letters {
    folder: PathBuf,
    seen: Vec<PathBuf>,
}

/// A connection, and the letters that arrive meanwhile.
struct Stage {
    channel: Channel,
    letters: Letters,
}

fn with_token<M>(token: &str, message: M) -> Result<Request<M>, StartError> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    Ok(request)
}

/// A password nobody has to remember.
fn password() -> Result<String, StartError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64.encode(bytes))
}

impl Stage {
    /// The one-time password sets another, which nobody needs after the play.
    async fn sign_in_administrator(&self, name: &str, one_time_password: &str) -> Result<String, StartError> {
        let message = identity::SignInAdministratorRequest {
            name: name.to_owned(),
            password: one_time_password.to_owned(),
            new_password: password()?,
        };
        let answer = AdministratorServiceClient::new(self.channel.clone()).sign_in_administrator(message).await?;
        Ok(answer.into_inner().access_token)
    }

    async fn open_realm(&self, token: &str) -> Result<String, StartError> {
        let message = identity::CreateRealmRequest {
            name: "Helpline".to_owned(),
            preset: String::new(),
            public_url: PUBLIC_URL.to_owned(),
            sender: "Helpline <noreply@helpline.example>".to_owned(),
            language: "en".to_owned(),
            time_zone: "Europe/Kyiv".to_owned(),
            ..Default::default()
        };
        let answer = RealmServiceClient::new(self.channel.clone()).create_realm(with_token(token, message)?).await?;
        Ok(answer.into_inner().realm.unwrap_or_default().realm_id)
    }

    async fn add_company(&self, token: &str, realm_id: &str, owner_email: &str) -> Result<String, StartError> {
        let message = identity::CreateCompanyRequest {
            realm_id: realm_id.to_owned(),
            name: "Helpline Ltd".to_owned(),
            owner_email: owner_email.to_owned(),
            ..Default::default()
        };
        let answer = RealmServiceClient::new(self.channel.clone()).create_company(with_token(token, message)?).await?;
        Ok(answer.into_inner().company.unwrap_or_default().company_id)
    }

    /// Sets a password by the link in the letter; answers with the access token of whoever it was written to.
    async fn accept(&self, invitation: &[u8]) -> Result<String, StartError> {
        let text = body(invitation);
        let token = text.split_once("token=").map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default());
        let message = identity::RedeemLinkRequest {
            token: token.ok_or("the letter has no link")?.to_owned(),
            password: password()?,
            session_name: "make run".to_owned(),
        };
        let answer = LinkServiceClient::new(self.channel.clone()).redeem_link(message).await?;
        Ok(answer.into_inner().tokens.unwrap_or_default().access_token)
    }

    async fn create_customer(&self, token: &str, company_id: &str, email: &str, phone: &str) -> Result<String, StartError> {
        let message = identity::CreateUserRequest {
            company_id: company_id.to_owned(),
            role: identity::Role::Customer.into(),
            email: email.to_owned(),
            phone: phone.to_owned(),
            user_name: String::new(),
            invitation: identity::Invitation::Send.into(),
            ..Default::default()
        };
        let answer = UserServiceClient::new(self.channel.clone()).create_user(with_token(token, message)?).await?;
        Ok(answer.into_inner().user.unwrap_or_default().user_id)
    }

    async fn request_code(&self, token: &str) -> Result<(), StartError> {
        let request = with_token(token, identity::RequestPhoneCodeRequest::default())?;
        ContactServiceClient::new(self.channel.clone()).request_phone_code(request).await?;
        Ok(())
    }

    /// Types the six digits of the SMS.
    async fn confirm(&self, token: &str, sms: &[u8]) -> Result<(), StartError> {
        let text = String::from_utf8_lossy(sms);
        let code = text.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 6);
        let message = identity::ConfirmPhoneRequest { code: code.ok_or("the SMS has no code")?.to_owned() };
        ContactServiceClient::new(self.channel.clone()).confirm_phone(with_token(token, message)?).await?;
        Ok(())
    }

    /// Notification hears of the confirmation a moment later.
    async fn tick_patiently(&self, token: &str, user_id: &str) -> Result<(), StartError> {
        let started = Instant::now();
        loop {
            match self.tick(token, user_id).await {
                Err(_) if started.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(20)).await,
                done => return done,
            }
        }
    }

    async fn tick(&self, token: &str, user_id: &str) -> Result<(), StartError> {
        let status_change = Some(notification::ChannelTicks { email: true, sms: true });
        let message = notification::UpdatePreferencesRequest {
            preferences: Some(notification::Preferences { user_id: user_id.to_owned(), status_change }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["status_change".to_owned()] }),
        };
        PreferenceServiceClient::new(self.channel.clone()).update_preferences(with_token(token, message)?).await?;
        Ok(())
    }

    async fn create_case(&self, token: &str, company_id: &str, requester_id: &str) -> Result<cases::Case, StartError> {
        let message = cases::CreateCaseRequest {
            company_id: company_id.to_owned(),
            requester_id: requester_id.to_owned(),
            kind: cases::CaseKind::Request.into(),
            subject: "The printer on the third floor is on fire".to_owned(),
            ..Default::default()
        };
        let answer = CaseServiceClient::new(self.channel.clone()).create_case(with_token(token, message)?).await?;
        Ok(answer.into_inner().case.unwrap_or_default())
    }

    /// Moves the case to the status that the standard workflow calls OPEN.
    async fn move_on(&self, token: &str, case_id: &str) -> Result<String, StartError> {
        let message =
            cases::ChangeCaseStatusRequest { case_id: case_id.to_owned(), status: "OPEN".to_owned(), ..Default::default() };
        let answer = CaseServiceClient::new(self.channel.clone()).change_case_status(with_token(token, message)?).await?;
        Ok(answer.into_inner().case.and_then(|case| case.status).unwrap_or_default().code)
    }

    /// The letter or SMS that has come since those before.
    async fn next(mut self, extension: &str) -> Result<(Vec<u8>, Self), StartError> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let is_new =
                |path: &PathBuf| !self.letters.seen.contains(path) && path.extension().is_some_and(|end| end == extension);
            if let Some(path) = letters(&self.letters.folder)?.into_iter().find(is_new) {
                let letter = std::fs::read(&path)?;
                self.letters.seen.push(path);
                return Ok((letter, self));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("nothing within {PATIENCE:?}").into())
    }
}

fn body(letter: &[u8]) -> String {
    let message = MessageParser::default().parse(letter);
    message.and_then(|message| message.body_text(0).map(std::borrow::Cow::into_owned)).unwrap_or_default()
}

/// An SMS as it lies in its folder.
fn indented(sms: &[u8]) -> String {
    format!("    {}", String::from_utf8_lossy(sms).trim_end().replace('\n', "\n    "))
}

/// A letter as a mail program shows it.
fn readable(letter: &[u8]) -> String {
    let Some(message) = MessageParser::default().parse(letter) else { return String::from_utf8_lossy(letter).into_owned() };
    let address = |address: Option<&mail_parser::Address<'_>>| {
        address.and_then(|address| address.first()).and_then(|first| first.address()).unwrap_or_default().to_owned()
    };
    let (from, to) = (address(message.from()), address(message.to()));
    let text = message.body_text(0).unwrap_or_default().replace('\n', "\n    ");
    format!("    From: {from}\n    To: {to}\n    Subject: {}\n\n    {text}", message.subject().unwrap_or_default())
}

fn letters(folder: &Path) -> Result<Vec<PathBuf>, StartError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    Ok(entries.collect::<Result<_, _>>()?)
}

#[allow(clippy::print_stdout, reason = "the play is for the eyes")]
fn say(line: &str) {
    println!("{line}");
}
