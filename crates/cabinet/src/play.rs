//! The main job, played once by a client of the public contracts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::administrator_service_client::AdministratorServiceClient;
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
        let (invitation, stage) = stage.next_letter().await?;
        say(&format!("identity         added a company and invited its owner:\n\n{}", readable(&invitation)));
        let owner = stage.accept(&invitation).await?;
        say("identity         the owner has set a password and is signed in");

        let email = format!("anna.{now}@example.com");
        let customer = stage.create_customer(&owner, &company_id, &email).await?;
        say(&format!("identity         the owner added the customer {email}"));
        let (invitation, stage) = stage.next_letter().await?;
        let anna = stage.accept(&invitation).await?;
        stage.tick(&anna, &customer).await?;
        say("notification     keeps her tick: tell me by e-mail when the status of a case of mine changes");
        let case = stage.create_case(&owner, &company_id, &customer).await?;
        say(&format!("case-monitoring  created case {} for her: {}", case.number, case.subject));
        let status = stage.move_on(&owner, &case.case_id).await?;
        say(&format!("case-monitoring  moved it to {status}"));
        let (letter, _) = stage.next_letter().await?;
        say(&format!("notification     wrote her a letter:\n\n{}", readable(&letter)));
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
        };
        let answer = RealmServiceClient::new(self.channel.clone()).create_realm(with_token(token, message)?).await?;
        Ok(answer.into_inner().realm.unwrap_or_default().realm_id)
    }

    async fn add_company(&self, token: &str, realm_id: &str, owner_email: &str) -> Result<String, StartError> {
        let message = identity::CreateCompanyRequest {
            realm_id: realm_id.to_owned(),
            name: "Helpline Ltd".to_owned(),
            owner_email: owner_email.to_owned(),
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

    async fn create_customer(&self, token: &str, company_id: &str, email: &str) -> Result<String, StartError> {
        let message = identity::CreateUserRequest {
            company_id: company_id.to_owned(),
            role: identity::Role::Customer.into(),
            email: email.to_owned(),
            phone: String::new(),
            user_name: String::new(),
            invitation: identity::Invitation::Send.into(),
        };
        let answer = UserServiceClient::new(self.channel.clone()).create_user(with_token(token, message)?).await?;
        Ok(answer.into_inner().user.unwrap_or_default().user_id)
    }

    async fn tick(&self, token: &str, user_id: &str) -> Result<(), StartError> {
        let status_change = Some(notification::ChannelTicks { email: true, ..Default::default() });
        let message = notification::UpdatePreferencesRequest {
            preferences: Some(notification::Preferences { user_id: user_id.to_owned(), status_change }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["status_change.email".to_owned()] }),
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
            status: String::new(),
        };
        let answer = CaseServiceClient::new(self.channel.clone()).create_case(with_token(token, message)?).await?;
        Ok(answer.into_inner().case.unwrap_or_default())
    }

    /// Moves the case to the status that the standard workflow calls OPEN.
    async fn move_on(&self, token: &str, case_id: &str) -> Result<String, StartError> {
        let message = cases::ChangeCaseStatusRequest { case_id: case_id.to_owned(), status: "OPEN".to_owned() };
        let answer = CaseServiceClient::new(self.channel.clone()).change_case_status(with_token(token, message)?).await?;
        Ok(answer.into_inner().case.and_then(|case| case.status).unwrap_or_default().code)
    }

    /// The letter that has come since the one before.
    async fn next_letter(mut self) -> Result<(Vec<u8>, Self), StartError> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(path) = letters(&self.letters.folder)?.into_iter().find(|letter| !self.letters.seen.contains(letter)) {
                let letter = std::fs::read(&path)?;
                self.letters.seen.push(path);
                return Ok((letter, self));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("no letter within {PATIENCE:?}").into())
    }
}

fn body(letter: &[u8]) -> String {
    let message = MessageParser::default().parse(letter);
    message.and_then(|message| message.body_text(0).map(std::borrow::Cow::into_owned)).unwrap_or_default()
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
    let paths: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect())
}

#[allow(clippy::print_stdout, reason = "the play is for the eyes")]
fn say(line: &str) {
    println!("{line}");
}
