//! What a test's system stands on: the servers all tests share, unless the test brings servers of its own to break.

use runtime::token::{KeyPair, Signer};
use testkit::{PostgresServer, RabbitMqServer, SharedPostgres, SharedRabbitMq, SinkOptions, SmtpSink};
use testkit::{shared_postgres, shared_rabbitmq};

use crate::{Cabinet, Databases, ServiceProcess, TestRealm};

/// A system to be started.
#[must_use]
pub struct Setup {
    mail: SinkOptions,
    /// Where the database of notification is; the others are always on the shared server.
    notification_server: SharedPostgres,
    broker: SharedRabbitMq,
}

impl Default for Setup {
    fn default() -> Self {
        Self { mail: SinkOptions::default(), notification_server: shared_postgres(), broker: shared_rabbitmq() }
    }
}

impl Setup {
    /// With a mail server that behaves in a certain way.
    pub fn mail(self, mail: SinkOptions) -> Self {
        Self { mail, ..self }
    }

    /// With the database of notification on a server that nobody else uses.
    pub fn notification_on(self, server: &PostgresServer) -> Self {
        Self { notification_server: SharedPostgres::at(&server.base_url()), ..self }
    }

    /// With a broker that nobody else uses.
    pub fn broker(self, server: &RabbitMqServer) -> Self {
        Self { broker: SharedRabbitMq::at(&server.base_url(), &server.management_url()), ..self }
    }

    /// Starts everything and waits until every service is ready.
    pub async fn start(self) -> Cabinet {
        let mut cabinet = self.prepare();
        for service in cabinet.services() {
            service.migrate();
            service.start();
        }
        for service in cabinet.services() {
            service.wait_until_ready().await;
        }
        cabinet
    }

    fn prepare(self) -> Cabinet {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let server = shared_postgres();
        let databases = Databases {
            identity: server.database(),
            case_monitoring: server.database(),
            notification: self.notification_server.database(),
        };
        let vhost = self.broker.vhost();
        let mail = SmtpSink::start(self.mail);
        let (realm, other_realm) = (TestRealm::new("Helpline"), TestRealm::new("Elsewhere"));
        let keys = KeyPair::generate();

        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the temporary folder is writable");
            path.display().to_string()
        };
        let shared = [
            ("CABINET__TOKEN__PUBLIC_KEY_FILE", file("public.pem", &keys.public_key)),
            ("CABINET__TOKEN__SIGNING_KEY_FILE", file("signing.pem", keys.signing_key.expose())),
            ("CABINET__REALM_FILE", file("realms.toml", &format!("{}{}", realm.toml(), other_realm.toml()))),
            ("CABINET__MESSAGING__AMQP_URL", vhost.url().to_owned()),
            ("CABINET__LOG__FORMAT", "text".to_owned()),
        ];

        let with = |own: &[(&'static str, String)]| shared.iter().cloned().chain(own.iter().cloned()).collect::<Vec<_>>();
        let identity = ServiceProcess::prepare(
            "cabinet-identity",
            with(&[("CABINET__IDENTITY__DATABASE__URL", databases.identity.url().to_owned())]),
        );
        let peer = ("CABINET__PEERS__IDENTITY", identity.grpc_url());
        let case_monitoring = ServiceProcess::prepare(
            "cabinet-case-monitoring",
            with(&[("CABINET__CASE_MONITORING__DATABASE__URL", databases.case_monitoring.url().to_owned()), peer.clone()]),
        );
        let notification = ServiceProcess::prepare(
            "cabinet-notification",
            with(&[
                ("CABINET__NOTIFICATION__DATABASE__URL", databases.notification.url().to_owned()),
                ("CABINET__SMTP__SERVER", format!("127.0.0.1:{}", mail.port())),
                peer,
            ]),
        );
        let signer = Signer::from_pem(&keys.signing_key).expect("a key pair that was just made");
        Cabinet {
            identity,
            case_monitoring,
            notification,
            mail,
            realm,
            other_realm,
            databases,
            vhost,
            keys,
            signer,
            _folder: folder,
        }
    }
}

impl Cabinet {
    fn services(&mut self) -> [&mut ServiceProcess; 3] {
        [&mut self.identity, &mut self.case_monitoring, &mut self.notification]
    }
}
