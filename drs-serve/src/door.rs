//! What every request passes, whichever wire it comes by: the clock, the host, the token, the limits, the log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

use crate::access::{Access, tell};
use crate::error::{Kind, Refusal};
use crate::limits::{Bounded, Held, foreign_host, is_grpc, is_known};
use crate::request::Arrived;
use crate::server::Server;
use crate::settings::Settings;
use crate::{grpc, page, rest};

/// Everything that is served.
pub(crate) fn app(server: &Arc<Server>) -> axum::Router {
    let paths = rest::routes().merge(page::routes()).with_state(Arc::clone(server));
    let all = paths.merge(grpc::routes(Arc::clone(server)));
    all.layer(from_fn_with_state(Arc::clone(server), pass))
}

async fn pass(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let arrived = Instant::now();
    let (mut head, body) = request.into_parts();
    let is_grpc = is_grpc(&head.headers);
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let client = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|client| client.0);
    let trace = server.begin_trace(&head.headers, &method, &path);
    let response = match let_in(&server.settings, &head, &path) {
        Ok(()) => {
            head.extensions.insert(Arrived { at: arrived, trace: trace.clone() });
            // Held until there is an answer: what a request brings is kept for as long.
            let held = Held::default();
            head.extensions.insert(held.clone());
            let body = Bounded::new(body, &server.settings, held.clone(), is_grpc);
            let response = next.run(Request::from_parts(head, Body::new(body))).await;
            drop(held);
            response
        }
        Err(refusal) => {
            server.refused("", arrived.elapsed(), &refusal);
            if is_grpc { tonic::Status::from(refusal).into_http() } else { refusal.into_response() }
        }
    };
    trace.end(response.status().as_u16());
    if server.settings.access_log {
        tell(&Access {
            client,
            method: method.as_str(),
            path: &path,
            status: response.status().as_u16(),
            grpc_status: grpc_status(response.headers()),
            took: arrived.elapsed(),
        });
    }
    response
}

/// Whether a request may ask at all.
fn let_in(settings: &Settings, head: &Parts, path: &str) -> Result<(), Refusal> {
    if let Some(host) = foreign_host(settings, &head.uri, &head.headers) {
        return Err(Refusal::new(
            Kind::Misdirected,
            format!(
                "the host {host:?} found, expected localhost or an address: without a token this server answers its own machine alone, and a page from elsewhere must not pass for it; --host NAME allows more"
            ),
        ));
    }
    if is_open(path) || is_known(settings, &head.headers) {
        return Ok(());
    }
    Err(Refusal::new(
        Kind::Unauthorized,
        "no token, or another one: expected Authorization: Bearer and what is in the server's token file",
    ))
}

/// Who looks whether the server lives has no token, nor has whoever opens the page to type one.
fn is_open(path: &str) -> bool {
    const OPEN: [&str; 8] = [
        "/v2/health/live",
        "/v2/health/ready",
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ServerReady",
        "/metrics",
        "/",
        "/style.css",
        "/page.js",
    ];
    OPEN.contains(&path)
}

/// Of an answer that is a status alone.
fn grpc_status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status").and_then(|status| status.to_str().ok())
}
