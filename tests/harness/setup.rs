//! What a test's system stands on: the servers all tests share, unless the test brings servers of its own to break.

use std::sync::Arc;

use runtime::sealing::SealingPair;
use runtime::token::{Signer, generate_signing_key};
use testkit::{PostgresServer, RabbitMqServer, SharedPostgres, SharedRabbitMq, SinkOptions, Smsc, SmtpSink, free_port};
use testkit::{shared_postgres, shared_rabbitmq};

use crate::certificates::{Certificates, own_settings};
use crate::service::PUBLIC_ADDRESS;
use crate::{Cabinet, Databases, Kind, ServiceProcess, TestRealm, Watch, eventually, new_id};

/// The name of the key that signs, as its file says: since 2026 began.
const KID: &str = "20260101T000000Z";
/// The fact that more than one service hears. Of others the outbox keeps what nobody is bound to.
const HEARD_BY_ALL: &str = "identity.user.deleted.v1";
/// How the names of settings end that nobody else may know.
const SECRETS: [&str; 3] = ["SECRET", "KEY", "PASSWORD"];

/// A system to be started.
#[must_use]
pub struct Setup {
    mail: SinkOptions,
    smsc: Option<Smsc>,
    certificates: Option<Certificates>,
    /// A mail server that is none of ours, on this port.
    own_mail: Option<u16>,
    /// Further settings of every service.
    settings: Vec<(&'static str, String)>,
    /// Further settings of identity.
    identity_settings: Vec<(&'static str, String)>,
    /// Further settings of profile.
    profile_settings: Vec<(&'static str, String)>,
    watch: Arc<Watch>,
    /// Where the databases are.
    server: SharedPostgres,
    notification_server: SharedPostgres,
    broker: SharedRabbitMq,
}

impl Default for Setup {
    fn default() -> Self {
        Self::on(shared_postgres(), shared_rabbitmq())
    }
}

impl Setup {
    /// On these servers.
    pub fn on(server: SharedPostgres, broker: SharedRabbitMq) -> Self {
        Self {
            mail: SinkOptions::default(),
            smsc: None,
            certificates: None,
            own_mail: None,
            settings: Vec::new(),
            identity_settings: Vec::new(),
            profile_settings: Vec::new(),
            watch: Arc::default(),
            notification_server: server.clone(),
            server,
            broker,
        }
    }

    /// With services that log what their settings say, to our own standard error; for measurements.
    pub fn unwatched(self) -> Self {
        Self { watch: Arc::new(Watch::off()), ..self }
    }

    /// With another setting of every service.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    /// With another setting of identity.
    pub fn with_identity(mut self, name: &'static str, value: &str) -> Self {
        self.identity_settings.push((name, value.to_owned()));
        self
    }

    /// With another setting of profile.
    pub fn with_profile(mut self, name: &'static str, value: &str) -> Self {
        self.profile_settings.push((name, value.to_owned()));
        self
    }

    /// With a mail server that is none of ours, on a port of this machine.
    pub fn own_mail(self, port: u16) -> Self {
        Self { own_mail: Some(port), ..self }
    }

    /// With a mail server that behaves in a certain way.
    pub fn mail(self, mail: SinkOptions) -> Self {
        Self { mail, ..self }
    }

    /// With an SMSC; else no SMS leave.
    pub fn smsc(self) -> Self {
        Self { smsc: Some(Smsc::start()), ..self }
    }

    /// With TLS between all services, each of which wants to see a certificate.
    pub fn tls(self) -> Self {
        Self { certificates: Some(Certificates::make()), ..self }
    }

    /// With traces that go to a collector, of so many requests as the ratio says.
    pub fn traced(self, collector: &str, sample_ratio: &str) -> Self {
        self.with("CABINET__TELEMETRY__OTLP_ENDPOINT", collector).with("CABINET__TELEMETRY__SAMPLE_RATIO", sample_ratio)
    }

    /// With the database of notification on a server that nobody else uses.
    pub fn notification_on(self, server: &PostgresServer) -> Self {
        Self { notification_server: SharedPostgres::at(&server.base_url()), ..self }
    }

    /// With a broker that nobody else uses.
    pub fn broker(self, server: &RabbitMqServer) -> Self {
        Self { broker: SharedRabbitMq::at(&server.base_url(), &server.management_url()), ..self }
    }

    /// Starts everything and waits until every service is ready and hears of deletions.
    pub async fn start(self) -> Cabinet {
        let mut cabinet = self.prepare();
        for service in cabinet.services() {
            service.start();
        }
        for service in cabinet.services() {
            service.wait_until_ready().await;
        }
        // A service serves before it has a broker, and whoever is not bound yet would hear of a deletion an hour later only.
        let hearing = || cabinet.vhost.bound_queues("cabinet.events", HEARD_BY_ALL).len();
        eventually("every service to hear of deletions", || (hearing() == 4).then_some(())).await;
        let (realm, other_realm) = tokio::join!(cabinet.open_realm("Helpline"), cabinet.open_realm("Elsewhere"));
        (cabinet.realm, cabinet.other_realm) = (realm, other_realm);
        cabinet
    }

    fn prepare(self) -> Cabinet {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let vhost = self.broker.vhost();
        let mail = SmtpSink::start(self.mail);
        let signing_key = generate_signing_key();
        std::fs::write(folder.path().join(format!("{KID}.pem")), signing_key.expose()).expect("the temporary folder is writable");
        for line in signing_key.expose().lines().filter(|line| !line.starts_with('-')) {
            self.watch.canary(Kind::Secret, line);
        }
        let sealing = SealingPair::generate();
        let shared = [
            ("CABINET__COMPONENTS__SECRET", "what the components share".to_owned()),
            ("CABINET__MESSAGING__AMQP_URL", vhost.url().to_owned()),
            ("CABINET__LOG__FORMAT", "text".to_owned()),
        ];

        let prepare = |program, own: &[(&'static str, String)]| {
            let tls = self.certificates.iter().flat_map(|certificates| certificates.settings_of(program));
            let further = self.settings.iter().cloned();
            let settings: Vec<_> = shared.iter().cloned().chain(own.iter().cloned()).chain(tls).chain(further).collect();
            for (_, secret) in settings.iter().filter(|(name, _)| SECRETS.iter().any(|end| name.ends_with(end))) {
                self.watch.canary(Kind::Secret, secret);
            }
            ServiceProcess::prepare(program, settings, self.watch.clone()).known_by(own_settings(self.certificates.as_ref()))
        };
        let own = [
            ("CABINET__KEYS__FOLDER", folder.path().display().to_string()),
            ("CABINET__KEYS__REFRESH_KEY", "a2V5cyBhcmUgYXQgbGVhc3QgdGhpcnR5LXR3byBieXRlcw==".to_owned()),
            ("CABINET__KEYS__SECOND_FACTOR_KEY", "YW5vdGhlciBvbmUgb2YgdGhpcnR5LXR3byBieXRlcywgdG9v".to_owned()),
            ("CABINET__SEALING__SEALING_KEY", sealing.sealing_key),
            (PUBLIC_ADDRESS, format!("127.0.0.1:{}", free_port())),
        ];
        let own: Vec<_> = own.into_iter().chain(self.identity_settings).collect();
        let mut identity = prepare("cabinet-identity", &own);
        let peer = ("CABINET__PEERS__IDENTITY", identity.grpc_url());
        let avatars = tempfile::tempdir().expect("the temporary folder is writable");
        let own = [("CABINET__AVATARS__FOLDER", avatars.path().display().to_string()), peer.clone()];
        let own: Vec<_> = own.into_iter().chain(self.profile_settings).collect();
        let mut profile = prepare("cabinet-profile", &own);
        let mut case_monitoring = prepare("cabinet-case-monitoring", std::slice::from_ref(&peer));
        let own = [
            ("CABINET__SMTP__SERVER", format!("127.0.0.1:{}", self.own_mail.unwrap_or(mail.port()))),
            ("CABINET__SEALING__OPENING_KEY", sealing.opening_key.expose().clone()),
            // Tests in debug builds, several at a time, on two cores: letters are looked at for their links.
            ("CABINET__MAIL__AUTOLOGIN_TIMEOUT", "5s".to_owned()),
            ("CABINET__UNSUBSCRIBE__KEY", "dGhpcyBvbmUgaGFzIG1vcmUgdGhhbiB0aGlydHktdHdvIGJ5dGVz".to_owned()),
            (PUBLIC_ADDRESS, format!("127.0.0.1:{}", free_port())),
            ("CABINET__PEERS__PROFILE", profile.grpc_url()),
            ("CABINET__PEERS__CASE_MONITORING", case_monitoring.grpc_url()),
            peer,
        ];
        let own: Vec<_> = own.into_iter().chain(sms_settings(self.smsc.as_ref())).collect();
        let mut notification = prepare("cabinet-notification", &own);
        // Everybody asks identity, and identity asks everybody.
        identity.set("CABINET__PEERS__PROFILE", &profile.grpc_url());
        identity.set("CABINET__PEERS__CASE_MONITORING", &case_monitoring.grpc_url());
        identity.set("CABINET__PEERS__NOTIFICATION", &notification.grpc_url());
        let databases = Databases {
            identity: identity.migrate("CABINET__IDENTITY__DATABASE__URL", &self.server),
            profile: profile.migrate("CABINET__PROFILE__DATABASE__URL", &self.server),
            case_monitoring: case_monitoring.migrate("CABINET__CASE_MONITORING__DATABASE__URL", &self.server),
            notification: notification.migrate("CABINET__NOTIFICATION__DATABASE__URL", &self.notification_server),
        };
        let signer = Signer::from_pem(KID, &signing_key).expect("a key that was just made");
        // Opened once everything runs.
        let realm = TestRealm { id: new_id(), company_id: new_id(), other_company_id: new_id(), name: String::new() };
        Cabinet {
            identity,
            profile,
            case_monitoring,
            notification,
            mail,
            smsc: self.smsc,
            other_realm: realm.clone(),
            realm,
            databases,
            vhost,
            signing_key,
            signer,
            certificates: self.certificates,
            keys_folder: folder,
            avatars_folder: avatars,
            watch: self.watch,
        }
    }
}

impl Cabinet {
    fn services(&mut self) -> [&mut ServiceProcess; 4] {
        [&mut self.identity, &mut self.profile, &mut self.case_monitoring, &mut self.notification]
    }
}

fn sms_settings(smsc: Option<&Smsc>) -> Vec<(&'static str, String)> {
    let Some(smsc) = smsc else { return Vec::new() };
    vec![
        ("CABINET__SMS__TRANSPORT", "smpp".to_owned()),
        ("CABINET__SMPP__SERVER", format!("127.0.0.1:{}", smsc.port())),
        ("CABINET__SMPP__SYSTEM_ID", "cabinet".to_owned()),
        ("CABINET__SMPP__PASSWORD", Smsc::PASSWORD.to_owned()),
        ("CABINET__SMPP__SOURCE", "Helpline".to_owned()),
        ("CABINET__SMPP__RESPONSE_TIMEOUT", "2s".to_owned()),
    ]
}
