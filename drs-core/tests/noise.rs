//! The lattice sampler draws the rounded Gaussian, and always the same one.

use drs_core::lattice::{Digest, Given, LatticeInput, Quantum, Shape};
use drs_core::noise::{NoiseStream, NoiseTable, Seed};
use drs_core::units::Sigma;
use statrs::distribution::{ChiSquared, ContinuousCDF as _, Normal};

fn stream(stage: &str) -> NoiseStream {
    NoiseStream::new(Seed::from_number(7), Digest::of(b"an input"), stage)
}

fn draw(stream: &NoiseStream, table: &NoiseTable, index: u64, values: usize) -> Vec<i16> {
    let mut noisy = vec![0; values];
    stream.add_noise(table, index, &vec![0; values], &mut noisy, &mut Vec::new());
    noisy
}

fn table(sigma_over_step: f64) -> NoiseTable {
    NoiseTable::new(Sigma::new(sigma_over_step / 255.0).unwrap(), Quantum::EIGHT_BIT).unwrap()
}

/// χ² over the whole support, tails pooled where fewer than five are expected, of draws of
/// round(φ + ε/step).
fn chi_squared_p_value(counts: &[u64], lowest: i32, sigma_over_step: f64, phi: f64) -> f64 {
    let normal = Normal::new(phi, sigma_over_step).unwrap();
    let total: u64 = counts.iter().sum();
    let (mut pooled, mut expected_sum, mut seen_sum, mut statistic, mut cells) =
        (0.0, 0.0, 0.0, 0.0, 0u32);
    for (j, &count) in counts.iter().enumerate() {
        let value = f64::from(lowest) + j as f64;
        // The smaller tail keeps the difference accurate on both sides.
        let probability = if value > phi {
            normal.sf(value - 0.5) - normal.sf(value + 0.5)
        } else {
            normal.cdf(value + 0.5) - normal.cdf(value - 0.5)
        };
        expected_sum += probability * total as f64;
        seen_sum += count as f64;
        if expected_sum >= 5.0 {
            statistic += (seen_sum - expected_sum).powi(2) / expected_sum;
            cells += 1;
            (expected_sum, seen_sum) = (0.0, 0.0);
        }
        pooled += probability;
    }
    assert!((pooled - 1.0).abs() < 1e-9, "the support holds all mass: {pooled}");
    // What is left over in the upper tail joins the statistic as one last cell.
    if expected_sum > 0.0 {
        statistic += (seen_sum - expected_sum).powi(2) / expected_sum.max(1.0);
        cells += 1;
    }
    if cells < 2 { 1.0 } else { ChiSquared::new(f64::from(cells - 1)).unwrap().sf(statistic) }
}

fn counts(sigma_over_step: f64, drawn_with: f64, draws: u64) -> (Vec<u64>, i32) {
    let (table, stream) = (table(drawn_with), stream("chi squared"));
    count(sigma_over_step.max(drawn_with), draws, |index| draw(&stream, &table, index, 10_000))
}

/// Of draws of 10,000 values each.
fn count(sigma_over_step: f64, draws: u64, draw: impl Fn(u64) -> Vec<i16>) -> (Vec<u64>, i32) {
    let highest = (11.0 * sigma_over_step).ceil() as i32 + 2;
    let mut counts = vec![0u64; 2 * highest as usize + 1];
    for index in 0..draws / 10_000 {
        for value in draw(index) {
            counts[(i32::from(value) + highest) as usize] += 1;
        }
    }
    (counts, -highest)
}

/// An input of the same value everywhere.
fn flat(value: f64, values: usize) -> LatticeInput {
    let shape = Shape::new([1, 1, values]).unwrap();
    LatticeInput::from_reals(shape, Quantum::EIGHT_BIT, vec![value; values]).unwrap()
}

fn noisy(stream: &NoiseStream, table: &NoiseTable, index: u64, input: &LatticeInput) -> Vec<i16> {
    let mut noisy = vec![0; input.values().len()];
    stream.noisy_copy(table, index, input, &mut noisy, &mut Vec::new());
    noisy
}

#[test]
fn draws_follow_the_rounded_gaussian_over_the_whole_support() {
    for ratio in [0.3, 1.0, 5.5, 30.6, 63.75, 127.5, 255.0, 1000.0] {
        let (counts, lowest) = counts(ratio, ratio, 10_000_000);
        let p = chi_squared_p_value(&counts, lowest, ratio, 0.0);
        assert!((1e-4..=1.0).contains(&p), "sigma/step {ratio}: p = {p}");
    }
}

#[test]
fn between_lattice_points_the_sum_is_rounded_not_the_input() {
    let stream = stream("between");
    for ratio in [0.3, 1.0, 5.5, 63.75, 255.0] {
        let table = table(ratio);
        // Inside and at the ends of the parts that are looked up, and near both lattice points.
        for phi in [0.0011, 0.25, 1.0 / 3.0, 0.5, 0.625, 0.998] {
            let input = flat((100.0 + phi) / 255.0, 10_000);
            assert_eq!(input.given(), Given::Real);
            let moved = |index| {
                let noisy = noisy(&stream, &table, index, &input);
                noisy.into_iter().map(|value| value - 100).collect()
            };
            let (counts, lowest) = count(ratio, 4_000_000, moved);
            let p = chi_squared_p_value(&counts, lowest, ratio, phi);
            assert!((1e-4..=1.0).contains(&p), "sigma/step {ratio}, phi {phi}: p = {p}");
        }
    }
}

#[test]
fn the_chi_squared_test_notices_an_input_that_is_rounded_first() {
    let (stream, table, input) = (stream("between"), table(5.5), flat(100.3 / 255.0, 10_000));
    let (counts, lowest) = count(5.5, 4_000_000, |index| {
        let noisy = noisy(&stream, &table, index, &input);
        noisy.into_iter().map(|value| value - 100).collect()
    });
    assert!(chi_squared_p_value(&counts, lowest, 5.5, 0.0) < 1e-9);
    assert!(chi_squared_p_value(&counts, lowest, 5.5, 0.33) < 1e-4, "a part of 1/64 is noticed");
}

#[test]
fn values_on_the_lattice_are_drawn_as_such_beside_others() {
    let (stream, table) = (stream("mixed"), table(5.5));
    let shape = Shape::new([1, 1, 10_000]).unwrap();
    let mut reals = vec![100.0 / 255.0; 10_000];
    reals[0] = 0.5;
    let input = LatticeInput::from_reals(shape, Quantum::EIGHT_BIT, reals).unwrap();
    assert_eq!(input.given(), Given::Real);
    let (counts, lowest) = count(5.5, 4_000_000, |index| {
        noisy(&stream, &table, index, &input).into_iter().map(|value| value - 100).collect()
    });
    // The one value between adds 400 draws at most 28 steps away.
    let mut counts = counts;
    for index in 0..400 {
        let other = i32::from(noisy(&stream, &table, index, &input)[0]) - 100 - lowest;
        counts[other as usize] -= 1;
    }
    let p = chi_squared_p_value(&counts, lowest, 5.5, 0.0);
    assert!((1e-4..=1.0).contains(&p), "p = {p}");
}

#[test]
fn the_chi_squared_test_notices_a_sigma_off_by_half_a_percent() {
    let (counts, lowest) = counts(63.75, 63.75 * 1.005, 10_000_000);
    assert!(chi_squared_p_value(&counts, lowest, 63.75, 0.0) < 1e-4);
}

#[test]
fn neighbouring_draws_and_stages_are_uncorrelated() {
    let table = table(63.75);
    let first = draw(&stream("a"), &table, 0, 1_000_000);
    for other in
        [draw(&stream("a"), &table, 1, 1_000_000), draw(&stream("b"), &table, 0, 1_000_000)]
    {
        let product: f64 =
            first.iter().zip(&other).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        let correlation = product / 1e6 / 63.75f64.powi(2);
        assert!(correlation.abs() < 5e-3, "correlation {correlation}");
    }
}

#[test]
fn seeded_draws_never_change() {
    // Pinned: resume, replay and audit rely on these very numbers. A change
    // here is a change of the noise format and needs a new domain string.
    let table = table(63.75);
    assert_eq!(draw(&stream("s025/estimation"), &table, 0, 12), PINNED_FIRST);
    assert_eq!(draw(&stream("s025/estimation"), &table, 9_999, 12), PINNED_LAST);
}

#[test]
fn seeded_draws_between_lattice_points_never_change() {
    let (table, stream) = (table(63.75), stream("s025/estimation"));
    let shape = Shape::new([1, 1, 12]).unwrap();
    let reals = (0..12).map(|place| 0.04 + 0.08 * f64::from(place)).collect();
    let input = LatticeInput::from_reals(shape, Quantum::EIGHT_BIT, reals).unwrap();
    assert_eq!(noisy(&stream, &table, 0, &input), PINNED_BETWEEN_FIRST);
    assert_eq!(noisy(&stream, &table, 9_999, &input), PINNED_BETWEEN_LAST);
}

const PINNED_BETWEEN_FIRST: [i16; 12] = [-81, 27, 42, 73, 110, 210, 224, -20, 194, 165, 182, 289];
const PINNED_BETWEEN_LAST: [i16; 12] = [1, 29, -56, 29, 80, 163, 171, 102, 208, 323, 232, 319];
const PINNED_FIRST: [i16; 12] = [39, -91, 9, -4, 41, -9, 29, 2, 17, 19, 30, 98];
const PINNED_LAST: [i16; 12] = [148, -9, -96, -2, 36, -107, 42, -42, 12, -12, -45, 51];

#[test]
fn noise_is_added_to_the_input() {
    let table = table(63.75);
    let (mut plain, mut shifted, mut scratch) = (vec![0; 50], vec![0; 50], Vec::new());
    stream("x").add_noise(&table, 3, &[0; 50], &mut plain, &mut scratch);
    stream("x").add_noise(&table, 3, &[200; 50], &mut shifted, &mut scratch);
    assert!(plain.iter().zip(&shifted).all(|(p, s)| p + 200 == *s));
}

#[test]
fn the_distance_from_the_exact_distribution_is_negligible() {
    // An ImageNet input at N = 100,000: 1.5e10 values drawn.
    let charged = table(255.0).total_variation() * 150_528.0 * 100_000.0;
    assert!(charged > 0.0 && charged < 1e-9, "{charged}");
    let too_wide = NoiseTable::new(Sigma::new(11.0).unwrap(), Quantum::EIGHT_BIT);
    assert!(too_wide.unwrap_err().to_string().contains("coarser quantum"));
}
