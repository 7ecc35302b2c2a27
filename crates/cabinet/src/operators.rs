//! What operators do for users, as clients of the public contract: so it is decided and written down as whatever anybody does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::administrator_service_client::AdministratorServiceClient;
use api::cabinet::identity::v1::limit_service_client::LimitServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use kernel::Secret;
use runtime::StartError;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::peers::peers;

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// Lists those that go on, the newest first, one a line.
    List {
        #[command(flatten)]
        operator: Operator,
        #[command(flatten)]
        of: OfUser,
    },
    /// Ends one, or all of them.
    End {
        #[command(flatten)]
        operator: Operator,
        #[command(flatten)]
        of: OfUser,
        #[command(flatten)]
        ended: Ended,
    },
}

/// Where Cabinet is, and who calls. An address that begins with https:// wants `CABINET__PEERS__TLS__CA_FILE`, and where clients are to
/// show a certificate `…CERTIFICATE_FILE` and `…KEY_FILE`, as a service does.
#[derive(Debug, Args)]
pub(crate) struct Operator {
    /// Where identity serves.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    identity: String,
    /// The name of the administrator who calls.
    #[arg(long, env = "CABINET_ADMINISTRATOR")]
    administrator: String,
    /// A file that holds his password.
    #[arg(long, env = "CABINET_ADMINISTRATOR_PASSWORD_FILE")]
    password_file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct OfUser {
    /// The realm (UUID).
    #[arg(long)]
    realm: String,
    /// The user (UUID).
    #[arg(long)]
    user: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Ended {
    /// This session (UUID).
    #[arg(long)]
    session: Option<String>,
    /// All of the user's sessions.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LiftLimit {
    #[command(flatten)]
    operator: Operator,
    /// The realm (UUID).
    #[arg(long)]
    realm: String,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// The user (UUID): at all that he signs in by, on his devices, and at the codes of his second factor.
    #[arg(long)]
    user: Option<String>,
    /// The address (IPv4 or IPv6), whomever somebody there tries to be.
    #[arg(long)]
    address: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplacePassword {
    #[command(flatten)]
    operator: Operator,
    /// A file that holds the password there is to be.
    #[arg(long)]
    new_password_file: PathBuf,
}

impl ReplacePassword {
    pub(crate) async fn run(self) -> Result<(), StartError> {
        let new_password = read_password(&self.new_password_file)?;
        if new_password.is_empty() {
            return Err(format!("{}: holds no password", self.new_password_file.display()).into());
        }
        self.operator.sign_in_setting(new_password).await?;
        say("the password is another");
        Ok(())
    }
}

impl Sessions {
    pub(crate) async fn run(self) -> Result<(), StartError> {
        match self {
            Self::List { operator, of } => {
                let OfUser { realm: realm_id, user: user_id } = of;
                let (channel, token) = operator.sign_in().await?;
                let request = request(&token, pb::ListUserSessionsRequest { realm_id, user_id })?;
                let listed = SessionServiceClient::new(channel).list_user_sessions(request).await.map_err(said)?;
                listed.into_inner().sessions.iter().for_each(|session| say(&line(session)));
                Ok(())
            }
            Self::End { operator, of, ended } => {
                let OfUser { realm: realm_id, user: user_id } = of;
                let session_id = ended.session.unwrap_or_default();
                let (channel, token) = operator.sign_in().await?;
                let request = request(&token, pb::EndUserSessionsRequest { realm_id, user_id, session_id })?;
                let ended = SessionServiceClient::new(channel).end_user_sessions(request).await.map_err(said)?;
                say(&format!("sessions ended: {}", ended.into_inner().ended_count));
                Ok(())
            }
        }
    }
}

impl LiftLimit {
    pub(crate) async fn run(self) -> Result<(), StartError> {
        let Self { operator, realm: realm_id, whose: Whose { user, address } } = self;
        let (channel, token) = operator.sign_in().await?;
        let mut client = LimitServiceClient::new(channel);
        let lifted_count = if let Some(user_id) = user {
            let request = request(&token, pb::LiftUserLimitsRequest { realm_id, user_id })?;
            client.lift_user_limits(request).await.map_err(said)?.into_inner().lifted_count
        } else {
            let address = address.unwrap_or_default();
            let request = request(&token, pb::LiftAddressLimitsRequest { realm_id, address })?;
            client.lift_address_limits(request).await.map_err(said)?.into_inner().lifted_count
        };
        say(&format!("counts lifted: {lifted_count}"));
        Ok(())
    }
}

impl Operator {
    /// A connection to identity, and a token to show there.
    async fn sign_in(self) -> Result<(Channel, Secret<String>), StartError> {
        self.sign_in_setting(String::new()).await
    }

    /// The same, with another password from then on, unless it is empty.
    async fn sign_in_setting(self, new_password: String) -> Result<(Channel, Secret<String>), StartError> {
        let password = read_password(&self.password_file)?;
        let [identity] = peers([("identity", &self.identity)])?;
        let channel = identity.channel()?;
        let mut request = Request::new(pb::SignInAdministratorRequest { name: self.administrator, password, new_password });
        request.set_timeout(DEADLINE);
        let signed_in = AdministratorServiceClient::new(channel.clone()).sign_in_administrator(request).await.map_err(said)?;
        Ok((channel, Secret::new(signed_in.into_inner().access_token)))
    }
}

/// The first line of an editor ends somewhere; a password does not end with that.
fn read_password(path: &Path) -> Result<String, StartError> {
    let password = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

fn request<M>(token: &Secret<String>, message: M) -> Result<Request<M>, StartError> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request.metadata_mut().insert("authorization", format!("Bearer {}", token.expose()).parse()?);
    Ok(request)
}

/// Why a call was refused: the reason, by which it is looked up in the contract, and what it means.
fn said(status: Status) -> StartError {
    match status.get_details_error_info() {
        Some(info) => format!("{}: {}", info.reason, status.message()).into(),
        None => status.into(),
    }
}

/// A session as operators read it. What its user has called it, and what his client called itself, may have been meant for a terminal.
fn line(session: &pb::Session) -> String {
    let pb::Session { session_id, name, client_address, client_agent, .. } = session;
    let [begun, refreshed, ends] = [session.create_time, session.refresh_time, session.expire_time].map(moment);
    format!(
        "{session_id}  begun {begun}  refreshed {refreshed}  ends {ends}  from {client_address:?}  {name:?}  {client_agent:?}"
    )
}

/// To the second.
fn moment(at: Option<prost_types::Timestamp>) -> String {
    let at = Timestamp::from_second(at.unwrap_or_default().seconds).unwrap_or_default();
    at.to_string()
}

#[allow(clippy::print_stdout, reason = "the answer to an operator's question")]
fn say(text: &str) {
    println!("{text}");
}
