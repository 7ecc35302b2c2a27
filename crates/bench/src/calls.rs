//! Single calls: how many a second, beside what the same work costs without us.

use std::time::Duration;

use api::cabinet::case_monitoring::v1::GetCaseRequest;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use api::cabinet::profile::v1::{GetProfileRequest, Profile, UpdateProfileRequest};
use cabinet_e2e::with_token;
use tonic::transport::Channel;

use crate::Scale;
use crate::bare::{BareServer, Subject};
use crate::limits::TpcB;
use crate::load::{each, throughput};
use crate::report::{Limit, Report};
use crate::stage::{Stage, connections};

/// `read.get_case`: against a bare handler of the same SELECT.
pub(crate) async fn read_get_case(stage: &Stage, scale: Scale, report: &mut Report) {
    let bare = BareServer::start(Subject::Cases, &stage.cabinet.databases.case_monitoring, stage.cabinet.realm.id).await;
    let bare_channels = connections(&bare.url());
    let token = stage.cabinet.service_token();
    let (mut limits, mut values) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        limits.push(read(stage, &bare_channels, "", scale).await);
        values.push(read(stage, &stage.case_monitoring, &token, scale).await);
    }
    let command = "a tonic handler that does nothing but the same SELECT, in a process of its own".to_owned();
    report.against("read.get_case", &values, "1/s", &Limit { values: limits, command, reference: None });
}

async fn read(stage: &Stage, channels: &[Channel], token: &str, scale: Scale) -> f64 {
    let next = std::sync::atomic::AtomicUsize::new(0);
    throughput(Duration::from_secs(scale.seconds), async |client| {
        let person = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % stage.people;
        let request = with_token(token, GetCaseRequest { case_id: stage.case_id(person) });
        CaseServiceClient::new(channels[client].clone()).get_case(request).await.expect("a case that is there");
    })
    .await
}

/// `read.get_profile`: against a bare handler of the same SELECTs, of the profile and of the company's further fields. Everybody has a name:
/// of whom has none, identity is asked.
pub(crate) async fn read_get_profile(stage: &Stage, scale: Scale, report: &mut Report) {
    let channels = connections(&stage.cabinet.profile.grpc_url());
    let token = stage.cabinet.service_token();
    each(stage.people, async |client, person| {
        let request = UpdateProfileRequest {
            profile: Some(Profile {
                user_id: stage.users[person].clone(),
                full_name: format!("Person {person}"),
                job_title: "Reader of measurements".to_owned(),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["full_name".to_owned(), "job_title".to_owned()] }),
            ..Default::default()
        };
        let mut client = ProfileServiceClient::new(channels[client].clone());
        client.update_profile(with_token(&token, request)).await.expect("a good name");
    })
    .await;
    stage.cabinet.databases.profile.execute("ANALYZE profiles, attributes");
    stage.cabinet.settled().await;
    let bare = BareServer::start(Subject::Profiles, &stage.cabinet.databases.profile, stage.cabinet.realm.id).await;
    let bare_channels = connections(&bare.url());
    let (mut limits, mut values) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        limits.push(read_profiles(stage, &bare_channels, "", scale).await);
        values.push(read_profiles(stage, &channels, &token, scale).await);
    }
    let command = "a tonic handler that does nothing but the same two SELECTs, in a process of its own".to_owned();
    report.against("read.get_profile", &values, "1/s", &Limit { values: limits, command, reference: None });
}

async fn read_profiles(stage: &Stage, channels: &[Channel], token: &str, scale: Scale) -> f64 {
    let next = std::sync::atomic::AtomicUsize::new(0);
    throughput(Duration::from_secs(scale.seconds), async |client| {
        let person = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % stage.people;
        let request = GetProfileRequest { user_id: stage.users[person].clone(), ..Default::default() };
        ProfileServiceClient::new(channels[client].clone()).get_profile(with_token(token, request)).await.expect("he is there");
    })
    .await
}

/// `write.change_status`: with nothing leaving, and while the path drains.
pub(crate) async fn write_change_status(stage: &mut Stage, scale: Scale, report: &mut Report) {
    let mut limit = TpcB::prepare(&stage.server, scale);
    let (mut alone, mut draining) = (Vec::new(), Vec::new());
    stage.stop_path();
    for _ in 0..scale.rounds {
        limit.measure();
        alone.push(change(stage, scale).await);
    }
    // What these rounds have told nobody is to be sent.
    stage.cabinet.databases.case_monitoring.execute("TRUNCATE messaging.outbox");
    report.against("write.change_status", &alone, "1/s", &limit.limit());
    stage.start_path().await;
    for _ in 0..scale.rounds {
        limit.measure();
        draining.push(change(stage, scale).await);
        stage.cabinet.settled().await;
    }
    report.against("write.change_status.draining", &draining, "1/s", &limit.limit());
}

/// Distinct cases for each client, so that nobody overtakes anybody.
async fn change(stage: &Stage, scale: Scale) -> f64 {
    let token = stage.cabinet.service_token();
    let next = std::sync::atomic::AtomicUsize::new(0);
    throughput(Duration::from_secs(scale.seconds), async |client| {
        let person = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % stage.people;
        let request = with_token(&token, stage.next_change(person));
        CaseServiceClient::new(stage.case_monitoring[client].clone()).change_case_status(request).await.expect("an allowed move");
    })
    .await
}
