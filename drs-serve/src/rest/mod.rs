//! REST: paths, and refusals as answers.

mod body;
mod describe;
mod flat;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::error::{Kind, Refusal};
use crate::limits::{Held, is_grpc, read};
use crate::request::Arrived;
use crate::server::{Server, find};

pub(crate) use body::request;

type Shared = State<Arc<Server>>;

pub(crate) fn routes() -> Router<Arc<Server>> {
    let models = Router::new()
        .route("/", get(metadata))
        .route("/ready", get(model_ready))
        .route("/config", get(config))
        .route("/stats", get(statistics))
        .route("/infer", post(infer));
    Router::new()
        .route("/v2", get(server))
        .route("/v2/", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/stats", get(all_statistics))
        .route("/v2/repository/index", post(index))
        .nest("/v2/models/{model}", models.clone())
        .nest("/v2/models/{model}/versions/{version}", models)
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
}

/// The model that a path names; any version where it names none.
#[derive(Debug, serde::Deserialize)]
struct Named {
    model: String,
    #[serde(default)]
    version: String,
}

async fn live(State(server): Shared) -> Json<Value> {
    Json(json!({"live": true, "ready": server.is_ready()}))
}

async fn ready(State(server): Shared) -> Response {
    let ready = server.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"live": true, "ready": ready}))).into_response()
}

async fn server() -> Json<Value> {
    Json(describe::server())
}

async fn metadata(
    State(server): Shared,
    Path(Named { model, version }): Path<Named>,
) -> Result<Json<Value>, Refusal> {
    let pool = server.served.pool();
    Ok(Json(describe::metadata(&pool, find(&pool, &model, &version)?)))
}

async fn model_ready(
    State(server): Shared,
    Path(Named { model, version }): Path<Named>,
) -> Result<Response, Refusal> {
    let pool = server.served.pool();
    let name = &find(&pool, &model, &version)?.name;
    let ready = server.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(json!({"name": name, "ready": ready}))).into_response())
}

async fn config(
    State(server): Shared,
    Path(Named { model, version }): Path<Named>,
) -> Result<Json<Value>, Refusal> {
    let pool = server.served.pool();
    let model = find(&pool, &model, &version)?;
    Ok(Json(describe::config(&pool, model, server.settings.most_inputs)))
}

async fn statistics(
    State(server): Shared,
    Path(Named { model, version }): Path<Named>,
) -> Result<Json<Value>, Refusal> {
    let pool = server.served.pool();
    let name = &find(&pool, &model, &version)?.name;
    Ok(Json(describe::statistics(&[(name, server.metrics.statistics(name))])))
}

async fn all_statistics(State(server): Shared) -> Json<Value> {
    let pool = server.served.pool();
    let of = |name| (name, server.metrics.statistics(name));
    let all: Vec<_> = pool.models.iter().map(|model| of(model.name.as_str())).collect();
    Json(describe::statistics(&all))
}

async fn index(State(server): Shared) -> Json<Value> {
    let pool = server.served.pool();
    let state = if server.is_ready() { "READY" } else { "UNAVAILABLE" };
    let one = |name: &str| json!({"name": name, "version": crate::served::VERSION, "state": state, "reason": ""});
    Json(pool.models.iter().map(|model| one(&model.name)).collect())
}

async fn infer(
    State(server): Shared,
    Path(Named { model, version }): Path<Named>,
    Extension(arrived): Extension<Arrived>,
    Extension(held): Extension<Held>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let read = async {
        let body = read(body).await?;
        // Large bodies take their time: others must not wait for it.
        tokio::task::block_in_place(|| request(&headers, body, &held))
    };
    let refused = |refusal: &Refusal| server.refused(&model, arrived.elapsed(), refusal);
    let (request, form) = read.await.inspect_err(refused)?;
    let response = server.infer(&model, &version, request, &arrived).await?;
    body::response(&response, &form)
}

async fn metrics(State(server): Shared) -> Response {
    let text = server.metrics.text(&server.served.pool(), server.work.accepted());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn nothing(headers: HeaderMap) -> Response {
    if is_grpc(&headers) {
        let message = "no such method: the service here is inference.GRPCInferenceService";
        return tonic::Status::unimplemented(message).into_http();
    }
    let refusal = Refusal::unknown(
        "no such path: /v2, /v2/models/{model}/infer, /metrics and / are some that there are",
    );
    refusal.into_response()
}

async fn other_method() -> Response {
    let message =
        json!({"error": "this path is asked with another method: GET, or POST for what is sent"});
    (StatusCode::METHOD_NOT_ALLOWED, Json(message)).into_response()
}

impl Kind {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response =
            (self.kind.status(), Json(json!({"error": self.message}))).into_response();
        let headers = response.headers_mut();
        match self.kind {
            Kind::Busy(after) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "up to an hour"
                )]
                let seconds = after.as_secs_f64().ceil() as u64;
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Kind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // What is left of the body is not read: the connection cannot go on.
            Kind::TooLarge | Kind::TooSlow => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}
