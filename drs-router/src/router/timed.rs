//! What an input took.

/// What came of one input, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<T> {
    /// What came of it.
    pub outcome: T,
    /// Its share of the machine in seconds: of each batch that its draws were in, noise and
    /// model, as much as it had of the rows. While n batches are worked at, a second is 1/n of
    /// a second for each. So what all inputs take adds up to the time in which the machine was
    /// busy. Draws that were made ahead and not asked for count too.
    pub time: f64,
    /// Seconds from its start to its end. Inputs under way at once wait for each other, so
    /// this may be many times as much.
    pub latency: f64,
}

impl<T> Timed<T> {
    /// The same times of something that is made of the outcome.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Timed<U> {
        Timed { outcome: make(self.outcome), time: self.time, latency: self.latency }
    }
}
