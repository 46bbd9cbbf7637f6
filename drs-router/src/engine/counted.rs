//! The votes of a stage that are counted so far, draw by draw known.

use std::ops::Range;

use crate::drawn::Run;

/// Votes by look, as runs of consecutive draws. Batches end in any order, so a look may have gaps;
/// it is complete when one run fills it.
pub(super) struct Counted {
    classes: usize,
    /// The first draw, then the end of each look.
    bounds: Vec<u64>,
    looks: Vec<Vec<Stretch>>,
}

/// Consecutive draws of one look.
struct Stretch {
    draws: Range<u64>,
    counts: Vec<u64>,
}

impl Counted {
    /// Nothing yet, of draws from `first` in looks up to each of the `ends`, which ascend.
    pub(super) fn new(classes: usize, first: u64, ends: &[u64]) -> Self {
        let bounds: Vec<u64> = std::iter::once(first).chain(ends.iter().copied()).collect();
        let looks = ends.iter().map(|_| Vec::new()).collect();
        Self { classes, bounds, looks }
    }

    /// The looks that make up these draws, if they do.
    pub(super) fn looks(&self, draws: &Range<u64>) -> Option<Range<usize>> {
        let start = self.bounds.binary_search(&draws.start).ok()?;
        let end = self.bounds.binary_search(&draws.end).ok()?;
        (start < end).then_some(start..end)
    }

    /// Takes votes that were drawn earlier, unless they do not fit these looks and classes, or
    /// are there already.
    pub(super) fn take(&mut self, run: &Run) {
        let (draws, look) = (run.draws(), self.look(run.draws().start));
        let (Some(look), Some(counts)) = (look, run.counts(self.classes)) else { return };
        if draws.end > self.bounds[look + 1] {
            return;
        }
        let stretches = &mut self.looks[look];
        let place = stretches.partition_point(|other| other.draws.start < draws.start);
        let before = place.checked_sub(1).map(|before| &stretches[before].draws);
        let after = stretches.get(place).map(|after| &after.draws);
        if before.is_none_or(|before| before.end <= draws.start)
            && after.is_none_or(|after| draws.end <= after.start)
        {
            stretches.insert(place, Stretch { draws, counts });
            join(stretches, place);
        }
    }

    /// Counts the votes on consecutive draws from `first`, none of which was counted before.
    pub(super) fn credit(&mut self, first: u64, votes: &[u32]) {
        let (mut next, mut rest) = (first, votes);
        while let (Some(look), false) = (self.look(next), rest.is_empty()) {
            let room = usize::try_from(self.bounds[look + 1] - next).unwrap_or(usize::MAX);
            let (own, others) = rest.split_at(room.min(rest.len()));
            self.credit_look(look, next, own);
            next += own.len() as u64;
            rest = others;
        }
    }

    fn credit_look(&mut self, look: usize, first: u64, votes: &[u32]) {
        let stretches = &mut self.looks[look];
        let place = stretches.partition_point(|other| other.draws.start < first);
        let joins = place.checked_sub(1).filter(|&before| stretches[before].draws.end == first);
        let place = joins.unwrap_or_else(|| {
            let none = Stretch { draws: first..first, counts: vec![0; self.classes] };
            stretches.insert(place, none);
            place
        });
        let stretch = &mut stretches[place];
        stretch.draws.end += votes.len() as u64;
        votes.iter().for_each(|&vote| stretch.counts[vote as usize] += 1);
        join(stretches, place);
    }

    /// The look that a draw is in.
    fn look(&self, draw: u64) -> Option<usize> {
        let look = self.bounds.partition_point(|&bound| bound <= draw).checked_sub(1)?;
        (look < self.looks.len()).then_some(look)
    }

    /// The counts of these looks together, once they are complete.
    pub(super) fn counts(&self, looks: Range<usize>) -> Option<Vec<u64>> {
        let mut counts = vec![0; self.classes];
        for look in looks {
            let whole = self.bounds[look]..self.bounds[look + 1];
            let stretch = self.looks[look].first().filter(|only| only.draws == whole)?;
            counts.iter_mut().zip(&stretch.counts).for_each(|(count, more)| *count += more);
        }
        Some(counts)
    }

    /// The draws that are not counted, rising.
    pub(super) fn gaps(&self) -> Vec<Range<u64>> {
        let (Some(&first), Some(&end)) = (self.bounds.first(), self.bounds.last()) else {
            return Vec::new();
        };
        let mut next = first;
        let mut gaps = Vec::new();
        let stretches = self.looks.iter().flatten().map(|stretch| stretch.draws.clone());
        for draws in stretches.chain(std::iter::once(end..end)) {
            if next < draws.start {
                gaps.push(next..draws.start);
            }
            next = draws.end;
        }
        gaps
    }

    /// All that is counted.
    pub(super) fn drawn(&self) -> impl Iterator<Item = Run> {
        let stretches = self.looks.iter().flatten();
        stretches.filter_map(|stretch| Run::new(stretch.draws.start, &stretch.counts))
    }
}

/// Joins a stretch with the ones that it touches.
fn join(stretches: &mut Vec<Stretch>, place: usize) {
    for first in [Some(place), place.checked_sub(1)].into_iter().flatten() {
        let touches = stretches.get(first).zip(stretches.get(first + 1));
        if touches.is_some_and(|(one, other)| one.draws.end == other.draws.start) {
            let other = stretches.remove(first + 1);
            let one = &mut stretches[first];
            one.draws.end = other.draws.end;
            one.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(counted: &Counted) -> Vec<(u64, u64)> {
        counted.gaps().into_iter().map(|gap| (gap.start, gap.end)).collect()
    }

    #[test]
    fn votes_are_counted_look_by_look() {
        let mut counted = Counted::new(2, 10, &[13, 20]);
        assert_eq!(counted.looks(&(10..20)), Some(0..2));
        assert_eq!((counted.looks(&(10..12)), counted.looks(&(13..13))), (None, None));
        counted.credit(15, &[1; 5]);
        assert_eq!(counted.counts(0..1), None);
        counted.credit(10, &[0, 0, 1, 0]);
        assert_eq!((counted.counts(0..1), counted.counts(0..2)), (Some(vec![2, 1]), None));
        assert_eq!(gaps(&counted), [(14, 15)]);
        counted.credit(14, &[0]);
        assert_eq!(counted.counts(1..2), Some(vec![2, 5]));
        assert_eq!(counted.counts(0..2), Some(vec![4, 6]));
        assert!(counted.gaps().is_empty());
    }

    /// What was counted at any moment, given to another, and the gaps drawn there: all of it.
    #[test]
    fn what_is_counted_goes_on_elsewhere() {
        let vote = |draw: u64| u32::from(draw.is_multiple_of(3));
        let votes = |draws: Range<u64>| draws.map(vote).collect::<Vec<_>>();
        let ends = [40, 50, 120];
        let mut whole = Counted::new(2, 0, &ends);
        whole.credit(0, &votes(0..120));
        let pieces = [30..55, 0..10, 100..120, 10..30, 70..71, 55..70, 71..100];
        for so_far in 0..=pieces.len() {
            let mut stopped = Counted::new(2, 0, &ends);
            for piece in &pieces[..so_far] {
                stopped.credit(piece.start, &votes(piece.clone()));
            }
            let mut on = Counted::new(2, 0, &ends);
            let runs: Vec<Run> = stopped.drawn().collect();
            // Whatever comes first, and what comes twice, changes nothing.
            runs.iter().rev().chain(&runs).for_each(|run| on.take(run));
            assert_eq!(on.gaps(), stopped.gaps(), "{so_far}");
            let kept: u64 = runs.iter().map(|run| run.draws().count() as u64).sum();
            assert_eq!(kept, pieces[..so_far].iter().map(|p| p.end - p.start).sum::<u64>());
            for gap in on.gaps() {
                on.credit(gap.start, &votes(gap));
            }
            assert_eq!(on.counts(0..3), whole.counts(0..3), "{so_far}");
            assert_eq!(on.counts(1..2), whole.counts(1..2), "{so_far}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let mut counted = Counted::new(2, 10, &[13, 20]);
        let run = |first, counts: &[u64]| Run::new(first, counts).unwrap();
        for bad in [run(9, &[1]), run(12, &[2]), run(20, &[1]), run(13, &[0, 0, 1]), run(18, &[3])]
        {
            counted.take(&bad);
            assert_eq!(gaps(&counted), [(10, 20)], "{bad:?}");
        }
        counted.take(&run(14, &[1, 2]));
        counted.take(&run(13, &[2]));
        counted.take(&run(16, &[1]));
        assert_eq!(gaps(&counted), [(10, 14), (17, 20)]);
    }
}
