//! Everything but pip and the real index, against a server on this machine.

mod server;

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use self::server::{Mood, Server};
use crate::cache::Cache;
use crate::download::{Downloader, Source, sha256};
use crate::index::{Index, join};
use crate::view::View;
use crate::wheels::Wheel;

const BINARY: &str = "application/octet-stream";
const JSON: &str = "application/vnd.pypi.simple.v1+json";

fn agent() -> ureq::Agent {
    // A proxy of the machine would not reach the server of the test.
    crate::http::config().proxy(None).build().into()
}

fn downloader() -> Downloader {
    let mut downloader = Downloader::new(agent());
    downloader.pause = Duration::from_millis(1);
    downloader
}

fn digest(content: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    sha256(file.path()).unwrap()
}

fn source(server: &Server, content: &[u8]) -> Source {
    Source { file: "a.whl".into(), url: server.url.clone(), sha256: digest(content) }
}

fn wheel(extra: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let files = [
        "torch/include/torch/script.h",
        "torch/lib/libtorch.so",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libc10.so",
        "torch/lib/libgomp.so.1",
        "nvidia/cu13/lib/libcudart.so.13",
        "nvidia/cu13/lib/libcupti.so.13",
        "nvidia/cu13/lib/libnvperf_host.so",
        "torch/nn/functional.py",
    ];
    for name in files.iter().chain(extra) {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn content() -> Vec<u8> {
    (0..400_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Downloads `content()` into a folder that holds the first `have` bytes of it.
fn download(mood: Mood, have: usize) -> (Result<PathBuf>, Server, TempDir) {
    let server = Server::start(BINARY, content(), mood);
    let folder = TempDir::new().unwrap();
    if have > 0 {
        fs::write(folder.path().join("a.whl.part"), &content()[..have]).unwrap();
    }
    let outcome = downloader().fetch(&source(&server, &content()), folder.path());
    (outcome, server, folder)
}

#[test]
fn downloads_end_with_the_whole_file() {
    let cases: [(Mood, usize, &[&str]); 6] = [
        (Mood::Good, 0, &[""]),
        (Mood::Good, 1000, &["bytes=1000-"]),
        // Complete, but the process was killed before it was verified.
        (Mood::Good, 400_000, &["bytes=400000-"]),
        (Mood::NoRange, 1000, &["bytes=1000-"]),
        (Mood::CutFirst, 0, &["", "bytes=200000-"]),
        (Mood::CutFirst, 200_000, &["bytes=200000-", "bytes=300000-"]),
    ];
    for (mood, have, requests) in cases {
        let (outcome, server, folder) = download(mood, have);
        assert!(fs::read(outcome.unwrap()).unwrap() == content());
        assert_eq!(server.seen(), requests);
        assert_eq!(names(folder.path()), ["a.whl"]);
    }
}

#[test]
fn a_missing_file_is_not_tried_again() {
    let (outcome, server, _folder) = download(Mood::NotFound, 0);
    assert!(format!("{:#}", outcome.unwrap_err()).contains("404"));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_server_that_is_gone_is_tried_a_few_times() {
    let folder = TempDir::new().unwrap();
    // Port 1 is a privileged one where nobody listens.
    let source =
        Source { file: "a.whl".into(), url: "http://127.0.0.1:1/a".into(), sha256: String::new() };
    let error = format!("{:#}", downloader().fetch(&source, folder.path()).unwrap_err());
    assert!(error.contains("a.whl: the download failed 5 times"), "{error}");
}

#[test]
fn a_wrong_hash_is_an_error_and_leaves_no_file() {
    let server = Server::start(BINARY, content(), Mood::Good);
    let folder = TempDir::new().unwrap();
    let source = source(&server, b"other");
    let error = format!("{:#}", downloader().fetch(&source, folder.path()).unwrap_err());
    for part in ["a.whl", &digest(&content()), &source.sha256] {
        assert!(error.contains(part), "{error}");
    }
    assert!(names(folder.path()).is_empty());
}

fn provide(root: &Path, server: &Server, content: &[u8]) -> Result<PathBuf> {
    let cache = Cache::new(root.to_owned());
    cache.provide(View::Cpu, |folder| {
        Ok(vec![downloader().fetch(&source(server, content), folder)?])
    })
}

#[test]
fn a_view_holds_what_it_needs() {
    let root = TempDir::new().unwrap();
    let server = Server::start(BINARY, wheel(&[]), Mood::Good);
    let folder = provide(root.path(), &server, &wheel(&[])).unwrap();
    let libraries = [
        "libc10.so",
        "libcudart.so.13",
        "libcupti.so.13",
        "libgomp.so",
        "libgomp.so.1",
        "libtorch.so",
        "libtorch_cpu.so",
    ];
    assert_eq!(names(&folder.join("lib")), libraries);
    assert_eq!(fs::read(folder.join("lib/libtorch.so")).unwrap(), b"torch/lib/libtorch_cpu.so");
    assert_eq!(names(&folder), [".drs-complete", "build-version", "include", "lib"]);
    assert!(names(&root.path().join("downloads")).is_empty());
    crate::folder::check_given(&folder).unwrap();
}

#[test]
fn two_at_once_download_once() {
    let root = TempDir::new().unwrap();
    let content = wheel(&[]);
    let server = Server::start(BINARY, content.clone(), Mood::Good);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| provide(root.path(), &server, &content).unwrap());
        }
    });
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn an_incomplete_view_is_made_again() {
    let root = TempDir::new().unwrap();
    let server = Server::start(BINARY, wheel(&[]), Mood::Good);
    // What a killed run leaves.
    let leftover = root.path().join("libtorch-2.11.0-cpu.unpacking");
    fs::create_dir_all(leftover.join("lib")).unwrap();
    fs::write(leftover.join("lib/libc10.so"), "half").unwrap();
    let folder = provide(root.path(), &server, &wheel(&[])).unwrap();
    let names_now = ["downloads", "libtorch-2.11.0-cpu", "libtorch.lock"];
    for (lost, requests) in [(".drs-complete", 2), ("lib/libc10.so", 3), ("README", 3)] {
        let _ = fs::remove_file(folder.join(lost));
        provide(root.path(), &server, &wheel(&[])).unwrap();
        assert_eq!(server.seen().len(), requests, "{lost}");
        assert_eq!(names(root.path()), names_now);
        assert_eq!(fs::read(folder.join("lib/libc10.so")).unwrap(), b"torch/lib/libc10.so");
    }
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    for name in ["torch/include/../../../evil.h", "/torch/include/evil.h", "torch/include/..\\e.h"]
    {
        let root = TempDir::new().unwrap();
        let content = wheel(&[name]);
        let server = Server::start(BINARY, content.clone(), Mood::Good);
        let error = format!("{:#}", provide(root.path(), &server, &content).unwrap_err());
        assert!(error.contains("expected one inside the wheel"), "{error}");
        assert!(!root.path().join("evil.h").exists());
        assert!(!root.path().join("libtorch-2.11.0-cpu").exists());
    }
}

#[test]
fn a_given_folder_is_checked() {
    let folder = TempDir::new().unwrap();
    let error = || format!("{:#}", crate::folder::check_given(folder.path()).unwrap_err());
    let library =
        format!("lib/{}torch_cpu{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let add = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    assert!(error().contains(&library), "{}", error());
    add(&library, "");
    assert!(error().contains("no include/torch/script.h"), "{}", error());
    add("include/torch/script.h", "");
    crate::folder::check_given(folder.path()).unwrap();
    add("version.py", "from typing import Optional\n__version__ = '2.12.0+cu130'\n");
    assert!(error().contains("found version 2.12.0, expected 2.11.0"), "{}", error());
    add("version.py", "__version__ = '2.11.0+cu130'\ndebug = False\n");
    crate::folder::check_given(folder.path()).unwrap();
    add("build-version", "2.1.0\n");
    assert!(error().contains("found version 2.1.0"), "{}", error());
    add("build-version", "2.11.0+cpu\n");
    crate::folder::check_given(folder.path()).unwrap();
}

#[test]
fn the_index_is_asked_for_the_address() {
    let page = r#"{"files": [{"filename": "b.whl", "url": "x"},
        {"filename": "a.whl", "url": "../../files/a.whl#sha256=12", "hashes": {"sha256": "12"}}]}"#;
    let server = Server::start(JSON, page.into(), Mood::Good);
    let index = Index::new(server.url.clone());
    let locate = |file, sha256| index.locate(&agent(), &Wheel { project: "torch", file, sha256 });
    let host = server.url.trim_end_matches("/a");
    assert_eq!(locate("a.whl", "12").unwrap().url, format!("{host}/files/a.whl"));
    assert!(format!("{:#}", locate("a.whl", "34").err().unwrap()).contains("expected 34"));
    assert!(format!("{:#}", locate("c.whl", "12").err().unwrap()).contains("no file c.whl"));
    let server = Server::start("text/html", "<html>".into(), Mood::Good);
    let wheel = Wheel { project: "torch", file: "a.whl", sha256: "12" };
    let error = Index::new(server.url).locate(&agent(), &wheel).err().unwrap();
    assert!(format!("{error:#}").contains("found text/html"), "{error:#}");
}

#[test]
fn links_are_relative_to_the_page() {
    let page = "http://h:1/simple/torch/";
    for (link, url) in [
        ("https://g/x.whl#sha256=1", "https://g/x.whl"),
        ("/f/x.whl", "http://h:1/f/x.whl"),
        ("x.whl", "http://h:1/simple/torch/x.whl"),
        ("../../f/x.whl", "http://h:1/f/x.whl"),
    ] {
        assert_eq!(join(page, link).unwrap(), url);
    }
}

#[test]
fn arguments_choose_the_view() {
    let choose = |args: &[&str], gpu| crate::choose(args.iter().map(|&arg| arg.to_owned()), gpu);
    assert_eq!(choose(&[], false).unwrap(), Some(View::Cpu));
    assert_eq!(choose(&[], true).unwrap(), Some(View::Cuda));
    assert_eq!(choose(&["--cpu"], true).unwrap(), Some(View::Cpu));
    assert_eq!(choose(&["--cuda"], false).unwrap(), Some(View::Cuda));
    assert_eq!(choose(&["--help"], false).unwrap(), None);
    assert_eq!(choose(&["--onnxruntime"], true).unwrap(), Some(View::OnnxRuntime));
    assert!(choose(&["--cpu", "--cuda"], false).is_err());
    assert!(choose(&["x"], false).is_err());
}

#[test]
fn onnx_runtime_is_its_libraries_alone() {
    let place = |file| View::OnnxRuntime.place(file);
    let library = Path::new("lib").join("libonnxruntime.so.1.32.0");
    assert_eq!(place("onnxruntime/capi/libonnxruntime.so.1.32.0").as_ref(), Some(&library));
    assert_eq!(place("onnxruntime/capi/onnxruntime_pybind11_state.so"), None);
    assert_eq!(View::OnnxRuntime.folder(), "onnxruntime-1.32.0-cpu");
    assert!(View::OnnxRuntime.needed().contains(&library));
}

#[test]
fn the_cuda_view_takes_every_library() {
    let place = |file| View::Cuda.place(file);
    let lib = |name| Some(Path::new("lib").join(name));
    assert_eq!(place("torch/lib/libtorch_cuda.so"), lib("libtorch_cuda.so"));
    assert_eq!(place("nvidia/cudnn/lib/libcudnn.so.9"), lib("libcudnn.so.9"));
    assert_eq!(place("nvidia/cu13/include/cuda.h"), None);
    assert_eq!(place("torch/_C.cpython-311-x86_64-linux-gnu.so"), None);
    assert_eq!(place("functorch/lib/x.so"), None);
    assert_eq!((View::Cpu.wheels().count(), View::Cuda.wheels().count()), (3, 16));
    assert!(View::Cuda.wheels().all(|wheel| wheel.sha256.len() == 64));
}
