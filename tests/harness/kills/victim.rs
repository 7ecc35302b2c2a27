//! Who is killed, what he was at work on, and how he comes back.

use std::time::{Duration, Instant};

use serde::Serialize;
use testkit::{
    PostgresOptions, PostgresServer, RabbitMqServer, SharedPostgres, SharedRabbitMq, SinkOptions, SmtpMoment, TestDatabase,
};
use tokio::task::block_in_place;

use crate::{Cabinet, ServiceProcess, Setup};

/// How often a victim is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Where facts wait for the planner.
const QUEUE: &str = "notification.planner.normal";
/// Sessions that are in the middle of a statement.
const ACTIVE_SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

/// Deliveries on their way: the mail server has not been told of them, or has not answered.
const UNSETTLED: &str = "SELECT count(*) FROM deliveries WHERE settled_at IS NULL";

fn count(database: &TestDatabase, question: &str) -> u64 {
    block_in_place(|| database.value(question)).parse().expect("a count")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Victim {
    Identity,
    Profile,
    /// With the relay that takes changes of status to the broker.
    CaseMonitoring,
    /// With the planner and the dispatcher.
    Notification,
    #[serde(rename = "rabbitmq")]
    RabbitMq,
    #[serde(rename = "postgresql")]
    PostgreSql,
}

impl Victim {
    pub const ALL: [Self; 6] =
        [Self::Identity, Self::Profile, Self::CaseMonitoring, Self::Notification, Self::RabbitMq, Self::PostgreSql];

    /// What says whether he is at work.
    pub(super) const fn metric(self) -> &'static str {
        match self {
            Self::Identity | Self::Profile => "cabinet_rpc_server_active_requests",
            Self::CaseMonitoring => "cabinet_outbox_unconfirmed",
            Self::Notification => "deliveries, unsettled",
            Self::RabbitMq => QUEUE,
            Self::PostgreSql => "pg_stat_activity, active",
        }
    }
}

/// A system on servers of its own, all of which may be killed. PostgreSQL waits for its disk, and knows when what was committed.
pub(super) struct Stage {
    pub(super) cabinet: Cabinet,
    postgres: PostgresServer,
    rabbitmq: RabbitMqServer,
}

impl Stage {
    pub(super) async fn start(slow_letters: u8) -> Self {
        let (postgres, rabbitmq) = block_in_place(|| {
            let postgres = PostgresOptions::default().durable().setting("track_commit_timestamp", "on").start();
            (postgres, RabbitMqServer::start())
        });
        let databases = SharedPostgres::at(&postgres.base_url());
        let broker = SharedRabbitMq::at(&rabbitmq.base_url(), &rabbitmq.management_url());
        let mail = SinkOptions::default().delay_some(SmtpMoment::Dot, slow_letters);
        let cabinet = Setup::on(databases, broker).mail(mail).unwatched().start().await;
        Self { cabinet, postgres, rabbitmq }
    }

    /// Looks at a victim until he is at work, at most for `limit`; how much he has on his hands.
    pub(super) async fn work_of(&self, victim: Victim, limit: Duration) -> Option<u64> {
        let started = Instant::now();
        while started.elapsed() < limit {
            let work = self.work_now(victim).await;
            if work > 0 {
                return Some(work);
            }
            // What is looked at is not to be kept from its work by that.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        None
    }

    async fn work_now(&self, victim: Victim) -> u64 {
        let of_service = async |service: &ServiceProcess| service.metric(victim.metric()).await.unwrap_or_default();
        match victim {
            Victim::Identity => of_service(&self.cabinet.identity).await,
            Victim::Profile => of_service(&self.cabinet.profile).await,
            Victim::CaseMonitoring => of_service(&self.cabinet.case_monitoring).await,
            // Its own count of what waits is taken every two seconds, which is past by the time it is read.
            Victim::Notification => count(&self.cabinet.databases.notification, UNSETTLED),
            Victim::RabbitMq => block_in_place(|| self.cabinet.vhost.queue_depth(QUEUE)),
            Victim::PostgreSql => count(&self.cabinet.databases.identity, ACTIVE_SESSIONS),
        }
    }

    /// Kills him with -9, with all that he has started.
    pub(super) fn kill(&mut self, victim: Victim) {
        block_in_place(|| match victim {
            Victim::RabbitMq => self.rabbitmq.kill(),
            Victim::PostgreSql => self.postgres.kill(),
            _ => self.service(victim).expect("the others are services").kill(),
        });
    }

    /// Starts him on what he has left, and waits until every service is ready.
    pub(super) async fn start_again(&mut self, victim: Victim) {
        block_in_place(|| match victim {
            Victim::RabbitMq => self.rabbitmq.start_again(),
            Victim::PostgreSql => self.postgres.start_again(),
            _ => self.service(victim).expect("the others are services").start(),
        });
        let Cabinet { identity, profile, case_monitoring, notification, .. } = &self.cabinet;
        for service in [identity, profile, case_monitoring, notification] {
            service.wait_until_ready().await;
        }
    }

    const fn service(&mut self, victim: Victim) -> Option<&mut ServiceProcess> {
        match victim {
            Victim::Identity => Some(&mut self.cabinet.identity),
            Victim::Profile => Some(&mut self.cabinet.profile),
            Victim::CaseMonitoring => Some(&mut self.cabinet.case_monitoring),
            Victim::Notification => Some(&mut self.cabinet.notification),
            Victim::RabbitMq | Victim::PostgreSql => None,
        }
    }
}
