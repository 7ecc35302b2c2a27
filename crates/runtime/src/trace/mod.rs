//! Traces: which way a request went through the processes, and how long each part of it took (OpenTelemetry).
//!
//! Spans are begun by hand where work goes from one hand to another; libraries make none. They hold ids and words of ours:
//! nothing of a person, a case or a letter. Without a collector there are none, and to ask for one costs a comparison.

mod context;
mod export;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId};
use opentelemetry::trace::{TraceState, Tracer as _};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SdkTracer};

pub use opentelemetry::trace::SpanKind;

pub use self::context::{InvalidTraceparent, TraceContext};
pub(crate) use self::export::{Export, TelemetryConfig};

/// Makes spans, or none at all where there is nobody to take them.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    spans: SdkTracer,
    dice: RandomIdGenerator,
    /// Of the requests about which nobody has decided, how many are recorded: from 0 to 1.
    sample_ratio: f64,
}

/// Whether a request is to be recorded, as far as somebody has said so who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Yes,
    No,
    Unsaid,
}

/// Something that is under way. It ends when it is dropped.
#[must_use = "a span that is dropped at once says nothing"]
#[derive(Debug, Default)]
pub struct Span(Option<Box<opentelemetry_sdk::trace::Span>>);

impl Tracer {
    fn new(spans: SdkTracer, sample_ratio: f64) -> Self {
        Self(Some(Arc::new(Recorder { spans, dice: RandomIdGenerator::default(), sample_ratio })))
    }

    /// Whether there is anybody to take spans.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether what belongs to this context (`traceparent`) is recorded.
    pub fn wants(&self, traceparent: Option<&str>) -> bool {
        self.is_on() && wanted(traceparent).is_some()
    }

    /// The first of these contexts of which anything is recorded. What is done for many at once is told in one trace.
    pub fn first_wanted<'a>(&self, traceparents: impl IntoIterator<Item = Option<&'a str>>) -> Option<&'a str> {
        self.0.as_ref()?;
        traceparents.into_iter().find(|traceparent| wanted(*traceparent).is_some()).flatten()
    }

    /// A part of what this context names, begun now; nothing if that is not recorded.
    pub fn part(&self, traceparent: Option<&str>, kind: SpanKind, name: fmt::Arguments<'_>) -> Span {
        self.part_since(SystemTime::now, traceparent, kind, name)
    }

    /// The same, begun at another moment.
    pub fn part_since(
        &self,
        began: impl FnOnce() -> SystemTime,
        traceparent: Option<&str>,
        kind: SpanKind,
        name: fmt::Arguments<'_>,
    ) -> Span {
        let recorded = self.0.as_deref().and_then(|recorder| Some((recorder, wanted(traceparent)?)));
        recorded.map_or_else(Span::default, |(recorder, parent)| recorder.begin(Some(parent), kind, name, began()))
    }

    /// A request that has come in, in the trace that its client tells of or in a new one; nothing if it is not recorded.
    pub(crate) fn request(&self, told: Option<TraceContext>, wish: Wish, name: fmt::Arguments<'_>, began: SystemTime) -> Span {
        let Some(recorder) = self.0.as_deref() else { return Span::default() };
        let is_recorded = match wish {
            Wish::Yes => true,
            Wish::No => false,
            Wish::Unsaid => recorder.is_chosen(),
        };
        if is_recorded { recorder.begin(told, SpanKind::Server, name, began) } else { Span::default() }
    }
}

/// The context, if what belongs to it is wanted.
fn wanted(traceparent: Option<&str>) -> Option<TraceContext> {
    traceparent?.parse().ok().filter(|context: &TraceContext| context.is_sampled)
}

impl Recorder {
    /// By chance, and not by the trace's id: that is for the client to choose.
    #[allow(clippy::cast_precision_loss, reason = "chance needs no more digits than a float has")]
    fn is_chosen(&self) -> bool {
        let throw = u64::from_be_bytes(self.dice.new_span_id().to_bytes());
        (throw as f64) < self.sample_ratio * u64::MAX as f64
    }

    fn begin(&self, parent: Option<TraceContext>, kind: SpanKind, name: fmt::Arguments<'_>, began: SystemTime) -> Span {
        // Not the current one, which is the thread's.
        let nothing = Context::new();
        let parent = parent.map_or_else(|| nothing.clone(), |parent| nothing.with_remote_span_context(remote(parent)));
        let builder = SpanBuilder::from_name(name.to_string()).with_kind(kind).with_start_time(began);
        Span(Some(Box::new(self.spans.build_with_context(builder, &parent))))
    }
}

fn remote(context: TraceContext) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from(context.trace_id), SpanId::from(context.span_id));
    SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, true, TraceState::NONE)
}

impl Span {
    pub const fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// A word of ours, or a number.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// An id, or something else that has a text: written only if it is recorded.
    pub fn set_text(&mut self, key: &'static str, text: impl fmt::Display) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, text.to_string()));
        }
    }

    /// It did not go well, for this reason: a word of ours.
    pub fn fail(&mut self, reason: &'static str) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("error.type", reason));
            span.set_status(Status::error(""));
        }
    }

    /// What those name that come after it.
    pub fn context(&self) -> Option<TraceContext> {
        let context = self.0.as_ref()?.span_context();
        Some(TraceContext {
            trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(context.span_id().to_bytes()),
            is_sampled: context.is_sampled(),
        })
    }

    /// The same, as it is told to other processes.
    pub fn traceparent(&self) -> Option<String> {
        self.context().map(|context| context.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SimpleSpanProcessor, SpanData, SpanExporter};

    use super::*;

    const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
    const WANTED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const UNWANTED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    /// Keeps what has ended.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().expect("nobody panics while holding the spans").extend(batch);
            Ok(())
        }
    }

    impl Kept {
        fn tracer(&self, sample_ratio: f64) -> Tracer {
            let provider = SdkTracerProvider::builder()
                .with_sampler(Sampler::AlwaysOn)
                .with_span_processor(SimpleSpanProcessor::new(self.clone()))
                .build();
            Tracer::new(provider.tracer("test"), sample_ratio)
        }

        fn only(&self) -> SpanData {
            let mut kept = self.0.lock().expect("nobody panics while holding the spans");
            let span = kept.pop().expect("a span has ended");
            assert!(kept.is_empty(), "{kept:?}");
            span
        }
    }

    fn request(tracer: &Tracer, told: &str, wish: Wish) -> Span {
        tracer.request(told.parse().ok(), wish, format_args!("a request"), SystemTime::now())
    }

    #[test]
    fn a_part_belongs_to_the_trace_it_was_told_of() {
        let kept = Kept::default();
        let mut span = kept.tracer(0.0).part(Some(WANTED), SpanKind::Consumer, format_args!("process {}", 1));
        span.set("count", 2);
        span.set_text("id", 3);
        span.fail("UNHEARD_OF");
        let traceparent = span.traceparent().expect("it is recorded");
        assert!(kept.0.lock().expect("nobody panics").is_empty(), "it has not ended");
        drop(span);
        let ended = kept.only();
        assert_eq!((ended.name.as_ref(), ended.span_kind), ("process 1", SpanKind::Consumer));
        assert_eq!(ended.parent_span_id.to_string(), "b7ad6b7169203331");
        assert_eq!(traceparent, format!("00-{TRACE_ID}-{}-01", ended.span_context.span_id()));
        let said: Vec<_> = ended.attributes.iter().map(|said| format!("{}={}", said.key, said.value)).collect();
        assert_eq!(said, ["count=2", "id=3", "error.type=UNHEARD_OF"]);
        assert!(matches!(ended.status, Status::Error { .. }));
    }

    #[test]
    fn of_what_nobody_wants_there_is_no_part() {
        let tracer = Kept::default().tracer(1.0);
        for unwanted in [None, Some(UNWANTED), Some("garbage")] {
            assert!(!tracer.wants(unwanted), "{unwanted:?}");
            assert!(!tracer.part(unwanted, SpanKind::Client, format_args!("nothing")).is_recorded(), "{unwanted:?}");
        }
        assert!(tracer.wants(Some(WANTED)));
        assert_eq!(tracer.first_wanted([None, Some(UNWANTED), Some(WANTED), Some("garbage")]), Some(WANTED));
    }

    #[test]
    fn without_a_collector_nothing_is_recorded() {
        let tracer = Tracer::default();
        assert!(!tracer.wants(Some(WANTED)));
        assert_eq!(tracer.first_wanted([Some(WANTED)]), None);
        assert!(!request(&tracer, WANTED, Wish::Yes).is_recorded());
        assert_eq!(tracer.part(Some(WANTED), SpanKind::Client, format_args!("nothing")).traceparent(), None);
    }

    #[test]
    fn a_wish_decides_and_without_one_the_ratio() {
        let (all, none) = (Kept::default().tracer(1.0), Kept::default().tracer(0.0));
        assert!(request(&none, WANTED, Wish::Yes).is_recorded() && request(&all, WANTED, Wish::Yes).is_recorded());
        assert!(!request(&none, WANTED, Wish::No).is_recorded() && !request(&all, WANTED, Wish::No).is_recorded());
        assert!(!request(&none, WANTED, Wish::Unsaid).is_recorded() && request(&all, WANTED, Wish::Unsaid).is_recorded());
    }

    #[test]
    fn a_request_without_a_trace_begins_one() {
        let kept = Kept::default();
        let tracer = kept.tracer(1.0);
        let context = request(&tracer, "garbage", Wish::Unsaid).context().expect("all are recorded");
        assert!(context.is_sampled && context.trace_id() != TRACE_ID);
        let ended = kept.only();
        assert_eq!((ended.span_kind, ended.parent_span_id), (SpanKind::Server, SpanId::INVALID));
        assert_eq!(request(&tracer, WANTED, Wish::Unsaid).context().map(|context| context.trace_id()).as_deref(), Some(TRACE_ID));
    }
}
