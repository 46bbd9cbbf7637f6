//! Binomial tails by direct summation, and the sign test built on them.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

use super::BoundError;

/// Relative error that callers allow for in [`upper_tail`].
///
/// Measured against exact integer sums for up to 60 trials: below 1e-12, most
/// of it statrs' ln Γ.
pub(super) const TAIL_ERROR: f64 = 1e-11;

/// P(X ≥ `successes`) for X ~ Binomial(`trials`, `p`), for `successes` at or above the mean.
pub(super) fn upper_tail(successes: u64, trials: u64, p: f64) -> f64 {
    if successes == 0 || p >= 1.0 {
        return 1.0;
    }
    if p <= 0.0 {
        return 0.0;
    }
    let (ln_first, sum) = ln_upper_tail(successes, trials, p);
    (ln_first.exp() * sum).min(1.0)
}

/// ln P(X = `successes`), and P(X ≥ `successes`) as a multiple of P(X = `successes`),
/// for 0 < `p` < 1 and 0 < `successes` at or above the mean.
///
/// Terms fall from the first one on, so the sum ends after O(√trials) of them.
pub(super) fn ln_upper_tail(successes: u64, trials: u64, p: f64) -> (f64, f64) {
    let odds = p / (1.0 - p);
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in successes..trials {
        term *= (trials - k) as f64 / (k + 1) as f64 * odds;
        sum += term;
        // What is left is below a geometric series with a ratio under one;
        // close to the mean the ratio is near one, hence the generous margin.
        if term < sum * 1e-22 {
            break;
        }
    }
    (ln_probability(successes, trials, p), sum)
}

/// ln P(X = k) by Loader's saddle-point form (Loader 2000, *Fast and accurate
/// computation of binomial probabilities*).
fn ln_probability(k: u64, n: u64, p: f64) -> f64 {
    let (kf, nf, q) = (k as f64, n as f64, 1.0 - p);
    if k == 0 {
        return nf * (-p).ln_1p();
    }
    if k == n {
        return nf * p.ln();
    }
    let rest = (n - k) as f64;
    let exponent = stirling_error(n)
        - stirling_error(k)
        - stirling_error(n - k)
        - deviance(kf, nf * p)
        - deviance(rest, nf * q);
    0.5 * (nf / (2.0 * PI * kf * rest)).ln() + exponent
}

/// ln n! minus Stirling's formula.
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    if n < 16 {
        return ln_gamma(x + 1.0) - (0.5 * (2.0 * PI * x).ln() + x * x.ln() - x);
    }
    let square = x * x;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square)
            / square)
        / x
}

/// x·ln(x/m) + m − x without cancellation near x = m.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = (x - m) / (x + m);
    let mut sum = (x - m) * v;
    let mut power = 2.0 * x * v;
    for j in 1..1000 {
        power *= v * v;
        let next = sum + power / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// Two-sided exact binomial test of p = ½: the p-value of PREDICT's comparison
/// of the two most frequent classes (Cohen et al. 2019, Algorithm 1).
///
/// Rounded up, so that a comparison with α never accepts by rounding.
///
/// # Errors
/// If `successes` exceeds `trials` or there are no trials.
pub fn two_sided_p_value(successes: u64, trials: u64) -> Result<f64, BoundError> {
    if trials == 0 || successes > trials {
        return Err(BoundError::Counts { successes, trials });
    }
    let larger = successes.max(trials - successes);
    if larger * 2 == trials {
        return Ok(1.0);
    }
    Ok((2.0 * upper_tail(larger, trials, 0.5) * (1.0 + TAIL_ERROR)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exact for small n: sums of integers below 2^53 times exact powers of two.
    fn exact_upper_tail_at_half(k: u64, n: u64) -> f64 {
        let choose = |j: u64| (1..=j).fold(1u128, |c, i| c * u128::from(n - j + i) / u128::from(i));
        let ways: u128 = (k..=n).map(choose).sum();
        ways as f64 / 2f64.powi(i32::try_from(n).unwrap())
    }

    #[test]
    fn tails_at_one_half_equal_integer_sums() {
        for n in 1..=60u64 {
            for k in n.div_ceil(2)..=n {
                let (found, exact) = (upper_tail(k, n, 0.5), exact_upper_tail_at_half(k, n));
                assert!((found / exact - 1.0).abs() < 1e-12, "n {n} k {k}: {found} {exact}");
            }
        }
    }

    #[test]
    fn probabilities_sum_to_one() {
        for n in [1u64, 7, 100, 10_000] {
            for p in [1e-6, 0.01, 0.3, 0.5, 0.999] {
                let sum: f64 = (0..=n).map(|k| ln_probability(k, n, p).exp()).sum();
                assert!((sum - 1.0).abs() < 1e-11, "n {n} p {p}: {sum}");
            }
        }
    }
}
