//! Bounds against high-precision fixtures (`fixtures/generate.py`) and the laws
//! that every bound obeys.

use drs_core::bounds::{lower, quantile_lower, quantile_upper, two_sided_p_value, upper};
use drs_core::units::Alpha;
use proptest::prelude::*;
use statrs::distribution::{Binomial, Discrete as _};

/// Rows of a fixture, split at commas; comments and the column names are left out.
fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    let data = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    data.map(|line| line.split(',').collect::<Vec<_>>().try_into().expect("a row of N columns"))
}

fn alpha(value: f64) -> Alpha {
    Alpha::new(value).unwrap()
}

#[test]
fn clopper_pearson_is_sound_and_within_1e8_of_the_exact_bound() {
    let mut checked = 0;
    for [n, k, level, exact_lower, exact_upper] in
        rows(include_str!("fixtures/clopper_pearson.csv"))
    {
        let (n, k): (u64, u64) = (n.parse().unwrap(), k.parse().unwrap());
        let level = alpha(level.parse().unwrap());
        let (exact_lower, exact_upper): (f64, f64) =
            (exact_lower.parse().unwrap(), exact_upper.parse().unwrap());
        let case = format!("n {n} k {k} alpha {}", level.get());
        let found = lower(k, n, level).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(found <= exact_lower, "{case}: lower {found} above {exact_lower}");
        assert!(found >= exact_lower - 1e-8, "{case}: lower {found} far below {exact_lower}");
        let found = upper(k, n, level).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(found >= exact_upper, "{case}: upper {found} below {exact_upper}");
        assert!(found <= exact_upper + 1e-8, "{case}: upper {found} far above {exact_upper}");
        checked += 1;
    }
    assert!(checked > 2000, "{checked} rows");
}

#[test]
fn normal_quantiles_bracket_the_exact_value() {
    let mut worst: f64 = 0.0;
    for [p, x] in rows(include_str!("fixtures/normal_quantile.csv")) {
        let (p, x): (f64, f64) = (p.parse().unwrap(), x.parse().unwrap());
        let (low, high) = (quantile_lower(p), quantile_upper(p));
        assert!(low <= x && x <= high, "p {p}: {x} outside [{low}, {high}]");
        assert!(high - low < 1e-8, "p {p}: bracket [{low}, {high}]");
        worst = worst.max(((low + high) / 2.0 - x).abs() / (1.0 + x.abs()));
    }
    // The figure that the guard's comment states.
    assert!(worst < 4e-15, "measured error {worst:e}");
    assert_eq!(quantile_lower(0.0), f64::NEG_INFINITY);
    assert_eq!(quantile_upper(1.0), f64::INFINITY);
    assert_eq!(quantile_lower(f64::NAN), f64::NEG_INFINITY);
    assert_eq!(quantile_upper(f64::NAN), f64::INFINITY);
}

#[test]
fn the_sign_test_is_exact_and_rounded_up() {
    for [k, n, exact] in rows(include_str!("fixtures/binom_test.csv")) {
        let (k, n): (u64, u64) = (k.parse().unwrap(), n.parse().unwrap());
        let exact: f64 = exact.parse().unwrap();
        let found = two_sided_p_value(k, n).unwrap();
        assert!(found >= exact, "k {k} n {n}: {found} below {exact}");
        assert!(found <= exact * (1.0 + 1e-9), "k {k} n {n}: {found} far above {exact}");
    }
    assert!(two_sided_p_value(0, 0).is_err());
    assert!(two_sided_p_value(4, 3).is_err());
}

/// P(the bound over-claims) by summing the binomial exactly: the definition of
/// a level-α bound, without a draw.
fn over_claim(n: u64, p: f64, claims: impl Fn(u64) -> bool) -> f64 {
    let binomial = Binomial::new(p, n).unwrap();
    (0..=n).filter(|&k| claims(k)).map(|k| binomial.pmf(k)).sum()
}

#[test]
fn coverage_is_exact() {
    for n in [1, 2, 5, 20, 100, 300] {
        for level in [0.2, 0.05, 0.001] {
            let lowers: Vec<f64> = (0..=n).map(|k| lower(k, n, alpha(level)).unwrap()).collect();
            let uppers: Vec<f64> = (0..=n).map(|k| upper(k, n, alpha(level)).unwrap()).collect();
            // The worst p lies just above a bound; look there and on a grid.
            let grid = (1..100).map(|i| f64::from(i) / 100.0);
            let edges = lowers.iter().chain(&uppers).flat_map(|&b| [b + 1e-9, b - 1e-9]);
            for p in grid.chain(edges).filter(|p| (1e-9..1.0 - 1e-9).contains(p)) {
                let wrong = over_claim(n, p, |k| lowers[k as usize] > p);
                assert!(wrong <= level * (1.0 + 1e-6), "n {n} p {p}: lower wrong with {wrong}");
                let wrong = over_claim(n, p, |k| uppers[k as usize] < p);
                assert!(wrong <= level * (1.0 + 1e-6), "n {n} p {p}: upper wrong with {wrong}");
            }
        }
    }
}

#[test]
fn the_coverage_check_fails_for_a_bound_that_claims_too_much() {
    let (n, level) = (100, 0.05);
    let wald = |k: u64| {
        let p = k as f64 / n as f64;
        p - 1.645 * (p * (1.0 - p) / n as f64).sqrt()
    };
    let worst = (1..100)
        .map(|i| f64::from(i) / 100.0)
        .map(|p| over_claim(n, p, |k| wald(k) > p))
        .fold(0.0, f64::max);
    assert!(worst > level * 1.2, "the asymptotic bound over-claims with {worst} at most");
}

proptest! {
    #[test]
    fn bounds_are_monotone_in_count_trials_and_alpha(
        n in 1u64..100_000, k in 0u64..100_000, level in 1e-8f64..0.1,
    ) {
        let k = k % (n + 1);
        let a = alpha(level);
        let here = lower(k, n, a).unwrap();
        prop_assert!((0.0..=1.0).contains(&here));
        prop_assert!(here <= k as f64 / n as f64 && upper(k, n, a).unwrap() >= k as f64 / n as f64);
        if k < n {
            prop_assert!(lower(k + 1, n, a).unwrap() >= here, "more successes");
        }
        prop_assert!(lower(k, n + 1, a).unwrap() <= here + 2e-9, "more failures");
        prop_assert!(lower(k + 1, n + 1, a).unwrap() >= here - 2e-9, "one more success");
        prop_assert!(lower(k, n, alpha(level * 1.5)).unwrap() >= here - 2e-9, "more alpha");
        let mirrored = upper(n - k, n, a).unwrap();
        prop_assert!((mirrored - (1.0 - here)).abs() < 1e-15, "upper mirrors lower");
    }

    #[test]
    fn quantiles_are_monotone(p in 1e-12f64..1.0, q in 1e-12f64..1.0) {
        let (p, q) = (p.min(q), p.max(q));
        prop_assert!(quantile_lower(p) <= quantile_upper(q));
        // Below 1e-6 the rounding of 1 − p shows.
        prop_assert!(quantile_upper(1.0 - p) >= -quantile_upper(p) - 1e-9 || p < 1e-6);
    }
}
