//! The system that is measured, and the people in it: each a requester of one case who wants a letter whenever its status
//! changes.

use std::sync::Mutex;

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::notification::v1 as notification;
use api::cabinet::notification::v1::preference_service_client::PreferenceServiceClient;
use cabinet_e2e::{Cabinet, Setup, case_request, with_token};
use testkit::{PostgresOptions, PostgresServer, RabbitMqServer, SharedPostgres, SharedRabbitMq};
use tonic::transport::{Channel, Endpoint};

use crate::Scale;
use crate::load::{CLIENTS, each};
use crate::sink::Sink;

/// As many users as one call makes.
const BATCH: usize = 1000;
/// People who are written to about their accounts, and have no case.
pub(crate) const GUESTS: usize = 600;

pub(crate) struct Stage {
    pub(crate) cabinet: Cabinet,
    pub(crate) server: SharedPostgres,
    pub(crate) broker: RabbitMqServer,
    pub(crate) sink: Sink,
    pub(crate) people: usize,
    /// Their ids.
    pub(crate) users: Vec<String>,
    /// A connection for each client.
    pub(crate) case_monitoring: Vec<Channel>,
    /// The cases by their person, each with the status it goes to next.
    cases: Vec<Mutex<(String, bool)>>,
    // Dropped last.
    _postgres: PostgresServer,
}

pub(crate) fn email(person: usize) -> String {
    format!("person{person}@bench.example")
}

pub(crate) fn guest(number: usize) -> String {
    format!("guest{number}@bench.example")
}

impl Stage {
    pub(crate) async fn start(scale: Scale) -> Self {
        let (postgres, broker) =
            tokio::task::spawn_blocking(|| (PostgresOptions::default().durable().start(), RabbitMqServer::start()))
                .await
                .expect("servers start");
        let sink = Sink::start().await;
        let server = SharedPostgres::at(&postgres.base_url());
        let shared_broker = SharedRabbitMq::at(&broker.base_url(), &broker.management_url());
        let cabinet = Setup::on(server.clone(), shared_broker).own_mail(sink.port()).unwatched().start().await;
        let case_monitoring = connections(&cabinet.case_monitoring.grpc_url());
        Self {
            cabinet,
            server,
            broker,
            sink,
            people: scale.people,
            users: Vec::new(),
            case_monitoring,
            cases: Vec::new(),
            _postgres: postgres,
        }
    }

    /// Adds the people, their ticks and their cases, and waits until nothing is under way.
    pub(crate) async fn populate(&mut self) {
        let people: Vec<String> = (0..self.people).map(email).collect();
        let ids = self.add_users(&people).await;
        self.add_users(&(0..GUESTS).map(guest).collect::<Vec<_>>()).await;
        let token = self.cabinet.service_token();
        let channels = connections(&self.cabinet.notification.grpc_url());
        each(ids.len(), async |client, index| {
            let ticks = notification::ChannelTicks { email: true, sms: false };
            let preferences = notification::Preferences { user_id: ids[index].clone(), status_change: Some(ticks) };
            let request = notification::UpdatePreferencesRequest {
                preferences: Some(preferences),
                update_mask: Some(prost_types::FieldMask { paths: vec!["status_change.email".to_owned()] }),
            };
            let mut client = PreferenceServiceClient::new(channels[client].clone());
            client.update_preferences(with_token(&token, request)).await.expect("a good tick");
        })
        .await;
        let made: Vec<Mutex<(String, bool)>> = ids.iter().map(|_| Mutex::default()).collect();
        each(ids.len(), async |client, index| {
            let request = with_token(&token, case_request(&self.cabinet.realm, &ids[index]));
            let answer = CaseServiceClient::new(self.case_monitoring[client].clone()).create_case(request).await;
            let case = answer.expect("a good case").into_inner().case.expect("the contract promises the case");
            *made[index].lock().expect("nobody panics while holding it") = (case.case_id, false);
        })
        .await;
        (self.users, self.cases) = (ids, made);
        self.cabinet.settled().await;
    }

    pub(crate) async fn add_users(&self, emails: &[String]) -> Vec<String> {
        let token = self.cabinet.service_token();
        let mut ids = Vec::new();
        for emails in emails.chunks(BATCH) {
            let new = |email: &String| identity::NewUser {
                role: identity::Role::Customer.into(),
                email: email.clone(),
                invitation: identity::Invitation::None.into(),
                ..Default::default()
            };
            let request = identity::BatchCreateUsersRequest {
                company_id: self.cabinet.realm.company_id.to_string(),
                users: emails.iter().map(new).collect(),
                ..Default::default()
            };
            let mut client = UserServiceClient::new(self.cabinet.identity.channel());
            let answer = client.batch_create_users(with_token(&token, request)).await.expect("good users").into_inner();
            ids.extend(answer.verdicts.into_iter().map(|verdict| verdict.user.expect("a new user").user_id));
        }
        ids
    }

    pub(crate) fn case_id(&self, person: usize) -> String {
        self.cases[person].lock().expect("nobody panics while holding it").0.clone()
    }

    /// The next change of a person's case: opened, resolved, opened again.
    pub(crate) fn next_change(&self, person: usize) -> cases::ChangeCaseStatusRequest {
        let mut case = self.cases[person].lock().expect("nobody panics while holding it");
        let status = if case.1 { "RESOLVED" } else { "OPEN" };
        case.1 = !case.1;
        cases::ChangeCaseStatusRequest { case_id: case.0.clone(), status: status.to_owned(), ..Default::default() }
    }

    /// Changes the case of each of the first `count` people once; answers how many a second that were.
    pub(crate) async fn change_each(&self, count: usize) -> f64 {
        let token = self.cabinet.service_token();
        each(count, async |client, person| {
            let request = with_token(&token, self.next_change(person));
            let mut client = CaseServiceClient::new(self.case_monitoring[client].clone());
            client.change_case_status(request).await.expect("an allowed move");
        })
        .await
    }

    /// Lets nothing leave: notification ends, and then the broker.
    pub(crate) fn stop_path(&mut self) {
        self.cabinet.notification.stop();
        self.broker.stop();
    }

    pub(crate) async fn start_path(&mut self) {
        self.broker.start_again();
        self.cabinet.notification.start();
        self.cabinet.notification.wait_until_ready().await;
    }
}

/// A connection for each client.
pub(crate) fn connections(url: &str) -> Vec<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL").tcp_nodelay(true);
    (0..CLIENTS).map(|_| endpoint.connect_lazy()).collect()
}
