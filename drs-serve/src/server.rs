//! One request, from its tensors to its answer, whichever wire it came by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use drs_router::UnderWay;
use opentelemetry::KeyValue;
use tokio::sync::Semaphore;

use crate::answer::{outputs, wanted};
use crate::asked::asked;
use crate::error::Refusal;
use crate::input::inputs;
use crate::metrics::Metrics;
use crate::request::{Arrived, Request, Response};
use crate::served::{Model, Pool, Served, VERSION};
use crate::settings::Settings;
use crate::traces::{Trace, Traces};
use crate::work::Work;

/// All that answers.
pub(crate) struct Server {
    pub(crate) served: Served,
    pub(crate) work: Work,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: Settings,
    /// Images that the page shows, and that are decoded for it, at a time.
    pub(crate) shown: Arc<Semaphore>,
    traces: Option<Traces>,
    draining: AtomicBool,
}

/// Decoded for the page at a time: threads for this are kept beside those that answer.
const SHOWN: usize = 4;

impl Server {
    pub(crate) fn new(served: Served, settings: Settings, traces: Option<Traces>) -> Self {
        let metrics = Arc::new(Metrics::new());
        let at_once = served.pool().router.inputs_at_once();
        let work = Work::new(at_once, settings.queue, settings.most_time, Arc::clone(&metrics));
        Self {
            served,
            work,
            metrics,
            settings,
            shown: Arc::new(Semaphore::new(SHOWN)),
            traces,
            draining: AtomicBool::new(false),
        }
    }

    /// Whether new requests should come here: not while it ends, nor where a model was found to vote
    /// on more than its input, has lost too many processes, or the engine broke.
    pub(crate) fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::Relaxed) && self.served.pool().router.usable().is_ok()
    }

    /// Begins the trace of a request, if traces are asked for.
    pub(crate) fn begin_trace(&self, headers: &HeaderMap, method: &Method, path: &str) -> Trace {
        let Some(traces) = &self.traces else { return Trace::default() };
        let trace = traces.begin(headers, format!("{method} {path}"));
        trace.tell([
            KeyValue::new("http.request.method", method.as_str().to_owned()),
            KeyValue::new("url.path", path.to_owned()),
        ]);
        trace
    }

    /// Sends the traces that are left. Blocks.
    pub(crate) fn end_traces(&self) {
        self.traces.iter().for_each(Traces::end);
    }

    /// Tells that no new requests should come here.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Counts a request that has no answer.
    pub(crate) fn refused(&self, model: &str, took: Duration, refusal: &Refusal) {
        // Names that are no models are of the clients' making: there may be any number of them.
        let known = self.served.pool().model(model).map_or("", |_| model);
        self.metrics.refused(known, took, refusal);
    }

    /// Answers a request, and counts it.
    pub(crate) async fn infer(
        &self,
        model: &str,
        version: &str,
        request: Request,
        arrived: &Arrived,
    ) -> Result<Response, Refusal> {
        let answer = async {
            let pool = self.served.pool();
            let model = find(&pool, model, version)?;
            let wanted = wanted(&request.outputs)?;
            let asked = asked(&request.parameters, model, &pool, &self.settings)?;
            let inputs = inputs(request.inputs, pool.config.input, self.settings.most_inputs)?;
            let under_way: Vec<Arc<UnderWay>> = inputs.iter().map(|_| Arc::default()).collect();
            let answered = self.work.answer(&pool, inputs, &asked, &under_way, arrived.at).await?;
            self.metrics.answered(&model.name, arrived.elapsed(), &pool, &answered);
            arrived.trace.answered(&answered);
            let outputs = tokio::task::block_in_place(|| outputs(&pool, &answered, &wanted));
            Ok(Response { id: request.id, model: model.name.clone(), outputs })
        };
        answer.await.inspect_err(|refusal| self.refused(model, arrived.elapsed(), refusal))
    }
}

/// The model of that name and version; any version where none is named.
pub(crate) fn find<'a>(pool: &'a Pool, name: &str, version: &str) -> Result<&'a Model, Refusal> {
    let Some(model) = pool.model(name) else {
        let all: Vec<&str> = pool.models.iter().map(|model| model.name.as_str()).collect();
        return Err(Refusal::unknown(format!(
            "no model {name} here, expected one of {}",
            all.join(", ")
        )));
    };
    if version.is_empty() || version == VERSION {
        Ok(model)
    } else {
        Err(Refusal::unknown(format!(
            "version {version} of {name}: no such version, expected {VERSION}"
        )))
    }
}
