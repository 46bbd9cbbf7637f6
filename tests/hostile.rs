//! Data files of a few bytes that ask for a hundred gigabytes or more. They are read by the real
//! binary, which gets 4 GiB of address space.

#![cfg(target_os = "linux")]

use std::io::Write as _;

use drs_tests::{Halfspaces, Place, Run, built};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Address space of the binary, in KiB.
const SPACE: u64 = 4 << 20;

/// A pool of inputs of 32 x 32 pixels.
fn place() -> Place {
    let place = Place::new();
    let pool =
        Halfspaces { shape: [1, 32, 32], experts: vec![("near", 0.25, 0, 99.5)], router: None };
    place.write("experts.toml", pool.toml());
    place
}

fn limited(place: &Place, args: &str) -> Run {
    let drs = built().join("drs");
    place.shell(&format!("ulimit -v {SPACE}; exec {} {args}", drs.display()))
}

/// An error in words, not an end by a signal.
fn refused(run: &Run, words: &[&str]) {
    assert!(run.code == 1 || run.code == 3, "{run}");
    for words in words {
        assert!(run.stderr.contains(words), "no {words:?}\n{run}");
    }
    assert!(!run.stderr.contains("panicked"), "{run}");
}

fn certify(place: &Place, data: &str) -> Run {
    limited(
        place,
        &format!(
            "--memory 512MiB certify --experts experts.toml --data {data} --labels none --n 100 --out o.tsv"
        ),
    )
}

fn gzipped(bytes: &[u8], zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..zeros >> 20 {
        encoder.write_all(&block).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    assert!(bytes.len() < 1 << 20);
    bytes
}

/// The header of an array of bytes: so many inputs.
fn npy(inputs: u64) -> Vec<u8> {
    let header =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({inputs}, 1, 32, 32), }}");
    let header = format!("{header:<117}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat()
}

const MANY: u64 = 200_000_000;

#[test]
fn idx() {
    let place = place();
    let word = |number: u32| number.to_be_bytes();
    let head = [word(0x0803), word(200_000_000), word(32), word(32)].concat();
    place.write("gz/t10k-images-idx3-ubyte.gz", gzipped(&head, 600 << 20));
    refused(&certify(&place, "gz"), &["t10k-images-idx3-ubyte.gz", "of memory", "--memory"]);
    place.write("plain/t10k-images-idx3-ubyte", head);
    refused(&certify(&place, "plain"), &["t10k-images-idx3-ubyte", "0 bytes of data"]);
}

#[test]
fn arrays() {
    let place = place();
    place.write("one.npy", npy(MANY));
    refused(&certify(&place, "one.npy"), &["one.npy", "cut short"]);
    place.write("folder/images.npy", npy(MANY));
    refused(&certify(&place, "folder"), &["images", "cut short"]);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("images.npy", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(&npy(MANY)).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..600).for_each(|_| archive.write_all(&zeros).unwrap());
    let bytes = archive.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20);
    place.write("many.npz", bytes);
    refused(&certify(&place, "many.npz"), &["many.npz", "images", "--memory"]);
}

#[test]
fn descriptions_of_runs() {
    let place = place();
    let inputs: Vec<(Vec<u8>, u8)> = (0..4u8).map(|i| (vec![60 * i; 1024], 1)).collect();
    place.write_idx("data", [32, 32], &inputs);
    let run = "certify --experts experts.toml --data data --n 100 --seed 1 --out s.tsv";
    for shard in ["1/2", "2/2"] {
        let _ = place.drs(&format!("{run} --shard {shard}")).succeeds();
    }
    let honest = place.read("s.1-of-2.run.json");
    for (field, from, to) in [
        ("data.inputs", "\"inputs\": 4", "\"inputs\": 100000000000000"),
        ("shard", "\"shard\": \"1/2\"", "\"shard\": \"1/9000000000000000000\""),
    ] {
        assert!(honest.contains(from), "{honest}");
        place.write("s.1-of-2.run.json", honest.replace(from, to));
        let run = limited(&place, "merge s.1-of-2.tsv s.2-of-2.tsv --out m.tsv");
        refused(&run, &["s.1-of-2.run.json", field, "--memory"]);
    }
}

#[test]
fn logs() {
    let place = place();
    // A line without end, as far as a small file can have one.
    place.write("a.tsv.gz", gzipped(b"idx\tlabel\tpredict\tradius\n", 900 << 20));
    refused(&limited(&place, "--memory 64MiB analyze a.tsv.gz"), &["a.tsv.gz", "--memory"]);
    place.write("b.jsonl.gz", gzipped(b"{\"idx\":", 900 << 20));
    refused(&limited(&place, "--memory 64MiB analyze b.jsonl.gz"), &["b.jsonl.gz"]);
    refused(&limited(&place, "--memory 64MiB verify b.jsonl.gz"), &["b.jsonl.gz"]);
}

#[test]
fn images() {
    let place = place();
    let pixels = |name: &str| place.write(name, "P5 300000 300000 255\n");
    pixels("images/a.pgm");
    refused(&certify(&place, "images"), &["a.pgm", "300000x300000"]);
    let toml = place.read("experts.toml");
    place.write(
        "experts.toml",
        toml.replace("quantum = \"1/255\"", "quantum = \"1/255\"\nresize = { side = 32 }"),
    );
    refused(&certify(&place, "images"), &["a.pgm", "pixels"]);
    place.write("images/a.pgm", "P5 9000 9000 255\n");
    let run = "certify --experts experts.toml --data images --labels none --n 100 --out o.tsv";
    refused(&limited(&place, &format!("--memory 64MiB {run}")), &["a.pgm", "--memory"]);
}

#[test]
fn files_without_end() {
    let place = place();
    let inputs: Vec<(Vec<u8>, u8)> = (0..4u8).map(|i| (vec![60 * i; 1024], 1)).collect();
    place.write_idx("data", [32, 32], &inputs);
    let sparse = |name: &str| {
        let file = std::fs::File::create(place.path(name)).unwrap();
        file.set_len(200 << 30).unwrap();
    };
    std::fs::create_dir(place.path("images")).unwrap();
    let names =
        ["labels.tsv", "labels.txt", "labels.npy", "names.txt", "pool.toml", "images/a.png"];
    names.into_iter().for_each(sparse);
    let run = |options: &str| {
        limited(&place, &format!("--memory 64MiB certify --n 100 --out o.tsv --experts {options}"))
    };
    for labels in ["labels.tsv", "labels.txt", "labels.npy", "/dev/zero"] {
        let run = run(&format!("experts.toml --data data --labels {labels}"));
        refused(&run, &[labels]);
        let told = ["--memory", "expected a file", "a line"];
        assert!(told.iter().any(|told| run.stderr.contains(told)), "{run}");
    }
    refused(&run("experts.toml --data data --classes names.txt"), &["names.txt", "--memory"]);
    refused(&run("pool.toml --data data"), &["pool.toml", "--memory"]);
    let image = |words: &[&str]| {
        refused(&run("experts.toml --data images --labels none"), words);
        refused(
            &limited(&place, "--memory 64MiB route --experts experts.toml images/a.png"),
            words,
        );
    };
    image(&["a.png", "--memory"]);
    // What waits for somebody to write, or never ends.
    std::fs::remove_file(place.path("images/a.png")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", place.path("images/a.png")).unwrap();
    image(&["a.png", "a pipe or a device found"]);
    std::fs::remove_file(place.path("images/a.png")).unwrap();
    let _ = place.shell("mkfifo images/a.png").succeeds();
    image(&["a.png", "a pipe or a device found"]);
}
