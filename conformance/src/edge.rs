//! Inputs at the edge between two classes, where one step in one value changes
//! the vote: they show what ordinary inputs hide, such as noise that is off by
//! one or a sum in another order.

/// One way from an input to another that gets another vote.
pub(crate) struct Way<'a> {
    pub(crate) from: &'a [i16],
    pub(crate) to: &'a [i16],
    /// Of the first input.
    pub(crate) vote: u32,
}

/// The two inputs on either side of the edge on each way, one step apart in one
/// value; `votes` classifies one input for each way.
///
/// All ways are searched at the same time, so that each round is one batch.
pub(crate) fn edges<E>(
    ways: &[Way<'_>],
    votes: impl Fn(Vec<Vec<i16>>) -> Result<Vec<u32>, E>,
) -> Result<Vec<[Vec<i16>; 2]>, E> {
    let left = |inputs: Vec<Vec<i16>>| -> Result<Vec<bool>, E> {
        let votes = votes(inputs)?;
        Ok(ways.iter().zip(votes).map(|(way, vote)| way.vote != vote).collect())
    };
    // The first value whose move from one input to the other changes the vote ...
    let all = ways.iter().map(|way| way.from.len()).collect();
    let counts = first_true(all, |counts| {
        left(ways.iter().zip(counts).map(|(way, &count)| way.moved(count)).collect())
    })?;
    let places: Vec<usize> = counts.into_iter().map(|count| count.saturating_sub(1)).collect();
    // ... and its first step that does.
    let all = ways.iter().zip(&places).map(|(way, &place)| way.steps(place)).collect();
    let stepped = |steps: &[usize]| -> Vec<Vec<i16>> {
        let places = places.iter().zip(steps);
        ways.iter().zip(places).map(|(way, (&place, &steps))| way.stepped(place, steps)).collect()
    };
    let steps = first_true(all, |steps| left(stepped(steps)))?;
    let before: Vec<usize> = steps.iter().map(|steps| steps.saturating_sub(1)).collect();
    Ok(stepped(&before).into_iter().zip(stepped(&steps)).map(|(a, b)| [a, b]).collect())
}

impl Way<'_> {
    /// The input whose first `count` values have moved.
    fn moved(&self, count: usize) -> Vec<i16> {
        [&self.to[..count], &self.from[count..]].concat()
    }

    /// The number of steps that one value moves.
    fn steps(&self, place: usize) -> usize {
        self.from[place].abs_diff(self.to[place]).into()
    }

    /// The input whose values up to `place` have moved, and that one by `steps`.
    fn stepped(&self, place: usize, steps: usize) -> Vec<i16> {
        let mut input = self.moved(place);
        let (low, high) = (self.from[place], self.to[place]);
        // At most all the way from low to high, which an i16 holds.
        #[expect(clippy::cast_possible_truncation, reason = "steps come from abs_diff")]
        let steps = steps as u16;
        input[place] = if low < high {
            low.wrapping_add_unsigned(steps)
        } else {
            low.wrapping_sub_unsigned(steps)
        };
        input
    }
}

/// The least number for which each test holds, by halving; all hold for `last`.
fn first_true<E>(
    last: Vec<usize>,
    test: impl Fn(&[usize]) -> Result<Vec<bool>, E>,
) -> Result<Vec<usize>, E> {
    let (mut below, mut found) = (vec![0; last.len()], last);
    while below != found {
        let middles: Vec<usize> = below
            .iter()
            .zip(&found)
            .map(|(&below, &found)| usize::midpoint(below, found))
            .collect();
        let held = test(&middles)?;
        for (i, (middle, held)) in middles.into_iter().zip(held).enumerate() {
            if below[i] < found[i] {
                *(if held { &mut found[i] } else { &mut below[i] }) =
                    if held { middle } else { middle + 1 };
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_one_step_wide() {
        let (from, to) = ([3, -40, 200], [90, 50, -10]);
        // Falls below 100 between the third value's steps, or rises above 150 in the second's.
        let class =
            |input: &[i16]| u32::from(input.iter().sum::<i16>() < 150) + u32::from(input[1] > 7);
        let way = |from, to| Way { from, to, vote: class(from) };
        let ways = [way(&from, &to), way(&to, &from)];
        let votes = |inputs: Vec<Vec<i16>>| -> Result<Vec<u32>, ()> {
            Ok(inputs.iter().map(|input| class(input)).collect())
        };
        for ([before, after], way) in edges(&ways, votes).unwrap().iter().zip(&ways) {
            let steps = before.iter().zip(after).map(|(a, b)| a.abs_diff(*b));
            assert_eq!(steps.sum::<u16>(), 1, "{before:?} {after:?}");
            assert_eq!(class(before), way.vote);
            assert_ne!(class(after), way.vote);
        }
    }
}
