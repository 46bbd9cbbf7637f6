//! No more connections than may be.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_layer::Layer as _;

/// Accepts as another does, while there is room. A connection that finds none is closed at once: a file
/// that it held would be missing elsewhere.
#[derive(Clone)]
pub(crate) struct Roomy<A> {
    inner: A,
    room: Arc<Semaphore>,
}

impl<A> Roomy<A> {
    pub(crate) fn new(inner: A, room: Arc<Semaphore>) -> Self {
        Self { inner, room }
    }
}

/// Its place is free when whatever serves the connection is dropped.
type Place = Arc<OwnedSemaphorePermit>;

type Accepted<A, I, S> =
    (<A as Accept<I, S>>::Stream, AddExtension<<A as Accept<I, S>>::Service, Place>);

impl<A, I, S> Accept<I, S> for Roomy<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = A::Stream;
    type Service = AddExtension<A::Service, Place>;
    type Future = Pin<Box<dyn Future<Output = io::Result<Accepted<A, I, S>>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let full = |_| io::Error::other("too many connections");
        let place = match Arc::clone(&self.room).try_acquire_owned().map_err(full) {
            Ok(place) => Arc::new(place),
            Err(error) => return Box::pin(async { Err(error) }),
        };
        let accepting = self.inner.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            Ok((stream, Extension(place).layer(service)))
        })
    }
}
