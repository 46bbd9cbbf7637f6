//! The plugin.

use std::path::{Path, PathBuf};

use drs_onnx_files::{Adapter, OnnxFile};
use drs_plugins_api::{Batch, Context, Error, ErrorKind, Manifest, NativeRuntime, Plugin};

use crate::config::Config;
use crate::library;
use crate::provider::Provider;
use crate::sessions::Sessions;

/// Inputs per batch at which ONNX Runtime was fastest on small convolutional networks.
const PREFERRED_BATCH: usize = 64;

/// ONNX Runtime multiplies a single row by other code than several.
pub(crate) const LEAST: usize = 2;

/// Not measured: the libraries of devices choose their kernels by batch size.
const DEVICE_TOLERANCE: f64 = 0.01;

pub(crate) struct OrtExpert {
    sessions: Sessions,
    /// The model's, then those that hold its weights.
    files: Vec<PathBuf>,
    adapter: Adapter,
    provider: Provider,
}

impl Plugin for OrtExpert {
    const NAME: &'static str = "ort";
    type Config = Config;

    /// None that two plugins could not bring in two versions; but this comes first.
    fn native_runtime() -> Option<NativeRuntime> {
        library::quiet();
        None
    }

    fn files(config: &Config, context: &Context) -> Result<Option<Vec<PathBuf>>, Error> {
        let path = context.resolve(&config.file.model);
        let data = read(&path)?.data_files(&path)?;
        Ok(Some(std::iter::once(path).chain(data).collect()))
    }

    fn open(Config { file: config, own }: Config, context: &Context) -> Result<Self, Error> {
        let path = context.resolve(&config.model);
        let file = read(&path)?;
        let mut files = vec![path.clone()];
        files.extend(file.data_files(&path)?);
        file.check_sizes(&path)?;
        let budget = drs_memory::budget();
        let adapter = Adapter::new(&path, &file.signature(), &config, context.shape(), budget)?;
        file.check_rows(&path)?;
        let provider = own.provider;
        let sessions = Sessions::open(&path, own)?.map_err(|said| {
            let error = Error::new(ErrorKind::Model, format!("{}: {said}", path.display()));
            // What it says of kinds of numbers that it does not compute with.
            let lacks = ["Could not find an implementation", "Type Error"];
            if !lacks.iter().any(|words| said.contains(words)) {
                return error;
            }
            error.hint("convert the model to float32 or float16, or try plugin = \"onnx\"")
        })?;
        let run = |rows, floats| sessions.run(&adapter, rows, floats);
        if let Some(warning) = adapter.try_out(&path, run)? {
            context.warn(&warning);
        }
        Ok(Self { sessions, files, adapter, provider })
    }

    fn manifest(&self) -> Manifest {
        let manifest = self.adapter.manifest(PREFERRED_BATCH).files(self.files.clone());
        match self.provider {
            // Calls share nothing but the file.
            Provider::Cpu => manifest.concurrency(0),
            _ => manifest.tolerance(DEVICE_TOLERANCE),
        }
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        self.adapter.vote(batch, votes, LEAST, |rows, floats| {
            self.sessions.run(&self.adapter, rows, floats)
        })
    }
}

pub(crate) fn read(path: &Path) -> Result<OnnxFile, Error> {
    OnnxFile::read(path, drs_memory::budget())?.ok_or_else(|| {
        let message = format!("{}: the name does not end in .onnx", path.display());
        Error::new(ErrorKind::Model, message).hint("this plugin runs ONNX files")
    })
}
