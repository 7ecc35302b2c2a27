//! The main job, played once by a client of the public contracts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::notification::v1 as notification;
use api::cabinet::notification::v1::preference_service_client::PreferenceServiceClient;
use clap::Args;
use kernel::{Caller, Secret, ServiceCaller};
use mail_parser::MessageParser;
use runtime::StartError;
use runtime::token::Signer;
use serde::Deserialize;
use tonic::Request;
use tonic::transport::Channel;

/// How long the letter may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Play {
    /// Where Cabinet serves.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    url: String,
    /// The realm file that Cabinet reads; its first realm and company play.
    #[arg(long)]
    realm_file: PathBuf,
    /// The key that signs access tokens.
    #[arg(long)]
    signing_key: PathBuf,
    /// Where Cabinet puts its letters.
    #[arg(long)]
    letters: PathBuf,
}

#[derive(Debug, Deserialize)]
struct RealmFile {
    realm: Vec<Realm>,
}

#[derive(Debug, Deserialize)]
struct Realm {
    id: String,
    companies: Vec<String>,
}

impl Play {
    pub(crate) async fn run(self) -> Result<(), StartError> {
        let file: RealmFile = toml::from_str(&std::fs::read_to_string(&self.realm_file)?)?;
        let realm = file.realm.first().ok_or("the realm file has no realm")?;
        let company_id = realm.companies.first().ok_or("the realm has no company")?;
        let stage = Stage { channel: Channel::from_shared(self.url.clone())?.connect().await?, token: self.token(&realm.id)? };
        let before = letters(&self.letters)?;

        let email = format!("anna.{}@example.com", jiff::Timestamp::now().as_millisecond());
        let customer = stage.create_customer(company_id, &email).await?;
        say(&format!("identity         created the customer {email}"));
        stage.tick(&customer).await?;
        say("notification     keeps her tick: tell me by e-mail when the status of a case of mine changes");
        let case = stage.create_case(company_id, &customer).await?;
        say(&format!("case-monitoring  created case {} for her: {}", case.number, case.subject));
        let status = stage.move_on(&case.case_id).await?;
        say(&format!("case-monitoring  moved it to {status}"));
        let letter = self.wait_for_letter(&before).await?;
        say(&format!("notification     wrote her a letter:\n\n{letter}"));
        Ok(())
    }

    fn token(&self, realm_id: &str) -> Result<Secret<String>, StartError> {
        let signer = Signer::from_pem(&Secret::new(std::fs::read_to_string(&self.signing_key)?))?;
        let caller = Caller::Service(ServiceCaller { realm_id: realm_id.parse()?, name: "play".to_owned() });
        signer.sign(&caller, jiff::Timestamp::now()).ok_or_else(|| "nobody to sign for".into())
    }

    async fn wait_for_letter(&self, before: &[PathBuf]) -> Result<String, StartError> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(letter) = letters(&self.letters)?.into_iter().find(|letter| !before.contains(letter)) {
                return Ok(readable(&std::fs::read(letter)?));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("no letter within {PATIENCE:?}").into())
    }
}

/// A connection, and the token of the realm's service.
struct Stage {
    channel: Channel,
    token: Secret<String>,
}

impl Stage {
    fn request<M>(&self, message: M) -> Result<Request<M>, StartError> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token.expose()).parse()?);
        Ok(request)
    }

    async fn create_customer(&self, company_id: &str, email: &str) -> Result<String, StartError> {
        let message = identity::CreateUserRequest {
            company_id: company_id.to_owned(),
            role: identity::Role::Customer.into(),
            email: email.to_owned(),
        };
        let answer = UserServiceClient::new(self.channel.clone()).create_user(self.request(message)?).await?;
        Ok(answer.into_inner().user.unwrap_or_default().user_id)
    }

    async fn tick(&self, user_id: &str) -> Result<(), StartError> {
        let status_change = Some(notification::ChannelTicks { email: true });
        let message = notification::UpdatePreferencesRequest {
            preferences: Some(notification::Preferences { user_id: user_id.to_owned(), status_change }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["status_change.email".to_owned()] }),
        };
        PreferenceServiceClient::new(self.channel.clone()).update_preferences(self.request(message)?).await?;
        Ok(())
    }

    async fn create_case(&self, company_id: &str, requester_id: &str) -> Result<cases::Case, StartError> {
        let message = cases::CreateCaseRequest {
            company_id: company_id.to_owned(),
            requester_id: requester_id.to_owned(),
            kind: cases::CaseKind::Request.into(),
            subject: "The printer on the third floor is on fire".to_owned(),
            status: String::new(),
        };
        let answer = CaseServiceClient::new(self.channel.clone()).create_case(self.request(message)?).await?;
        Ok(answer.into_inner().case.unwrap_or_default())
    }

    /// Moves the case to the status that the realm file written for trying out calls OPEN.
    async fn move_on(&self, case_id: &str) -> Result<String, StartError> {
        let message = cases::ChangeCaseStatusRequest { case_id: case_id.to_owned(), status: "OPEN".to_owned() };
        let answer = CaseServiceClient::new(self.channel.clone()).change_case_status(self.request(message)?).await?;
        Ok(answer.into_inner().case.and_then(|case| case.status).unwrap_or_default().code)
    }
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
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect())
}

#[allow(clippy::print_stdout, reason = "the play is for the eyes")]
fn say(line: &str) {
    println!("{line}");
}
