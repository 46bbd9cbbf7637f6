//! What happened, for Prometheus and for Triton's clients.
//!
//! Names that begin with `nv_inference_` are Triton's, with its meaning; times in them are
//! microseconds, added up. The others are drs's own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::answer::Answer;
use crate::answered::Answered;
use crate::error::Refusal;
use crate::served::{Pool, VERSION};

const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
const RADII: [f64; 12] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0];
const DRAWS: [f64; 9] = [50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 1e5];

/// All that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    success: IntCounterVec,
    failure: IntCounterVec,
    inputs: IntCounterVec,
    executions: IntCounterVec,
    request_us: IntCounterVec,
    queue_us: IntCounterVec,
    model_us: IntCounterVec,
    request: HistogramVec,
    queue: HistogramVec,
    model: HistogramVec,
    draws: HistogramVec,
    radius: HistogramVec,
    abstentions: IntCounterVec,
    routes: IntCounterVec,
    cut: IntCounterVec,
    reloads: IntCounterVec,
    batches: IntGaugeVec,
    rows: IntGaugeVec,
    room: IntGaugeVec,
    accepted: IntGauge,
    /// Of the machine for one input, in microseconds: a mean over the last ones.
    pace: AtomicU64,
    /// Milliseconds since 1970.
    last: IntGaugeVec,
}

/// What Triton's clients ask for: how often, and how long together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) ns: u64,
}

/// The same for all that is counted of a model.
pub(crate) struct Statistics {
    pub(crate) last_ms: u64,
    pub(crate) inputs: u64,
    pub(crate) executions: u64,
    pub(crate) success: Tally,
    pub(crate) fail: Tally,
    pub(crate) queue: Tally,
    pub(crate) infer: Tally,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let make = Make(&registry);
        let of_model = ["model", "version"];
        Self {
            success: make.counter("nv_inference_request_success", "Requests answered", &of_model),
            failure: make.counter(
                "nv_inference_request_failure",
                "Requests without an answer",
                &["model", "version", "reason"],
            ),
            inputs: make.counter("nv_inference_count", "Images answered", &of_model),
            executions: make.counter(
                "nv_inference_exec_count",
                "Requests that reached the models",
                &of_model,
            ),
            request_us: make.counter(
                "nv_inference_request_duration_us",
                "Time of requests, answered or not",
                &of_model,
            ),
            queue_us: make.counter(
                "nv_inference_queue_duration_us",
                "Time that requests waited for a thread",
                &of_model,
            ),
            model_us: make.counter(
                "nv_inference_compute_infer_duration_us",
                "Time of requests from their first thread to their answer",
                &of_model,
            ),
            request: make.histogram(
                "drs_request_seconds",
                "A request, first byte to answer",
                &SECONDS,
            ),
            queue: make.histogram(
                "drs_queue_seconds",
                "What an image waits for a thread",
                &SECONDS,
            ),
            model: make.histogram(
                "drs_machine_seconds",
                "What an image takes of the machine: models and noise",
                &SECONDS,
            ),
            draws: make.histogram(
                "drs_draws",
                "Noisy copies that were classified for an image",
                &DRAWS,
            ),
            radius: make.histogram(
                "drs_radius",
                "The certified L2 radius, pixels from 0 to 1",
                &RADII,
            ),
            abstentions: make.counter("drs_abstentions", "Images without a class", &["model"]),
            routes: make.counter("drs_routes", "Images routed to an expert", &["expert"]),
            cut: make.counter("drs_cut", "Images whose draws a deadline ended", &["model"]),
            reloads: make.counter("drs_reloads", "Reloads of the pool", &["outcome"]),
            batches: make.gauge("drs_model_batches", "Batches that a model has run", &["model"]),
            rows: make.gauge("drs_model_rows", "Noisy images in those batches", &["model"]),
            room: make.gauge(
                "drs_model_room",
                "Noisy images that those batches have room for: rows / room is how full they are",
                &["model"],
            ),
            accepted: make.place("drs_images_accepted", "Images under way or in the queue"),
            pace: AtomicU64::new(0),
            last: make.gauge(
                "drs_last_answer_ms",
                "When a model last answered, in milliseconds since 1970",
                &["model"],
            ),
            registry,
        }
    }

    /// A request that was answered.
    pub(crate) fn answered(&self, model: &str, took: Duration, pool: &Pool, answered: &[Answered]) {
        let labels = [model, VERSION];
        self.success.with_label_values(&labels).inc();
        self.executions.with_label_values(&labels).inc();
        self.inputs.with_label_values(&labels).inc_by(answered.len() as u64);
        let waited = answered.iter().map(|each| each.waited).max().unwrap_or_default();
        self.request_us.with_label_values(&labels).inc_by(micros(took));
        self.queue_us.with_label_values(&labels).inc_by(micros(waited));
        self.model_us.with_label_values(&labels).inc_by(micros(took.saturating_sub(waited)));
        self.request.with_label_values(&[model]).observe(took.as_secs_f64());
        for each in answered {
            let answer = Answer::new(pool, each);
            self.queue.with_label_values(&[model]).observe(each.waited.as_secs_f64());
            self.model.with_label_values(&[model]).observe(each.seconds);
            self.draws.with_label_values(&[model]).observe(each.certificate.draws() as f64);
            self.radius.with_label_values(&[model]).observe(answer.radius);
            self.abstentions.with_label_values(&[model]).inc_by(u64::from(answer.class.is_none()));
            self.cut.with_label_values(&[model]).inc_by(u64::from(each.certificate.cut));
            if let Some((expert, _)) = answer.expert() {
                self.routes.with_label_values(&[expert]).inc();
            }
            self.keep_pace(each.seconds);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        self.last.with_label_values(&[model]).set(now);
    }

    /// A request that has no answer.
    pub(crate) fn refused(&self, model: &str, took: Duration, refusal: &Refusal) {
        self.failure.with_label_values(&[model, VERSION, refusal.kind.name()]).inc();
        self.request_us.with_label_values(&[model, VERSION]).inc_by(micros(took));
    }

    pub(crate) fn reloaded(&self, outcome: &str) {
        self.reloads.with_label_values(&[outcome]).inc();
    }

    /// Seconds of the machine for one image, of late.
    pub(crate) fn seconds_per_input(&self) -> f64 {
        self.pace.load(Ordering::Relaxed) as f64 * 1e-6
    }

    fn keep_pace(&self, seconds: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "of an estimate"
        )]
        let now = (seconds * 1e6) as u64;
        let mean = |pace: u64| Some(if pace == 0 { now } else { (pace * 15 + now) / 16 });
        let _ = self.pace.fetch_update(Ordering::Relaxed, Ordering::Relaxed, mean);
    }

    /// What Triton's clients ask for.
    pub(crate) fn statistics(&self, model: &str) -> Statistics {
        let of = |counter: &IntCounterVec| counter.with_label_values(&[model, VERSION]).get();
        let reasons = self.failure_count(model);
        let success = of(&self.success);
        let tally = |count, us: u64| Tally { count, ns: us.saturating_mul(1000) };
        Statistics {
            last_ms: self.last.with_label_values(&[model]).get().cast_unsigned(),
            inputs: of(&self.inputs),
            executions: of(&self.executions),
            success: tally(success, of(&self.queue_us) + of(&self.model_us)),
            fail: tally(
                reasons,
                of(&self.request_us).saturating_sub(of(&self.queue_us) + of(&self.model_us)),
            ),
            queue: tally(success, of(&self.queue_us)),
            infer: tally(success, of(&self.model_us)),
        }
    }

    fn failure_count(&self, model: &str) -> u64 {
        use prometheus::core::Collector as _;
        let families = self.failure.collect();
        let all = families.iter().flat_map(|family| family.get_metric());
        let own = all.filter(|metric| {
            metric.get_label().iter().any(|pair| pair.name() == "model" && pair.value() == model)
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        own.map(|metric| metric.get_counter().get_value() as u64).sum()
    }

    /// All of it, as Prometheus reads it.
    pub(crate) fn text(&self, pool: &Pool, accepted: usize) -> String {
        self.accepted.set(i64::try_from(accepted).unwrap_or(i64::MAX));
        // A reload may have other models.
        [&self.batches, &self.rows, &self.room].iter().for_each(|gauge| gauge.reset());
        for run in pool.router.batches() {
            let set = |gauge: &IntGaugeVec, value: u64| {
                gauge.with_label_values(&[&run.model]).set(value.cast_signed());
            };
            set(&self.batches, run.batches);
            set(&self.rows, run.rows);
            set(&self.room, run.batches.saturating_mul(run.size as u64));
        }
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Makes metrics that are in a registry.
struct Make<'a>(&'a Registry);

/// No name is used twice and all are well-formed: these are constants.
const GOOD: &str = "the names of metrics are good";

impl Make<'_> {
    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let counter = IntCounterVec::new(Opts::new(name, help), labels).expect(GOOD);
        self.0.register(Box::new(counter.clone())).expect(GOOD);
        counter
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let gauge = IntGaugeVec::new(Opts::new(name, help), labels).expect(GOOD);
        self.0.register(Box::new(gauge.clone())).expect(GOOD);
        gauge
    }

    fn place(&self, name: &str, help: &str) -> IntGauge {
        let gauge = IntGauge::new(name, help).expect(GOOD);
        self.0.register(Box::new(gauge.clone())).expect(GOOD);
        gauge
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let histogram = HistogramVec::new(options, &["model"]).expect(GOOD);
        self.0.register(Box::new(histogram.clone())).expect(GOOD);
        histogram
    }
}
