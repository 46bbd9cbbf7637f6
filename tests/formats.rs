//! One model in three formats: checkpoint, TorchScript and ONNX vote alike.
//!
//! Needs `DRS_CIFAR10_MODELS`: a folder with `<name>.pth.tar`, `.pt`, `.onnx`
//! and `-reference.npz` (`lattice` \[n,3,32,32\] as int16 in units of 1/255, and
//! PyTorch's `logits`) for s025, s050 and s100.

use std::fs::File;
use std::path::{Path, PathBuf};

use drs_core::lattice::{Digest, Quantum};
use drs_core::noise::{NoiseStream, NoiseTable, Seed};
use drs_core::units::Sigma;
use drs_plugins_api::abi::{ExpertObject, OpenRequest};
use drs_plugins_api::abi_stable::library::lib_header_from_path;
use drs_plugins_api::abi_stable::std_types::{RSlice, RSliceMut, RStr};
use drs_tests::{built_torch, skipped};
use ndarray::{ArrayD, ArrayView1, Axis};
use ndarray_npy::ReadNpyExt as _;

const VALUES: usize = 3 * 32 * 32;
const BATCH: usize = 128;
/// Fresh draws per model.
const DRAWS: usize = 100_000;
/// Models and the noise they were trained for.
const MODELS: [(&str, f64); 3] = [("s025", 0.25), ("s050", 0.5), ("s100", 1.0)];

extern "C" fn no_log(_: u8, _: RStr<'_>, _: RStr<'_>) {}

fn open(plugin: &str, config: &str, folder: &Path) -> ExpertObject {
    let library = built_torch().join(format!("libdrs_expert_{plugin}.so"));
    let header = lib_header_from_path(&library).unwrap();
    let module = header.init_root_module::<drs_plugins_api::abi::PluginModuleRef>().unwrap();
    let request = OpenRequest {
        config: config.into(),
        base_dir: folder.to_str().unwrap().into(),
        shape: [3, 32, 32],
        levels: 255,
        log: no_log,
    };
    let opened = module.open()(request).into_result();
    opened.unwrap_or_else(|error| panic!("{config}: {}", error.message))
}

/// Votes on whole inputs, in padded batches of one size, as the host sends them.
fn votes(expert: &ExpertObject, lattice: &[i16]) -> Vec<u32> {
    let mut votes = Vec::new();
    for part in lattice.chunks(BATCH * VALUES) {
        let mut batch = part.to_vec();
        batch.resize(BATCH * VALUES, 0);
        let mut own = vec![0; part.len() / VALUES];
        let (rows, batch) = (own.len(), RSlice::from_slice(&batch));
        expert.vote(batch, rows, RSliceMut::from_mut_slice(&mut own)).into_result().unwrap();
        votes.extend(own);
    }
    votes
}

fn read<T: ndarray_npy::ReadableElement>(path: &Path, name: &str) -> ArrayD<T> {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    ArrayD::read_npy(archive.by_name(&format!("{name}.npy")).unwrap()).unwrap()
}

fn argmax(logits: ArrayView1<'_, f32>) -> u32 {
    let best = logits.iter().enumerate().fold(
        0,
        |best, (class, logit)| {
            if *logit > logits[best] { class } else { best }
        },
    );
    u32::try_from(best).unwrap()
}

#[test]
fn checkpoint_torchscript_and_onnx_vote_alike() {
    let Some(folder) = std::env::var_os("DRS_CIFAR10_MODELS").map(PathBuf::from) else {
        return skipped("DRS_CIFAR10_MODELS is not set: three formats of one model not compared");
    };
    for (name, sigma) in MODELS {
        let torch = |kind: &str, suffix: &str| {
            format!(r#"{{"kind":"{kind}","model":"{name}.{suffix}","sigma":{sigma},"classes":10}}"#)
        };
        let experts = [
            open("torch", &torch("checkpoint", "pth.tar"), &folder),
            open("torch", &torch("checkpoint", "safetensors"), &folder),
            open("torch", &torch("torchscript", "pt"), &folder),
            open("onnx", &format!(r#"{{"model":"{name}.onnx"}}"#), &folder),
        ];
        let reference = folder.join(format!("{name}-reference.npz"));
        let lattice: ArrayD<i16> = read(&reference, "lattice");
        let logits: ArrayD<f32> = read(&reference, "logits");
        let lattice = lattice.as_slice().unwrap();
        let expected: Vec<u32> = logits
            .axis_iter(Axis(0))
            .map(|row| argmax(row.into_dimensionality().unwrap()))
            .collect();
        for expert in &experts {
            assert_eq!(votes(expert, lattice), expected, "{name}: PyTorch's votes");
        }

        let table =
            NoiseTable::new(Sigma::new(sigma).unwrap(), "1/255".parse::<Quantum>().unwrap());
        let table = table.unwrap();
        let stream = NoiseStream::new(Seed::from_number(1), Digest::of(name.as_bytes()), "formats");
        let mut differing = [0; 3];
        let mut scratch = Vec::new();
        let mut noisy = vec![0; BATCH * VALUES];
        let mut drawn = 0;
        while drawn < DRAWS {
            for row in noisy.chunks_exact_mut(VALUES) {
                // Around images that are noisy already: near decisions of all kinds.
                let start = drawn % (lattice.len() / VALUES) * VALUES;
                let input = &lattice[start..start + VALUES];
                stream.add_noise(&table, drawn as u64, input, row, &mut scratch);
                drawn += 1;
            }
            let [first, others @ ..] = std::thread::scope(|scope| {
                let voters = experts.each_ref().map(|expert| scope.spawn(|| votes(expert, &noisy)));
                voters.map(|voter| voter.join().unwrap())
            });
            for (count, other) in differing.iter_mut().zip(others) {
                *count += first.iter().zip(other).filter(|(a, b)| **a != *b).count();
            }
        }
        eprintln!(
            "{name}: of {drawn} votes of the checkpoint, {differing:?} differ in safetensors, TorchScript, ONNX"
        );
        assert!(differing.iter().all(|&count| count * 10_000 <= drawn), "{name}: {differing:?}");
    }
}
