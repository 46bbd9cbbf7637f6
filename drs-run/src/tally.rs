//! Counts over the results of a run.

use drs_analysis::{Decided, Record, Watch, answer};
use drs_core::certificate::counts_at;
use drs_core::sampling::USUAL_RADII;

/// What a run has certified so far, in numbers.
#[derive(Debug, Default)]
pub struct Tally {
    /// Inputs so far.
    pub inputs: usize,
    /// Right, as far as labels tell, with a radius of at least each of [`USUAL_RADII`].
    pub certified: [usize; USUAL_RADII.len()],
    /// Not so, but draws stopped before that was decided.
    pub open: [usize; USUAL_RADII.len()],
    /// Inputs without a class.
    pub abstained: usize,
    unlabelled: usize,
    /// Noisy copies that were classified, by all models.
    pub draws: u64,
    /// Inputs per expert; the first entry counts those routed nowhere.
    pub routed: Vec<usize>,
    /// Whether the answers to labelled inputs look odd.
    pub watch: Option<Watch>,
}

impl Tally {
    /// One input more.
    pub fn count(&mut self, record: &Record<'_>) {
        let verdict = &record.certificate.verdict;
        self.inputs += 1;
        self.abstained += usize::from(verdict.class.is_none());
        self.draws += record.certificate.draws();
        self.unlabelled += usize::from(record.correct.is_none());
        // A wrong answer stays one; who abstained may still be right.
        if verdict.class.is_none() || record.correct != Some(false) {
            let own = verdict.class.map(|_| verdict.radius.get());
            let most = Decided::of(&record.certificate).most(own);
            let counts = self.certified.iter_mut().zip(&mut self.open);
            for ((certified, open), radius) in counts.zip(USUAL_RADII) {
                let counted = own.is_some_and(|own| counts_at(own, radius));
                *certified += usize::from(counted);
                *open += usize::from(!counted && most.is_some_and(|most| most >= radius));
            }
        }
        let certificate = &record.certificate;
        if let (Some(label), Some(classes), Some(answer)) =
            (record.label, certificate.classes, answer(certificate))
        {
            self.watch.get_or_insert_with(|| Watch::new(classes)).add(label, answer);
        }
        let place = verdict.expert.map_or(0, |expert| expert + 1);
        if self.routed.len() <= place {
            self.routed.resize(place + 1, 0);
        }
        self.routed[place] += 1;
    }

    /// What the shares are of.
    #[must_use]
    pub fn measure(&self) -> &'static str {
        if self.unlabelled == 0 { "certified accuracy" } else { "certified, right or wrong" }
    }
}
