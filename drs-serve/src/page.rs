//! The page at `/`, and what it asks: one image, and what its votes certify as they come in.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drs_core::certificate::Verdict;
use drs_router::UnderWay;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

use crate::answer::{Answer, binds};
use crate::answered::Answered;
use crate::asked::{Asked, asked};
use crate::error::{Kind, Refusal};
use crate::input::{Encoded, NAME};
use crate::limits::{Held, read};
use crate::request::Arrived;
use crate::served::{POOL, Pool};
use crate::server::{Server, find};

/// How often it is told what is certified so far.
const TURN: Duration = Duration::from_millis(80);

/// What the page may load: what comes from here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<Arc<Server>> {
    let file = |kind: &'static str, text: &'static str| {
        get(move || async move {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, text)
        })
    };
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/style.css", file("text/css; charset=utf-8", include_str!("page/style.css")))
        .route("/page.js", file("text/javascript; charset=utf-8", include_str!("page/page.js")))
        .route("/api/pool", get(about))
        .route("/api/ask", post(ask))
}

/// What may be asked here.
async fn about(State(server): State<Arc<Server>>) -> Json<Value> {
    let pool = server.served.pool();
    let usual = drs_run::Arguments::default();
    let models = pool.router.pool();
    let experts: Vec<Value> = models
        .experts
        .iter()
        .map(|expert| json!({"name": expert.name, "sigma": expert.sigma}))
        .collect();
    Json(json!({
        "classes": pool.router.classes(),
        "experts": experts,
        "router_sigma": models.router.as_ref().map(|router| router.sigma),
        "shape": pool.config.input.shape.dims(),
        "methods": pool.methods,
        "n": usual.n,
        "n0": usual.n0,
        "alpha": usual.alpha,
        "seeds": server.settings.seeds,
        "formats": "PNG, JPEG, BMP, PPM, TIFF, WebP or GIF",
    }))
}

async fn ask(
    State(server): State<Arc<Server>>,
    Extension(arrived): Extension<Arrived>,
    Extension(held): Extension<Held>,
    Query(parameters): Query<Map<String, Value>>,
    body: Body,
) -> Result<Response, Refusal> {
    let refused = |refusal: &Refusal| server.refused(POOL, arrived.elapsed(), refusal);
    let begin = async {
        // An empty field of a form asks for nothing.
        let is_empty = |value: &Value| value.as_str().is_some_and(str::is_empty);
        let parameters = parameters.into_iter().filter(|(_, value)| !is_empty(value)).collect();
        let pool = server.served.pool();
        let asked = asked(&parameters, find(&pool, POOL, "")?, &pool, &server.settings)?;
        let image = Encoded::File(read(body).await?);
        let ended = |_| Refusal::new(Kind::Ending, "the server ends");
        let shown = Arc::clone(&server.shown).acquire_owned().await.map_err(ended)?;
        // Decoded twice: the page shows what the models see.
        let spec = pool.config.input;
        let seen = image.clone();
        let decode = move || {
            // Held until the thread is free, whatever becomes of the request.
            let _shown = shown;
            seen.decode(spec)
        };
        let seen = tokio::task::spawn_blocking(decode).await;
        let seen = seen.map_err(|_| Refusal::new(Kind::Failed, "a mistake in drs itself"))?;
        let seen = seen.map_err(|problem| Refusal::invalid(format!("{NAME}: {problem}")))?;
        Ok((pool, asked, image, seen))
    };
    let (pool, asked, image, seen) = begin.await.inspect_err(refused)?;
    let pixels: Vec<u8> =
        seen.input.values().iter().map(|&value| u8::try_from(value).unwrap_or(u8::MAX)).collect();
    let begun = json!({
        "shape": pool.config.input.shape.dims(), "pixels": STANDARD.encode(pixels), "note": seen.note,
        "alpha": asked.question.protocol.alpha,
    });
    let (send, events) = channel::<Result<Event, Infallible>>(8);
    let asking = Asking { server: Arc::clone(&server), pool, asked, arrived };
    let most = server.settings.most_time + server.settings.patience;
    tokio::spawn(async move {
        // The body's memory is in use for as long.
        let _held = held;
        // Who does not listen any more is not drawn for; nor is who keeps the connection and reads nothing.
        tokio::select! {
            () = send.closed() => {}
            () = tokio::time::sleep(most) => {}
            () = asking.tell(image, begun, &send) => {}
        }
    });
    let events = Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::default());
    Ok(events.into_response())
}

/// A question of the page.
struct Asking {
    server: Arc<Server>,
    pool: Arc<Pool>,
    asked: Asked,
    arrived: Arrived,
}

impl Asking {
    async fn tell(&self, image: Encoded, begun: Value, send: &Sender<Result<Event, Infallible>>) {
        let Self { server, pool, asked, arrived } = self;
        let tell = async |kind: &str, data: Value| {
            // A listener that is gone ends all this.
            let _ = send.send(Ok(Event::default().event(kind).data(data.to_string()))).await;
        };
        tell("begun", begun).await;
        let under_way = [Arc::<UnderWay>::default()];
        let mut answer =
            std::pin::pin!(server.work.answer(pool, vec![image], asked, &under_way, arrived.at));
        let mut told: Option<Verdict> = None;
        let outcome = loop {
            tokio::select! {
                outcome = &mut answer => break outcome,
                () = tokio::time::sleep(TURN) => {}
            }
            let Some(verdict) = under_way[0].verdict() else { continue };
            if told.as_ref() != Some(&verdict) {
                let data = so_far(pool, &verdict, under_way[0].drawn().draws()).to_string();
                // A listener that is slow misses some of it: its clock goes on.
                let _ = send.try_send(Ok(Event::default().event("progress").data(data)));
                told = Some(verdict);
            }
        };
        match outcome {
            Ok(answered) => {
                server.metrics.answered(POOL, arrived.elapsed(), pool, &answered);
                arrived.trace.answered(&answered);
                for each in &answered {
                    tell("answer", answer_of(pool, each)).await;
                }
            }
            Err(refusal) => {
                server.refused(POOL, arrived.elapsed(), &refusal);
                tell("problem", json!({"error": refusal.message})).await;
            }
        }
    }
}

fn so_far(pool: &Pool, verdict: &Verdict, draws: u64) -> Value {
    let expert = pool.expert(verdict.expert);
    json!({
        "draws": draws,
        "class": pool.class_name(verdict.class),
        "radius": verdict.radius,
        "expert": expert.map(|(name, _)| name),
        "sigma": expert.map(|(_, sigma)| sigma),
        "route_radius": verdict.route_radius,
        "class_radius": verdict.class_radius,
        "binds": binds(verdict.binds),
    })
}

fn answer_of(pool: &Pool, answered: &Answered) -> Value {
    let Answered { certificate, seconds, .. } = answered;
    let answer = Answer::new(pool, answered);
    let mut told = so_far(pool, &certificate.verdict, certificate.draws());
    let more = json!({
        "class": answer.class_name(),
        "radius": answer.radius,
        "seconds": seconds,
        "cut": certificate.cut,
        "alpha": certificate.protocol.alpha,
        "method": certificate.method,
        "seed": answer.seed(),
        "certificate": serde_json::from_str::<Value>(&answer.record()).unwrap_or_default(),
    });
    if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    told
}
