//! `cabinet import cases`: requesters first, then every case in the order of the file, many cases at once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Instant;

use api::cabinet::case_monitoring::v1 as pb;
use clap::Args;
use futures::future::{try_join, try_join_all};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::StartError;
use tokio::sync::mpsc;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::connection::{Connection, reason};
use super::log::{self, Row};
use super::mapping::{Kind, Mapping, UnboundMapping};
use super::pace::Pace;
use super::report::{Outcome, Refusal, Tally};
use super::requesters::{Requesters, Users};
use super::{Access, workflow};

/// How many cases are brought at once.
const LANES: usize = 16;
/// How many rows wait for each of them.
const WAITING: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct ImportCases {
    /// The event log (CSV, UTF-8, a first row of column names; one row a state of a case).
    file: PathBuf,
    /// What its columns mean (TOML).
    #[arg(long)]
    mapping: PathBuf,
    /// The company that works on the cases (UUID); over the mapping's own.
    #[arg(long)]
    company: Option<String>,
    /// How many cases and changes are sent a second, at the most.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Tells requesters of every change, as they ticked. Else nobody is told anything.
    #[arg(long)]
    announce: bool,
    /// Where a report is written (JSON).
    #[arg(long)]
    report: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

impl ImportCases {
    pub(crate) async fn run(self) -> Result<(), StartError> {
        let started = Instant::now();
        let mapping = UnboundMapping::read(&self.mapping)?;
        let company_id = self.company.as_deref().or(mapping.company_id()).ok_or("neither --company nor the mapping names one")?;
        let company_id = company_id.to_owned();
        let mapping = mapping.bind(&log::header(&self.file)?)?;
        let connection = Connection::open(&self.access)?;
        workflow::require(&connection, mapping.status_codes()).await?;

        let (requesters, rows) = self.requesters(&mapping)?;
        let tally = Tally::default();
        let users = requesters.settle(&connection, &company_id, &mapping.ticks, &tally).await?;
        let carrier = Carrier {
            connection,
            mapping,
            company_id,
            requesters,
            users,
            is_silent: !self.announce,
            pace: Pace::new(self.rate),
            tally,
            bar: progress_bar(rows),
        };
        self.carry(&carrier).await?;
        carrier.bar.finish_and_clear();

        let report = carrier.tally.report(started.elapsed().as_secs_f64());
        if let Some(path) = &self.report {
            std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
        }
        say(&report.to_string());
        Ok(())
    }

    /// Whoever asks for anything in the file, and how many rows it has.
    fn requesters(&self, mapping: &Mapping) -> Result<(Requesters, u64), StartError> {
        let (mut requesters, mut rows) = (Requesters::default(), 0);
        let mut log = log::open(&self.file)?;
        while let Some(row) = log.next(mapping)? {
            rows += 1;
            if let Ok(Row { requester: Ok(requester), .. }) = row {
                requesters.meet(requester);
            }
        }
        Ok((requesters, rows))
    }

    async fn carry(&self, carrier: &Carrier) -> Result<(), StartError> {
        let (lanes, rows): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel(WAITING)).unzip();
        let bringing = rows.into_iter().map(async |rows| carrier.bring_all(rows).await.map_err(StartError::from));
        try_join(self.hand_out(carrier, lanes), try_join_all(bringing)).await?;
        Ok(())
    }

    /// All rows of a case go through one lane, in their order.
    async fn hand_out(&self, carrier: &Carrier, lanes: Vec<mpsc::Sender<Row>>) -> Result<(), StartError> {
        let mut log = log::open(&self.file)?;
        while let Some(row) = log.next(&carrier.mapping)? {
            match row {
                Ok(row) => lanes[lane_of(&row.external_id)].send(row).await?,
                Err(refusal) => carrier.done(Outcome::Refused(refusal)),
            }
        }
        Ok(())
    }
}

fn lane_of(external_id: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    external_id.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).expect("a few lanes")
}

/// A case that is in Cabinet.
struct Known {
    case_id: String,
    /// The status that the last row gave it which was taken.
    status: String,
}

/// Brings rows to Cabinet.
struct Carrier {
    connection: Connection,
    mapping: Mapping,
    company_id: String,
    requesters: Requesters,
    users: Users,
    is_silent: bool,
    pace: Pace,
    tally: Tally,
    bar: ProgressBar,
}

impl Carrier {
    fn done(&self, outcome: Outcome) {
        self.tally.row(outcome);
        self.bar.inc(1);
    }

    /// Brings what comes through a lane, in its order. Fails only if the import cannot go on.
    async fn bring_all(&self, mut rows: mpsc::Receiver<Row>) -> Result<(), Status> {
        let mut cases = HashMap::new();
        while let Some(row) = rows.recv().await {
            let outcome = self.bring(&mut cases, row).await?;
            self.done(outcome);
        }
        Ok(())
    }

    async fn bring(&self, cases: &mut HashMap<String, Known>, row: Row) -> Result<Outcome, Status> {
        match cases.get_mut(&row.external_id) {
            Some(known) if known.status == row.status => Ok(Outcome::Update),
            Some(known) => self.change(known, row).await,
            None => self.create(cases, row).await,
        }
    }

    async fn create(&self, cases: &mut HashMap<String, Known>, row: Row) -> Result<Outcome, Status> {
        let requester_id = match self.requester_of(&row) {
            Ok(requester_id) => requester_id,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let kind = match self.mapping.kind {
            Kind::Request => pb::CaseKind::Request,
            Kind::Order => pb::CaseKind::Order,
        };
        let message = pb::CreateCaseRequest {
            company_id: self.company_id.clone(),
            requester_id,
            kind: kind.into(),
            subject: row.subject.clone(),
            status: row.status.clone(),
            origin: Some(pb::CaseOrigin {
                source: self.mapping.source.clone(),
                external_id: row.external_id.clone(),
                position: row.position,
            }),
            source_time: Some(runtime::grpc::timestamp(row.at)),
            silent: self.is_silent,
            ..Default::default()
        };
        self.pace.wait().await;
        let answer = self.connection.call(message, async |request| self.connection.cases().create_case(request).await).await;
        let (case_id, outcome) = match answer {
            Ok(created) => (created.case.unwrap_or_default().case_id, Outcome::Created),
            Err(status) => match existing_case(&status) {
                Some(case_id) => (case_id, Outcome::AlreadyThere),
                None => return refused(row.line, status),
            },
        };
        cases.insert(row.external_id, Known { case_id, status: row.status });
        Ok(outcome)
    }

    async fn change(&self, known: &mut Known, row: Row) -> Result<Outcome, Status> {
        let message = pb::ChangeCaseStatusRequest {
            case_id: known.case_id.clone(),
            status: row.status.clone(),
            origin: Some(pb::ChangeOrigin { source: self.mapping.source.clone(), position: row.position }),
            source_time: Some(runtime::grpc::timestamp(row.at)),
            silent: self.is_silent,
            ..Default::default()
        };
        self.pace.wait().await;
        let send = async |request| self.connection.cases().change_case_status(request).await;
        match self.connection.call(message, send).await {
            Ok(answer) => {
                known.status = row.status;
                Ok(if answer.already_taken { Outcome::AlreadyThere } else { Outcome::Changed })
            }
            Err(status) => refused(row.line, status),
        }
    }

    fn requester_of(&self, row: &Row) -> Result<String, Refusal> {
        let requester = row.requester.as_ref().map_err(|flaw| flaw.at(row.line))?;
        let because = |reason: &str| Refusal { line: row.line, reason: reason.to_owned(), detail: "requester".to_owned() };
        if self.requesters.is_ambiguous(requester) {
            return Err(because("REQUESTER_AMBIGUOUS"));
        }
        self.users.get(&requester.email).map(str::to_owned).map_err(because)
    }
}

/// The case that was brought before, by this import or an earlier one.
fn existing_case(status: &Status) -> Option<String> {
    if reason(status) != "CASE_EXISTS" {
        return None;
    }
    status.get_details_resource_info().map(|resource| resource.resource_name)
}

/// What Cabinet says of one row concerns that row; what it says of the caller, or that it is still away, ends the import.
fn refused(line: u64, status: Status) -> Result<Outcome, Status> {
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition | Code::PermissionDenied => {
            Ok(Outcome::Refused(Refusal { line, reason: reason(&status), detail: status.message().to_owned() }))
        }
        _ => Err(status),
    }
}

/// Shown on a terminal alone.
fn progress_bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} rows, {per_sec}, {eta} left");
    ProgressBar::new(rows).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[allow(clippy::print_stdout, reason = "the answer to whoever imports")]
fn say(line: &str) {
    println!("{line}");
}
