//! Draws per second of the lattice sampler, one core.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drs_core::lattice::{Digest, LatticeInput, Quantum, Shape};
use drs_core::noise::{NoiseStream, NoiseTable, Seed};
use drs_core::units::Sigma;

fn draws(c: &mut Criterion) {
    let mut group = c.benchmark_group("noise");
    for (name, values) in [("1x28x28", 784), ("3x32x32", 3072), ("3x224x224", 150_528)] {
        for sigma in [0.12, 0.25, 1.0] {
            let table = NoiseTable::new(Sigma::new(sigma).unwrap(), Quantum::EIGHT_BIT).unwrap();
            let stream = NoiseStream::new(Seed::from_number(1), Digest([0; 32]), "bench");
            let input = vec![128i16; values];
            let mut noisy = vec![0i16; values];
            let mut scratch = Vec::new();
            let mut index = 0;
            group.throughput(Throughput::Elements(values as u64));
            group.bench_function(format!("{name} sigma {sigma}"), |b| {
                b.iter(|| {
                    index += 1;
                    stream.add_noise(&table, index, &input, &mut noisy, &mut scratch);
                    noisy[0]
                });
            });
            // Off the lattice: every value at another place between two points.
            let reals = (0..values).map(|place| 0.5 + 0.4 * (place as f64 * 0.7).sin()).collect();
            let shape = Shape::new([1, 1, values]).unwrap();
            let input = LatticeInput::from_reals(shape, Quantum::EIGHT_BIT, reals).unwrap();
            group.bench_function(format!("{name} sigma {sigma} off the lattice"), |b| {
                b.iter(|| {
                    index += 1;
                    stream.noisy_copy(&table, index, &input, &mut noisy, &mut scratch);
                    noisy[0]
                });
            });
        }
    }
    group.finish();
}

fn tables(c: &mut Criterion) {
    c.bench_function("table sigma 1.0", |b| {
        b.iter(|| NoiseTable::new(Sigma::new(1.0).unwrap(), Quantum::EIGHT_BIT));
    });
}

criterion_group!(benches, draws, tables);
criterion_main!(benches);
