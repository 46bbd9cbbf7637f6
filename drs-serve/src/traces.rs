//! Traces for OpenTelemetry, where they are asked for: a span for each request, and within it one for what
//! each image waited, and one for its draws.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, TracerProvider as _};
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::answered::Answered;
use crate::error::ServeError;

/// What traces are sent by.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Sends them to a collector, by OTLP over gRPC. Needs a runtime.
    pub(crate) fn to(endpoint: &str) -> Result<Self, ServeError> {
        let failed =
            |problem: String| ServeError::Traces { endpoint: endpoint.to_owned(), problem };
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
        let exporter = exporter.map_err(|error| failed(error.to_string()))?;
        // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say more.
        let named = std::env::var_os("OTEL_SERVICE_NAME").is_some();
        let resource = Resource::builder();
        let resource = if named { resource } else { resource.with_service_name("drs") };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("drs-serve");
        Ok(Self { provider, tracer })
    }

    /// Begins the span of a request, within the one that its headers name.
    pub(crate) fn begin(&self, headers: &HeaderMap, name: String) -> Trace {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server);
        let span = self.tracer.build_with_context(builder, &parent);
        Trace(Some((self.tracer.clone(), Context::new().with_span(span))))
    }

    /// Sends what is not sent yet. Blocks.
    pub(crate) fn end(&self) {
        if let Err(error) = self.provider.shutdown() {
            drs_progress::say!("warning: the last traces were not sent: {error}");
        }
    }
}

/// The span of a request; nothing where no traces are asked for.
#[derive(Clone, Default)]
pub(crate) struct Trace(Option<(SdkTracer, Context)>);

impl Trace {
    /// Something that is known of the request.
    pub(crate) fn tell(&self, attributes: impl IntoIterator<Item = KeyValue>) {
        if let Self(Some((_, context))) = self {
            context.span().set_attributes(attributes);
        }
    }

    /// Its images were answered, a moment ago.
    pub(crate) fn answered(&self, answered: &[Answered]) {
        let Self(Some((tracer, context))) = self else { return };
        for Answered { certificate, name, latency, waited, .. } in answered {
            // What is known are durations, and that the end was just now.
            let ended = SystemTime::now();
            let latency = Duration::try_from_secs_f64(*latency).unwrap_or_default();
            let began = ended.checked_sub(latency).unwrap_or(ended);
            let child =
                |name: &'static str, from: SystemTime, until: SystemTime, more: Vec<KeyValue>| {
                    let builder =
                        SpanBuilder::from_name(name).with_start_time(from).with_attributes(more);
                    tracer.build_with_context(builder, context).end_with_timestamp(until);
                };
            let image = || KeyValue::new("drs.image", name.clone());
            child("queue", began.checked_sub(*waited).unwrap_or(began), began, vec![image()]);
            let verdict = &certificate.verdict;
            let draws = i64::try_from(certificate.draws()).unwrap_or(i64::MAX);
            let found = vec![
                image(),
                KeyValue::new("drs.method", certificate.method.clone()),
                KeyValue::new("drs.draws", draws),
                KeyValue::new("drs.abstained", verdict.class.is_none()),
                KeyValue::new("drs.radius", verdict.radius.get()),
                KeyValue::new("drs.cut", certificate.cut),
            ];
            child("certify", began, ended, found);
        }
    }

    /// The request is over.
    pub(crate) fn end(&self, status: u16) {
        let Self(Some((_, context))) = self else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_status(Status::Error { description: Cow::Borrowed("") });
        }
        span.end();
    }
}

/// Headers as OpenTelemetry reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
