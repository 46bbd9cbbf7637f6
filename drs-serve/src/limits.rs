//! What stands before every request: the right host, a token, and a body that is neither too large nor too slow.

use std::error::Error;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use bytes::Bytes;
use drs_memory::Claim;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use crate::error::{Kind, Refusal};
use crate::settings::Settings;

/// Memory that a request takes, for as long as it is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Claim>>);

impl Held {
    /// Claims more of it.
    pub(crate) fn grow(&self, bytes: u64) -> Result<(), Refusal> {
        let mut claim = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = drs_memory::budget();
        if claim.bytes().saturating_add(bytes) > most {
            let (most, option) = (drs_memory::Bytes(most), "--memory");
            let message = format!(
                "the body takes more memory when it is read than all bodies together may have, {most} ({option}): send fewer images, or send them as binary data"
            );
            return Err(Refusal::new(Kind::TooLarge, message));
        }
        claim.grow(bytes).map_err(|_| {
            let soon = Duration::from_secs(1);
            Refusal::new(Kind::Busy(soon), "other requests take all memory that bodies may have")
        })
    }
}

/// What a byte of a message may become: a number that is packed as one, of eight.
const OF_A_MESSAGE: u64 = 8;

/// A body within its limits.
pub(crate) struct Bounded {
    inner: Body,
    left: usize,
    most: usize,
    late: Pin<Box<Sleep>>,
    patience: Duration,
    held: Held,
    is_grpc: bool,
}

impl Bounded {
    pub(crate) fn new(inner: Body, settings: &Settings, held: Held, is_grpc: bool) -> Self {
        let (most, patience) = (settings.most_bytes, settings.patience);
        let late = Box::pin(tokio::time::sleep(patience));
        Self { inner, left: most, most, late, patience, held, is_grpc }
    }

    /// An error that whoever reads the body passes on.
    fn told(&self, refusal: Refusal) -> Box<dyn Error + Send + Sync> {
        if self.is_grpc { Box::new(tonic::Status::from(refusal)) } else { Box::new(refusal) }
    }

    fn take(&mut self, length: usize) -> Result<(), Refusal> {
        let left = self.left.checked_sub(length);
        self.left = left.ok_or_else(|| {
            let most = self.most;
            Refusal::new(
                Kind::TooLarge,
                format!("a body of more than {most} bytes, which is the most here"),
            )
        })?;
        let each = if self.is_grpc { OF_A_MESSAGE } else { 1 };
        self.held.grow(length as u64 * each)
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        // A body that is there is taken, however late it is looked at.
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            let taken: Option<Result<_, Refusal>> = frame.map(|frame| {
                let broken = |error: axum::Error| {
                    Refusal::invalid(format!("the body ends before its end: {error}"))
                };
                let frame = frame.map_err(broken)?;
                this.take(frame.data_ref().map_or(0, Bytes::len))?;
                Ok(frame)
            });
            return Poll::Ready(taken.map(|taken| taken.map_err(|refusal| this.told(refusal))));
        }
        ready!(this.late.as_mut().poll(context));
        let message = format!("the body was not sent within {} s", this.patience.as_secs_f64());
        Poll::Ready(Some(Err(this.told(Refusal::new(Kind::TooSlow, message)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Refusal {}

/// Reads a body whole.
pub(crate) async fn read(body: Body) -> Result<Bytes, Refusal> {
    let whole = axum::body::to_bytes(body, usize::MAX).await;
    whole.map_err(|error| {
        // Whoever passes an error on wraps it.
        let mut inner: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(other) = inner.filter(|inner| !inner.is::<Refusal>()) {
            inner = other.source();
        }
        let told = inner.and_then(|inner| inner.downcast_ref::<Refusal>());
        told.cloned()
            .unwrap_or_else(|| Refusal::invalid(format!("the body cannot be read: {error}")))
    })
}

/// Whether a request brings the token; compared in the same time whatever it brings.
pub(crate) fn is_known(settings: &Settings, headers: &HeaderMap) -> bool {
    use subtle::ConstantTimeEq as _;
    let Some(token) = &settings.token else { return true };
    let brought = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let brought = brought.and_then(|value| {
        let (scheme, token) = value.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    brought.is_some_and(|brought| brought.ct_eq(token.as_bytes()).into())
}

/// The host that a request is for, where it must not be answered.
///
/// Where a server is for its own machine and asks for no token, any page that its user looks at can make
/// its own name mean 127.0.0.1 and then ask as if it came from here (DNS rebinding). The name that it
/// asks for gives it away. Addresses mean nothing else.
pub(crate) fn foreign_host(settings: &Settings, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let doors = [Some(settings.http), settings.grpc];
    let is_here = doors.iter().flatten().all(|address| address.ip().is_loopback());
    if !is_here || settings.token.is_some() {
        return None;
    }
    let told = headers.get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
    let told = match uri.authority() {
        Some(authority) => authority.to_string(),
        None => told?.into_owned(),
    };
    let named = told.parse::<Authority>();
    let host = named.as_ref().map_or(told.as_str(), Authority::host);
    let plain = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let is_known = plain.parse::<IpAddr>().is_ok()
        || plain.eq_ignore_ascii_case("localhost")
        || settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(plain));
    (!is_known).then(|| host.to_owned())
}

/// Whether a request came by gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}
