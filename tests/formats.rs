//! One model in all formats and runtimes votes alike.
//!
//! Needs `DRS_CIFAR10_MODELS`, as `drs_tests::reference` describes it. Packages (`<name>.pt2`) are
//! compiled for one kind of machine: they are compared where they are beside the others.

use drs_core::lattice::{Digest, Quantum};
use drs_core::noise::{NoiseStream, NoiseTable, Seed};
use drs_core::units::Sigma;
use drs_plugins_api::abi::{ExpertObject, OpenRequest};
use drs_plugins_api::abi_stable::library::lib_header_from_path;
use drs_plugins_api::abi_stable::std_types::{RSlice, RSliceMut, RStr};
use drs_plugins_api::argmax;
use drs_tests::reference::{self, CLASSES, Reference, SHAPE};
use drs_tests::{built_torch, skipped};

const VALUES: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];
const BATCH: usize = 128;
/// Fresh draws, over all models together.
const DRAWS: usize = 100_000;

extern "C" fn no_log(_: u8, _: RStr<'_>, _: RStr<'_>) {}

fn open(plugin: &str, config: &str) -> ExpertObject {
    let library = built_torch().join(format!("libdrs_expert_{plugin}.so"));
    let header = lib_header_from_path(&library).unwrap();
    let module = header.init_root_module::<drs_plugins_api::abi::PluginModuleRef>().unwrap();
    let request = OpenRequest {
        config: config.into(),
        base_dir: "".into(),
        shape: SHAPE.map(|dim| dim as u64),
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

#[test]
fn a_model_votes_alike_in_every_format_and_runtime() {
    let references = reference::all();
    let draws = DRAWS.div_ceil(references.len().max(1));
    for reference in &references {
        let Reference { name, sigma, lattice, logits, .. } = reference;
        let file = |suffix: &str| reference.file(suffix).display().to_string();
        let torch = |kind: &str, suffix: &str| {
            let model = file(suffix);
            format!(r#"{{"kind":"{kind}","model":"{model}","sigma":{sigma},"classes":{CLASSES}}}"#)
        };
        let onnx = format!(r#"{{"model":"{}"}}"#, file("onnx"));
        let mut experts = vec![
            ("checkpoint", open("torch", &torch("checkpoint", "pth.tar"))),
            ("safetensors", open("torch", &torch("checkpoint", "safetensors"))),
            ("TorchScript", open("torch", &torch("torchscript", "pt"))),
            ("ONNX, rten", open("onnx", &onnx)),
            ("ONNX, ONNX Runtime", open("ort", &onnx)),
        ];
        if reference.file("pt2").is_file() {
            experts.push(("package", open("torch", &torch("export", "pt2"))));
        } else {
            skipped("no package beside the models (examples/python/export.py makes one)");
        }
        let mut expected = vec![0; logits.len() / CLASSES];
        argmax(logits, &mut expected).unwrap();
        for (format, expert) in &experts {
            assert_eq!(votes(expert, lattice), expected, "{name}, {format}: PyTorch's votes");
        }

        let table =
            NoiseTable::new(Sigma::new(*sigma).unwrap(), "1/255".parse::<Quantum>().unwrap());
        let table = table.unwrap();
        let stream = NoiseStream::new(Seed::from_number(1), Digest::of(name.as_bytes()), "formats");
        let mut differing = vec![0; experts.len() - 1];
        let mut scratch = Vec::new();
        let mut noisy = vec![0; BATCH * VALUES];
        let mut drawn = 0;
        while drawn < draws {
            for row in noisy.chunks_exact_mut(VALUES) {
                // Around images that are noisy already: near decisions of all kinds.
                let start = drawn % (lattice.len() / VALUES) * VALUES;
                let input = &lattice[start..start + VALUES];
                stream.add_noise(&table, drawn as u64, input, row, &mut scratch);
                drawn += 1;
            }
            let found: Vec<Vec<u32>> = std::thread::scope(|scope| {
                let noisy = &noisy;
                let voters: Vec<_> = experts
                    .iter()
                    .map(|(_, expert)| scope.spawn(move || votes(expert, noisy)))
                    .collect();
                voters.into_iter().map(|voter| voter.join().unwrap()).collect()
            });
            for (count, other) in differing.iter_mut().zip(&found[1..]) {
                *count += found[0].iter().zip(other).filter(|(a, b)| a != b).count();
            }
        }
        for ((format, _), differing) in experts[1..].iter().zip(&differing) {
            eprintln!("{name}: of {drawn} votes of the checkpoint, {differing} differ in {format}");
        }
        assert!(differing.iter().all(|&count| count * 10_000 <= drawn), "{name}: {differing:?}");
    }
}
