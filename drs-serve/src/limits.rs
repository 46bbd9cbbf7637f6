//! What stands before every request: a token, and a body that is neither too large nor too slow.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use drs_memory::Claim;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use crate::error::{Kind, Refusal};
use crate::settings::Settings;

/// Memory that a request's body takes, for as long as the request is under way.
pub(crate) type Held = Arc<Mutex<Claim>>;

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
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.grow(length as u64).map_err(|_| {
            let soon = Duration::from_secs(1);
            Refusal::new(Kind::Busy(soon), "other requests take all memory that bodies may have")
        })
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

/// Whether a request came by gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}
