//! Broken files of every kind are errors, or other tensors; they never panic,
//! hang, or cost memory out of proportion.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use drs_checkpoint::read;
use proptest::prelude::*;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Counts what each thread holds, and the most that it held.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(change: isize) {
    // Not there while a thread ends.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn try_bytes(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).unwrap();
    try_read(path, bytes.len())
}

/// Reads the file; the time and memory that it took must be sane.
fn try_read(path: &Path, length: usize) -> Result<(), String> {
    let before = LIVE.get();
    PEAK.set(before);
    let start = Instant::now();
    let result = read(path);
    let (time, peak) = (start.elapsed(), PEAK.get() - before);
    assert!(time < Duration::from_secs(10), "{time:?}");
    // A zip's directory may promise an entry per byte, of some 200 bytes each.
    let most = (2 << 20) + 400 * length as isize;
    assert!(peak < most, "{peak} bytes for a file of {length}");
    result.map(drop).map_err(|error| error.to_string())
}

static FIXTURES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with(".json"))
        .filter(|path| !path.to_string_lossy().ends_with(".py"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 29);
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
});

#[test]
fn every_truncation_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    for (name, bytes) in FIXTURES.iter() {
        fs::write(&path, bytes).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        for length in (0..bytes.len()).rev() {
            file.set_len(length as u64).unwrap();
            let error = try_read(&path, length);
            let error = error.expect_err(&format!("{} at {length}", name.display()));
            // The evil ones may be refused before their end is missed.
            let known = ["truncated", "unknown format", "empty file", "it holds code"];
            assert!(known.iter().any(|known| error.contains(known)), "{length}: {error}");
            assert!(error.contains("x.pth: "), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutations_do_no_harm(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of((any::<prop::sample::Index>(), 1usize..32)),
    ) {
        let (_, mut bytes) = FIXTURES[which.index(FIXTURES.len())].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some((at, length)) = cut {
            let at = at.index(bytes.len());
            bytes.drain(at..bytes.len().min(at + length));
        }
        let folder = tempfile::tempdir().unwrap();
        // Whether it is an error depends on what was hit.
        let _ = try_bytes(&folder.path().join("x.pth"), &bytes);
        prop_assert!(!Path::new("drs-checkpoint-ran-code").exists());
    }

    /// Most mutations of a zip fail its checksums; here the pickle is reached.
    #[test]
    fn mutated_pickles_do_no_harm(
        head in any::<bool>(),
        operations in prop::collection::vec(
            prop_oneof![
                // Opcodes, small numbers and pieces of real pickles.
                any::<u8>().prop_map(|byte| vec![byte]),
                prop::sample::select(
                    &b"().012NRQ]}abdeghjlopqrstuUXKMJILGFcCBT\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96"[..]
                ).prop_map(|byte| vec![byte]),
                prop::sample::select(vec![
                    &b"ctorch._utils\n_rebuild_tensor_v2\n"[..],
                    b"ccollections\nOrderedDict\n",
                    b"ctorch\nFloatStorage\n",
                    b"U\x07storage",
                    b"((U\x07storagectorch\nFloatStorage\nU\x011U\x03cpuK\x01tQK\x00)",
                    b"K\x01",
                    b"h\x00",
                    b"q\x00",
                ]).prop_map(<[u8]>::to_vec),
            ],
            0..60,
        ),
    ) {
        let mut bytes = Vec::new();
        if head {
            bytes.extend(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.");
        }
        bytes.extend(b"\x80\x02");
        bytes.extend(operations.concat());
        bytes.extend(b".]U\x011a.\x01\0\0\0\0\0\0\0abcd");
        let folder = tempfile::tempdir().unwrap();
        let _ = try_bytes(&folder.path().join("x.pth"), &bytes);
    }
}
