//! What the cases share: inputs, and the votes to compare with.

use std::borrow::Cow;

use drs_core::pattern;
use drs_plugins_api::{DRAWS, Manifest};

use crate::Subject;
use crate::edge::{Way, edges};
use crate::expert::Expert;
use crate::noise::{Noise, stream};
use crate::shortfall::{Shortfall, fail, same_votes, skip};

/// Noise for an expert whose manifest gives no usable sigma, so that the other
/// rules can be tried.
const FALLBACK_SIGMA: f64 = 0.25;

pub(crate) struct Lab<'a> {
    pub(crate) subject: &'a Subject<'a>,
    pub(crate) manifest: Manifest,
    /// The size of the host's batches.
    pub(crate) batch: usize,
    pub(crate) noise: Noise,
    /// Inputs, a whole number of batches: at edges between classes, then noisy ones.
    pub(crate) inputs: Vec<i16>,
    /// How many are at edges.
    pub(crate) edges: usize,
    /// Their votes in batches as the host makes them.
    pub(crate) reference: Vec<u32>,
}

impl<'a> Lab<'a> {
    pub(crate) fn new(subject: &'a Subject<'a>) -> Result<Self, Shortfall> {
        let expert = Expert::open(subject, &subject.config, subject.shape)?;
        let manifest =
            expert.manifest().map_err(|error| fail(error, "a manifest that can be read"))?;
        let noise = Noise::new(manifest.sigma, subject.levels)
            .or_else(|_| Noise::new(FALLBACK_SIGMA, subject.levels))
            .map_err(|error| fail(error, "a lattice that the host supports"))?;
        let batch = manifest.preferred_batch.max(1);
        let rows = subject.rows.max(batch + 1).next_multiple_of(batch);
        let noisy = |row| noise.noisy(&stream(row), 0, &clean(subject, row));
        let inputs = (0..rows).flat_map(noisy).collect();
        let (edges, reference) = (0, Vec::new());
        let mut lab = Self { subject, manifest, batch, noise, inputs, edges, reference };
        lab.reference = lab.votes_in_batches_of(&expert, batch)?;
        lab.put_edges_first(&expert)?;
        drop(expert);
        // By one without a history, as those of the cases.
        lab.reference = lab.votes_in_batches_of(&lab.open()?, batch)?;
        Ok(lab)
    }

    /// Edges between classes fill the first batch, if the inputs see two classes.
    fn put_edges_first(&mut self, expert: &Expert) -> Result<(), Shortfall> {
        let rows = self.reference.len();
        let way = |from: usize| {
            let other = |to: &usize| self.reference[*to] != self.reference[from];
            let to = (from..rows).chain(0..from).find(other)?;
            let vote = self.reference[from];
            Some(Way { from: self.input(from), to: self.input(to), vote })
        };
        let ways: Vec<Way<'_>> = (0..self.batch.div_ceil(2)).filter_map(way).collect();
        let votes = |inputs: Vec<Vec<i16>>| {
            let mut batch = inputs.concat();
            batch.resize(self.batch * self.values(), 0);
            expert.vote(&batch, self.batch)
        };
        let edges = edges(&ways, votes)?;
        if edges.is_empty() {
            return Ok(());
        }
        let sides: Vec<Vec<i16>> = edges.into_iter().flatten().collect();
        // A batch of odd size ends between the two sides of an edge.
        self.edges = if self.batch == 1 { 2 } else { self.batch };
        self.inputs.splice(..0, sides.into_iter().take(self.edges).flatten());
        Ok(())
    }

    /// An expert that no other case has used.
    pub(crate) fn open(&self) -> Result<Expert, Shortfall> {
        Ok(Expert::open(self.subject, &self.subject.config, self.subject.shape)?)
    }

    /// The number of values in one input.
    pub(crate) fn values(&self) -> usize {
        self.subject.shape.iter().product()
    }

    pub(crate) fn batches(&self) -> usize {
        self.reference.len() / self.batch
    }

    /// A batch of inputs and their votes; numbers beyond the last start over.
    pub(crate) fn batch(&self, number: usize) -> (&[i16], &[u32]) {
        let start = number % self.batches() * self.batch;
        let end = start + self.batch;
        let values = self.values();
        (&self.inputs[start * values..end * values], &self.reference[start..end])
    }

    /// Whether the expert votes on a batch as it should.
    pub(crate) fn votes_as_ever(
        &self,
        expert: &Expert,
        number: usize,
        when: &str,
    ) -> Result<(), Shortfall> {
        let (batch, votes) = self.batch(number);
        same_votes(&expert.vote(batch, self.batch)?, votes, when)
    }

    /// The votes on all inputs in batches of `size`, the last one filled with zeros.
    pub(crate) fn votes_in_batches_of(
        &self,
        expert: &Expert,
        size: usize,
    ) -> Result<Vec<u32>, Shortfall> {
        let mut votes = Vec::new();
        for part in self.inputs.chunks(size * self.values()) {
            let mut part = Cow::Borrowed(part);
            if part.len() < size * self.values() {
                part.to_mut().resize(size * self.values(), 0);
            }
            votes.extend(expert.vote(&part, size)?);
        }
        votes.truncate(self.inputs.len() / self.values());
        Ok(votes)
    }

    /// A noisy input.
    pub(crate) fn input(&self, row: usize) -> &[i16] {
        &self.inputs[row * self.values()..][..self.values()]
    }

    /// An input without noise.
    pub(crate) fn clean(&self, number: usize) -> Vec<i16> {
        clean(self.subject, number)
    }

    /// Whether the plugin says that it draws noise.
    pub(crate) fn draws(&self) -> bool {
        self.manifest.capabilities.iter().any(|capability| capability == DRAWS)
    }

    /// Ends a case that needs several inputs in a batch.
    pub(crate) fn needs_company(&self) -> Result<(), Shortfall> {
        if self.batch < 2 {
            return Err(skip("the preferred batch is one input"));
        }
        Ok(())
    }
}

fn clean(subject: &Subject<'_>, number: usize) -> Vec<i16> {
    pattern(number, subject.shape, subject.levels)
}
