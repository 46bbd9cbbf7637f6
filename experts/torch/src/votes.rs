//! Votes, counted where the logits are: a class per input comes back, not its logits.

use drs_plugins_api::{Error, argmax};
use tch::{Device, Kind, TchError, Tensor};

use crate::explain::device_error;
use crate::signed;

/// Instead of a class, where a row may hold a logit that is not finite.
const UNSURE: i64 = -1;

/// The class of the largest logit of each row, the lowest class where several are as large.
///
/// # Errors
/// If a logit is not finite.
pub(crate) fn count(logits: &Tensor, votes: &mut [u32]) -> Result<(), Error> {
    let rows = logits.narrow(0, 0, signed(votes.len()));
    let failed = |error: TchError| device_error(&error);
    let best = largest(&rows).and_then(|best| best.f_to_device(Device::Cpu)).map_err(failed)?;
    let best: Vec<i64> = Vec::try_from(best).map_err(failed)?;
    for (vote, class) in votes.iter_mut().zip(best) {
        match u32::try_from(class) {
            Ok(class) => *vote = class,
            // Rare, so it may cost: all logits come, and either count or are named.
            Err(_) => return on_the_host(&rows, votes),
        }
    }
    Ok(())
}

fn on_the_host(rows: &Tensor, votes: &mut [u32]) -> Result<(), Error> {
    let logits = rows.f_reshape([-1]).and_then(|logits| logits.f_to_device(Device::Cpu));
    let logits: Vec<f32> = logits.and_then(Vec::try_from).map_err(|error| device_error(&error))?;
    argmax(&logits, votes)
}

/// Of each row the lowest index of its largest value. Not libtorch's argmax: which of several
/// it takes is a matter of its kernel.
fn largest(rows: &Tensor) -> Result<Tensor, TchError> {
    let classes = rows.size()[1];
    let (least, most) = rows.f_aminmax(1, true)?;
    let index = Tensor::f_arange(classes, (Kind::Int64, rows.device()))?;
    // A row with NaN has no largest value, and gives `classes`: no class.
    let best = index.f_where_scalarother(&rows.f_eq_tensor(&most)?, classes)?;
    let best = best.f_amin([1], true)?;
    let sure = most.f_sub(&least)?.f_isfinite()?.f_logical_and(&best.f_lt(classes)?)?;
    best.f_where_scalarother(&sure, UNSURE)?.f_squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use drs_plugins_api::ErrorKind;

    use super::*;

    fn counted(logits: &[[f32; 3]]) -> Result<Vec<u32>, Error> {
        let _no_grad = tch::no_grad_guard();
        let tensor = Tensor::from_slice2(logits);
        let mut votes = vec![9; logits.len()];
        count(&tensor, &mut votes).map(|()| votes)
    }

    #[test]
    fn ties_vote_for_the_lowest_class() {
        let rows = [[0.0, 1.0, 1.0], [2.0, 2.0, 2.0], [-1.0, -2.0, -1.0], [0.0, -0.0, -1.0]];
        assert_eq!(counted(&rows).unwrap(), [1, 0, 0, 0]);
        // Long enough for vector instructions and several threads.
        let (rows, classes) = (4096, 1000);
        let logits = Tensor::zeros([rows, classes], (Kind::Float, Device::Cpu));
        let mut expected = Vec::new();
        for row in 0..rows {
            let first = (row * 7919) % classes;
            let _ = logits.get(row).narrow(0, first, classes - first).fill_(1.0);
            expected.push(u32::try_from(first).unwrap());
        }
        let mut votes = vec![0; expected.len()];
        count(&logits, &mut votes).unwrap();
        assert_eq!(votes, expected);
    }

    #[test]
    fn the_votes_are_those_of_the_host() {
        let logits = Tensor::randn([512, 11], (Kind::Float, Device::Cpu));
        let flat: Vec<f32> = Vec::try_from(logits.reshape([-1])).unwrap();
        let (mut here, mut there) = (vec![0; 512], vec![0; 512]);
        argmax(&flat, &mut here).unwrap();
        count(&logits, &mut there).unwrap();
        assert_eq!(here, there);
    }

    #[test]
    fn a_logit_that_is_not_finite_is_named_wherever_it_is() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in 0..3 {
                let mut rows = [[0.5, 0.25, 1.0]; 40];
                rows[37][place] = bad;
                let error = counted(&rows).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NonFinite);
                assert!(error.to_string().contains("input 37"), "{error}");
            }
        }
    }

    #[test]
    fn the_largest_floats_are_finite() {
        let rows = [[f32::MAX, f32::MIN, 0.0], [f32::MIN, 0.0, f32::MAX], [f32::MIN; 3]];
        assert_eq!(counted(&rows).unwrap(), [0, 2, 0]);
    }

    #[test]
    fn padding_does_not_count() {
        let logits = Tensor::from_slice2(&[[0.0f32, 1.0], [f32::NAN, 0.0]]);
        let mut votes = [9];
        count(&logits, &mut votes).unwrap();
        assert_eq!(votes, [1]);
    }
}
