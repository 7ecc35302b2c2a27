//! The way of spans to a collector (OTLP over gRPC), beside everything else: nobody waits for it, and what it cannot take is lost.

use std::error::Error;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use kernel::{IdSource, Timestamp};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter};

use super::Tracer;
use crate::grpc::PeerConfig;
use crate::settings::Settings;

const SECTION: &str = "telemetry";
/// Spans that wait to be sent; more are lost. A few megabytes.
const QUEUE: usize = 4096;
/// As many spans as leave together, and the longest that one waits for others.
const BATCH: usize = 512;
const DELAY: Duration = Duration::from_secs(1);
/// How long the collector may take for a batch.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);
/// How long the last spans of a process may take. With the drain and the workers' grace less than the thirty seconds that
/// Kubernetes gives by default.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);
/// How often the log tells that spans are lost.
const TELL_INTERVAL: Duration = Duration::from_mins(1);
/// What our own spans are made by, as collectors are told (OpenTelemetry's instrumentation scope).
const SCOPE: &str = "cabinet";

/// Where spans go, and how many requests are recorded.
#[derive(Debug, Clone)]
pub(crate) struct TelemetryConfig {
    collector: Option<PeerConfig>,
    sample_ratio: f64,
}

impl TelemetryConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let collector = PeerConfig::read_optional(settings, "telemetry.otlp_endpoint", &format!("{SECTION}.tls"));
        let sample_ratio = settings.number("telemetry.sample_ratio", 0.0..=1.0);
        Some(Self { collector, sample_ratio: sample_ratio? })
    }
}

/// What carries spans away.
#[derive(Debug, Default)]
pub(crate) struct Export(Option<SdkTracerProvider>);

impl Export {
    /// Opens the way for a process that is known by this name; without a collector there is none, and the tracer makes nothing.
    /// A collector that is away is no failure.
    pub(crate) fn start(
        config: &TelemetryConfig,
        service: &str,
        ids: &dyn IdSource,
        now: Timestamp,
    ) -> Result<(Self, Tracer), Box<dyn Error + Send + Sync>> {
        let Some(collector) = &config.collector else { return Ok((Self::default(), Tracer::default())) };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_channel(collector.channel_without_pings(EXPORT_LIMIT)?)
            .with_timeout(EXPORT_LIMIT)
            .build()?;
        let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_max_export_batch_size(BATCH);
        let processor = BatchSpanProcessor::builder(Telling { exporter, told: Mutex::default() })
            .with_batch_config(batches.with_scheduled_delay(DELAY).build());
        let resource = Resource::builder_empty().with_service_name(service.to_owned()).with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", ids.uuid_v7(now).to_string()),
        ]);
        // What is recorded is decided before a span is begun.
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(processor.build())
            .with_resource(resource.build())
            .build();
        let tracer = Tracer::new(provider.tracer(SCOPE), config.sample_ratio);
        Ok((Self(Some(provider)), tracer))
    }

    /// Sends what is left, if the collector takes it in time.
    pub(crate) async fn finish(self) {
        let Some(provider) = self.0 else { return };
        let finished = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_LIMIT)).await;
        if !matches!(finished, Ok(Ok(()))) {
            tracing::warn!("the last spans of this process are lost");
        }
    }
}

/// Tells the log when spans are lost: at once, then now and then.
#[derive(Debug)]
struct Telling<Exporter> {
    exporter: Exporter,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    /// Lost since then.
    lost: usize,
}

impl Told {
    /// How many there are to tell of, if it is time to.
    fn lose(&mut self, spans: usize, now: Instant) -> Option<usize> {
        self.lost += spans;
        let is_due = self.at.is_none_or(|at| now.duration_since(at) >= TELL_INTERVAL);
        is_due.then(|| {
            self.at = Some(now);
            std::mem::take(&mut self.lost)
        })
    }
}

impl<Exporter: SpanExporter> SpanExporter for Telling<Exporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        if let Err(error) = &result {
            let lost = self.told.lock().expect("nobody panics while holding it").lose(spans, Instant::now());
            if let Some(lost) = lost {
                tracing::warn!(lost, error = error as &dyn Error, "the collector takes no spans");
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = crate::process::ProcessConfig::DEFAULTS;

    fn read(given: &[(&str, &str)]) -> Result<TelemetryConfig, String> {
        let environment = given.iter().map(|(name, value)| (format!("CABINET__TELEMETRY__{name}"), (*value).to_owned()));
        let mut settings = Settings::load(&[DEFAULTS], None, environment);
        let config = crate::process::ProcessConfig::read(&mut settings);
        settings.finish(config).map(|config| config.telemetry).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn spans_go_nowhere_unless_a_collector_is_named() {
        assert!(read(&[]).expect("good defaults").collector.is_none());
        assert!(read(&[("OTLP_ENDPOINT", "http://collector:4317")]).expect("an address").collector.is_some());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = [
            (("SAMPLE_RATIO", "1.5"), "configuration: telemetry.sample_ratio: must be between 0 and 1"),
            (("SAMPLE_RATIO", "NaN"), "configuration: telemetry.sample_ratio: must be between 0 and 1"),
            (
                ("OTLP_ENDPOINT", "https://collector:4317"),
                "configuration: telemetry.otlp_endpoint: must be https:// with telemetry.tls.ca_file, and http:// without",
            ),
        ];
        for (given, said) in wrong {
            assert_eq!(read(&[given]).err().as_deref(), Some(said), "{given:?}");
        }
    }

    #[test]
    fn the_log_hears_of_losses_at_once_and_then_now_and_then() {
        let (mut told, start) = (Told::default(), Instant::now());
        assert_eq!(told.lose(3, start), Some(3));
        assert_eq!(told.lose(4, start + TELL_INTERVAL / 2), None);
        assert_eq!(told.lose(5, start + TELL_INTERVAL), Some(9));
    }
}
