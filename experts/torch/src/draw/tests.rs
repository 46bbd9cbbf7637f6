//! Against the host's sampler, integer for integer, and against the exact
//! distribution. `DRS_TEST_DEVICE` names another device to run them on.

use drs_core::lattice::Digest;
use drs_core::noise::{NoiseStream, NoiseTable as HostTable, Seed};
use drs_core::units::Sigma;
use drs_plugins_api::Segment;

use super::*;
use drs_torch_device::DeviceName;

const LEVELS: u16 = 255;

fn device() -> Device {
    let name = std::env::var("DRS_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    drs_torch_device::prepare();
    name.parse::<DeviceName>().unwrap().available().unwrap()
}

fn host_table(sigma: f64) -> HostTable {
    HostTable::new(Sigma::new(sigma).unwrap(), "1/255".parse().unwrap()).unwrap()
}

fn stream(stage: &str) -> NoiseStream {
    NoiseStream::new(Seed::from_number(7), Digest::of(b"an input"), stage)
}

/// Noisy inputs as the device makes them, row after row.
fn on_device(table: &HostTable, segments: Vec<Segment<'_>>, padded: usize) -> Vec<i16> {
    let values = segments[0].input.len();
    let halves = |&threshold: &u128| ((threshold >> 64) as u32, threshold as u64);
    let (high, low): (Vec<u32>, Vec<u64>) = table.thresholds().iter().map(halves).unzip();
    let noise = NoiseTable {
        cells: table.cells(),
        thresholds_high: &high,
        thresholds_low: &low,
        lowest: table.lowest(),
    };
    let draws = Draws::new(noise, segments, padded, [1, 1, values], LEVELS).unwrap();
    let noisy = DeviceNoise::default().noisy_inputs(&draws, device()).unwrap();
    assert_eq!(noisy.size(), [padded as i64, values as i64]);
    Vec::try_from(noisy.to_device(Device::Cpu).reshape([-1])).unwrap()
}

#[test]
fn the_device_draws_the_host_s_integers() {
    // 37 is no multiple of what a block holds; σ = 9 has thousands of thresholds
    // in its outer cells.
    for (sigma, values, rows) in
        [(0.12, 37, 300), (0.25, 3072, 40), (1.0, 3072, 40), (9.0, 784, 200)]
    {
        let table = host_table(sigma);
        let inputs: [Vec<i16>; 2] =
            [(0..values).map(|i| i % 256).collect(), (0..values).map(|i| 255 - i % 256).collect()];
        let streams = [stream("a"), stream("b")];
        // The second segment crosses 2³² draws, where the nonce grows a word.
        let parts = [(0, 5), ((1u64 << 31) - 3, rows - 5)];
        let segments = (0..2).map(|i| Segment {
            input: &inputs[i],
            key: streams[i].key(),
            first: parts[i].0,
            rows: parts[i].1,
        });
        let found = on_device(&table, segments.collect(), rows + 7);
        let mut expected = Vec::new();
        let (mut row, mut scratch) = (vec![0; inputs[0].len()], Vec::new());
        for i in 0..2 {
            for draw in (parts[i].0..).take(parts[i].1) {
                streams[i].add_noise(&table, draw, &inputs[i], &mut row, &mut scratch);
                expected.extend_from_slice(&row);
            }
        }
        assert_eq!(found[..expected.len()], expected, "sigma {sigma}");
    }
}

/// Pearson's statistic of a million drawn values against the exact
/// probabilities, in cells that expect at least 50.
#[test]
fn drawn_values_have_the_exact_distribution() {
    let table = host_table(0.25);
    let (rows, values) = (400, 2500);
    let input = vec![0; values];
    let segment = Segment { input: &input, key: stream("chi").key(), first: 0, rows };
    let drawn = on_device(&table, vec![segment], rows);
    let total = (rows * values) as f64;
    let mut counts = std::collections::BTreeMap::<i16, f64>::new();
    for value in drawn {
        *counts.entry(value).or_default() += 1.0;
    }
    let (mut statistic, mut cells) = (0.0, 0);
    let (mut rest_expected, mut rest_found) = (0.0, 0.0);
    let mut below = 0u128;
    for (value, &threshold) in (table.lowest()..).zip(table.thresholds()) {
        let expected = (threshold - below) as f64 / 2f64.powi(80) * total;
        let found = counts.get(&value).copied().unwrap_or(0.0);
        below = threshold;
        if expected < 50.0 {
            rest_expected += expected;
            rest_found += found;
            continue;
        }
        statistic += (found - expected).powi(2) / expected;
        cells += 1;
    }
    statistic += (rest_found - rest_expected).powi(2) / rest_expected;
    // Mean `cells`, deviation √(2·cells); the seed is fixed, so this cannot flicker.
    let limit = f64::from(cells) + 4.0 * (2.0 * f64::from(cells)).sqrt();
    assert!(cells > 300 && statistic < limit, "{statistic} over {cells} cells, limit {limit}");
}
