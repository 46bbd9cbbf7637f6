//! What the end-to-end tests share: the real binary, run in a folder of its own.

pub mod reference;
pub mod third_party;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Everything that the tests run or load.
const PACKAGES: [&str; 9] = [
    "drs-smoothing",
    "drs-expert-onnx",
    "drs-expert-ort",
    "drs-expert-halfspace",
    "drs-expert-misbehaving",
    "drs-expert-other-version",
    "drs-expert-other-layout",
    "drs-expert-no-plugin",
    "drs-expert-needs-library",
];

/// What needs libtorch: built for the tests that use it only.
const TORCH_PACKAGES: [&str; 3] = ["drs-expert-torch", "drs-expert-other-libtorch", "drs-train"];

/// The folder with the binary and the plugins, built on first use.
///
/// # Panics
/// If they do not build.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&PACKAGES))
}

/// The same, with the torch plugin and drs-train.
///
/// # Panics
/// If it does not build: it needs `LIBTORCH`, which `cargo xtask test` sets.
pub fn built_torch() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&TORCH_PACKAGES));
    built()
}

fn build(packages: &[&str]) -> PathBuf {
    // target/<profile>/deps/<this test>
    let exe = std::env::current_exe().expect("a running test has a path");
    let folder = exe.parent().and_then(Path::parent).expect("target/<profile>").to_owned();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("build").current_dir(root());
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    // What cargo told this test of its package. Build scripts that watch it would run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    if std::env::var_os("LIBTORCH").is_some() {
        // Just what `cargo test --workspace` has built, and little beside it. Packages alone would
        // ask for other features of what they depend on, and so for all of it once more.
        cargo.args(["--workspace", "--lib", "--bins", "--tests"]);
    } else {
        packages.iter().for_each(|package| {
            cargo.args(["--package", package]);
        });
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the binary and the plugins must build");
    folder
}

/// Says that a test does nothing, and why. Written past the test harness, which
/// would keep it to itself.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// The folder of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The shipped example.
#[must_use]
pub fn example() -> PathBuf {
    root().join("examples/fashion-mnist")
}

/// The example's images with their labels, in order.
///
/// # Panics
/// If labels.csv is not readable.
#[must_use]
pub fn example_images() -> Vec<(PathBuf, usize)> {
    let text = std::fs::read_to_string(example().join("labels.csv")).expect("labels.csv");
    let row = |line: &str| {
        let mut fields = line.split(',');
        let image = example().join(fields.next().expect("an image"));
        (image, fields.next().and_then(|label| label.parse().ok()).expect("a label"))
    };
    text.lines().skip(1).map(row).collect()
}

/// What a run of the binary gave.
#[derive(Debug)]
pub struct Run {
    /// Exit code; −1 if it was killed.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    command: String,
}

impl Run {
    /// Asserts success and returns standard output.
    #[track_caller]
    #[must_use]
    pub fn succeeds(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.stdout
    }

    /// Asserts an exit code and that standard error says each of `words`.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self}");
        for word in words {
            assert!(self.stderr.contains(word), "stderr lacks \"{word}\"\n{self}");
        }
        // Fixtures may be asked to panic; the host must not.
        let mut panics = self.stderr.lines().filter(|line| line.contains("panicked at"));
        assert!(panics.all(|line| line.contains("tests/fixtures")), "{self}");
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr, command } = self;
        write!(f, "{command}\nexit code {code}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}

/// A folder of its own in which to run the binary.
#[derive(Debug)]
pub struct Place(TempDir);

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// An empty folder.
    ///
    /// # Panics
    /// If there is none to be had.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file in it.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        std::fs::write(&path, contents).expect("a file");
        path
    }

    /// Reads a file in it.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `drs` in it with arguments separated by blanks.
    ///
    /// # Panics
    /// If the binary cannot be started.
    #[must_use]
    pub fn drs(&self, args: &str) -> Run {
        self.drs_with(args, &[])
    }

    /// Runs `drs` with further arguments that may hold blanks.
    ///
    /// # Panics
    /// If the binary cannot be started.
    #[must_use]
    pub fn drs_with(&self, args: &str, more: &[&Path]) -> Run {
        Self::run(self.command(args, more))
    }

    /// Runs a line of the shell in the folder.
    ///
    /// # Panics
    /// If there is no shell.
    #[must_use]
    pub fn shell(&self, line: &str) -> Run {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.0.path()).env_remove("DRS_PLUGIN_PATH");
        Self::run(command)
    }

    fn run(mut command: Command) -> Run {
        let output = command.output().expect("the binary starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            command: format!("{command:?}"),
        }
    }

    /// The same, not started yet.
    #[must_use]
    pub fn command(&self, args: &str, more: &[&Path]) -> Command {
        let mut command = Command::new(built().join("drs"));
        command.args(args.split_whitespace()).args(more).current_dir(self.0.path());
        command.env_remove("DRS_PLUGIN_PATH");
        command
    }

    /// Writes `{split}-images-idx3-ubyte` and its labels into folder `name`.
    pub fn write_idx(&self, name: &str, shape: [u32; 2], inputs: &[(Vec<u8>, u8)]) {
        let head = |magic: u32, dims: &[u32]| -> Vec<u8> {
            std::iter::once(&magic).chain(dims).flat_map(|word| word.to_be_bytes()).collect()
        };
        let count = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
        let mut images = head(0x0803, &[count, shape[0], shape[1]]);
        images.extend(inputs.iter().flat_map(|(image, _)| image));
        let mut labels = head(0x0801, &[count]);
        labels.extend(inputs.iter().map(|(_, label)| label));
        self.write(&format!("{name}/t10k-images-idx3-ubyte"), images);
        self.write(&format!("{name}/t10k-labels-idx1-ubyte"), labels);
    }
}

/// The `experts.toml` of a pool of halfspace experts.
#[derive(Debug, Clone)]
pub struct Halfspaces {
    /// Shape of the inputs.
    pub shape: [usize; 3],
    /// Name, sigma, which value decides, threshold in pixel steps.
    pub experts: Vec<(&'static str, f64, usize, f64)>,
    /// Sigma, which value decides, rising thresholds in pixel steps.
    pub router: Option<(f64, usize, Vec<f64>)>,
}

impl Halfspaces {
    /// Two experts on the first value, a router on the second.
    #[must_use]
    pub fn pair() -> Self {
        Self {
            shape: [1, 2, 2],
            experts: vec![("near", 0.25, 0, 99.5), ("far", 0.5, 0, 119.5)],
            router: Some((0.5, 1, vec![127.5])),
        }
    }

    /// The text of experts.toml.
    #[must_use]
    pub fn toml(&self) -> String {
        let [c, h, w] = self.shape;
        let mut toml = format!("[input]\nshape = [{c}, {h}, {w}]\nquantum = \"1/255\"\n");
        let config = |sigma: f64, value: usize, steps: &[f64], classes: &[&str]| {
            let weights: Vec<f64> =
                (0..c * h * w).map(|i| if i == value { 1.0 } else { 0.0 }).collect();
            let thresholds: Vec<f64> = steps.iter().map(|step| step / 255.0).collect();
            format!(
                "plugin = \"halfspace\"\nconfig = {{ sigma = {sigma:?}, weights = {weights:?}, thresholds = {thresholds:?}, classes = {classes:?} }}\n"
            )
        };
        if let Some((sigma, value, steps)) = &self.router {
            let names: Vec<&str> = self.experts.iter().map(|expert| expert.0).collect();
            let _ = write!(toml, "[router]\n{}", config(*sigma, *value, steps, &names));
        }
        for (name, sigma, value, step) in &self.experts {
            let config = config(*sigma, *value, &[*step], &["low", "high"]);
            let _ = write!(toml, "[[expert]]\nname = \"{name}\"\n{config}");
        }
        toml
    }
}

/// Takes out `time` and `latency`.
fn without_times<T>(fields: &mut Vec<T>) {
    fields.remove(11);
    fields.remove(5);
}

/// Both result files of a run without their times, and what the run is.
///
/// # Panics
/// If one is not there, or has no times.
#[must_use]
pub fn results_without_time(place: &Place, name: &str) -> [String; 3] {
    let table: String = place
        .read(&format!("{name}.tsv"))
        .lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split('\t').collect();
            without_times(&mut fields);
            fields.join("\t") + "\n"
        })
        .collect();
    let records: String = place
        .read(&format!("{name}.jsonl"))
        .lines()
        .map(|line| {
            let (before, rest) = line.split_once("\"time\":").expect("a time");
            let (_, rest) = rest.split_once("\"latency\":").expect("a latency behind it");
            let (_, after) = rest.split_once(',').expect("more behind it");
            format!("{before}{after}\n")
        })
        .collect();
    // The description of the run names its table.
    let run = place.read(&format!("{name}.run.json"));
    [table, records, run.replace(&format!("\"{name}.tsv\""), "the table")]
}

/// A TSV file as rows of fields, without the header and the columns of times.
///
/// # Panics
/// If a row lacks these columns.
#[must_use]
pub fn rows_without_time(tsv: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        without_times(&mut fields);
        fields
    };
    tsv.lines().skip(1).map(row).collect()
}
