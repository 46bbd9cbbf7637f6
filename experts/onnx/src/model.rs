//! Loading and running the model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use drs_onnx_files::OnnxFile;
use drs_plugins_api::{
    Batch, Context, Error, ErrorKind, Manifest, Normalisation, Plugin, argmax, declared,
};
use rten::{Dimension, Model, ModelOptions, NodeId, RunOptions};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

use crate::config::Config;
use crate::guard::{self, Limits};
use crate::{limits, support};

/// Inputs per batch at which rten was fastest on small convolutional networks.
const PREFERRED_BATCH: usize = 64;

pub(crate) struct OnnxExpert {
    model: Arc<Model>,
    /// The model's, then those that hold its weights.
    files: Vec<PathBuf>,
    sigma: f64,
    shape: [usize; 3],
    classes: Vec<String>,
    normalisation: Option<Normalisation>,
}

impl Plugin for OnnxExpert {
    const NAME: &'static str = "onnx";
    type Config = Config;

    fn files(config: &Config, context: &Context) -> Result<Option<Vec<PathBuf>>, Error> {
        let path = context.resolve(&config.model);
        let data = match OnnxFile::read(&path, limits::memory())? {
            Some(file) => file.data_files(&path)?,
            None => Vec::new(),
        };
        Ok(Some(std::iter::once(path).chain(data).collect()))
    }

    fn open(config: Config, context: &Context) -> Result<Self, Error> {
        let path = context.resolve(&config.model);
        let file = OnnxFile::read(&path, limits::memory())?;
        let operators = file.as_ref().map(OnnxFile::operators).unwrap_or_default();
        let mut files = vec![path.clone()];
        if let Some(file) = file {
            files.extend(file.data_files(&path)?);
            file.check_sizes(&path)?;
            support::check(file.graph(), &path)?;
            file.check_rows(&path)?;
        }
        let failed = |problem: String| {
            Error::new(ErrorKind::Model, format!("{}: {problem}", path.display()))
        };
        let model = load(&path)?.map_err(|said| support::explain(&path, &operators, &said))?;
        let shape = input_shape(&model, context.shape()).map_err(failed)?;
        let outputs = outputs(&model).map_err(failed)?;
        let told = model.metadata();
        let sigma = declared::sigma(told.get("drs.sigma"), config.sigma)
            .map_err(|error| in_file(&path, error))?;
        let names = told.get("drs.classes");
        let classes = declared::classes(names, config.classes.as_ref(), outputs)
            .map_err(|error| in_file(&path, error))?;
        let (mean, std) = (config.mean.as_deref(), config.std.as_deref());
        let normalisation = Normalisation::from_config(mean, std, shape[0])?;
        let expert = Self { model: Arc::new(model), files, sigma, shape, classes, normalisation };
        expert.try_batches(&path)?;
        Ok(expert)
    }

    fn manifest(&self) -> Manifest {
        Manifest::new(self.sigma, self.shape, self.classes.clone(), PREFERRED_BATCH)
            // Calls share nothing but the weights.
            .concurrency(0)
            .files(self.files.clone())
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        argmax(&self.logits(batch)?, votes)
    }
}

impl OnnxExpert {
    /// The model's output, row after row.
    fn logits(&self, batch: &Batch<'_>) -> Result<Vec<f32>, Error> {
        let [_, height, width] = self.shape;
        let mut floats = Vec::new();
        batch.to_f32(&mut floats);
        if let Some(normalisation) = &self.normalisation {
            normalisation.apply(&mut floats, height * width);
        }
        // rten multiplies a single row by other code, with other roundings: one
        // input alone gets company, so that votes do not depend on batch sizes.
        let rows = batch.rows().max(2);
        floats.resize(rows * batch.values(), 0.0);
        let answer = self.run(rows, floats, limits::voting())?;
        let mut logits = answer.map_err(|said| Error::new(ErrorKind::Model, said))?;
        logits.truncate(batch.rows() * self.classes.len());
        Ok(logits)
    }

    /// Whether the model takes batches: one that was traced on one input may have kept its 1.
    fn try_batches(&self, path: &Path) -> Result<(), Error> {
        let values: usize = self.shape.iter().product();
        for rows in [2, 3] {
            let answer = self.run(rows, vec![0.5; rows * values], limits::opening())?;
            answer.map_err(|error| {
                let message = format!("{}: it does not run on {rows} inputs at once: {error}", path.display());
                let hint = "models that were traced on one input often work for one input only: export with an example of two, and a dynamic batch axis";
                Error::new(ErrorKind::Model, message).hint(hint)
            })?;
        }
        Ok(())
    }

    /// The model's output for this many rows of pixels, row after row, or what rten says.
    fn run(
        &self,
        rows: usize,
        floats: Vec<f32>,
        limits: Limits,
    ) -> Result<Result<Vec<f32>, String>, Error> {
        let (model, [channels, height, width]) = (Arc::clone(&self.model), self.shape);
        let expected = [rows, self.classes.len()];
        let run = guard::run(limits, move |pool| {
            let input = NdTensorView::from_data([rows, channels, height, width], &*floats);
            let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
            let output =
                model.run_one(input.into(), Some(options)).map_err(|error| error.to_string())?;
            let logits: NdTensor<f32, 2> = output
                .try_into()
                .map_err(|_| "the model's output is not [batch, classes] floats".to_owned())?;
            if logits.shape() != expected {
                return Err(format!("output of shape {:?}, expected {expected:?}", logits.shape()));
            }
            Ok(logits.to_vec())
        });
        let what = format!("a batch of {rows} inputs");
        run.map_err(|stopped| limits::error(&self.files[0], &what, stopped))
    }
}

/// The model, or what rten says of it.
fn load(path: &Path) -> Result<Result<Model, String>, Error> {
    let own = path.to_owned();
    let load = move || ModelOptions::with_all_ops().prepack_weights(true).load_file(own);
    guard::run_alone(limits::opening(), move || load().map_err(|error| error.to_string()))
        .map_err(|stopped| limits::error(path, "loading it", stopped))
}

fn in_file(path: &Path, error: Error) -> Error {
    let hinted = error.to_string();
    Error::new(error.kind(), format!("{}: {hinted}", path.display()))
}

/// A value of the graph by its name, and its shape if that is declared.
fn told(model: &Model, id: NodeId) -> String {
    let Some(node) = model.node_info(id) else { return "?".to_owned() };
    let name = node.name().unwrap_or("?");
    let Some(dims) = node.shape() else { return name.to_owned() };
    let dim = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Symbolic(name) => name.clone(),
    };
    format!("{name} [{}]", dims.iter().map(dim).collect::<Vec<_>>().join(", "))
}

/// Channels, height and width: the model's own where it fixes them.
fn input_shape(model: &Model, expected: [usize; 3]) -> Result<[usize; 3], String> {
    for (ids, kind) in [(model.input_ids(), "input"), (model.output_ids(), "output")] {
        if ids.len() != 1 {
            let found: Vec<String> = ids.iter().map(|&id| told(model, id)).collect();
            return Err(format!(
                "{} {kind}s found ({}), expected one: export the model with that {kind} alone, or cut the file (`onnx.utils.extract_model`)",
                found.len(),
                found.join(", ")
            ));
        }
    }
    // A model that does not declare its input takes what experts.toml says.
    let Some(dims) = model.input_shape(0) else { return Ok(expected) };
    let [batch, image @ ..] = dims.as_slice() else {
        return Err(
            "its input has no dimensions, expected [batch, channels, height, width]".to_owned()
        );
    };
    if image.len() != 3 {
        let found = dims.len();
        return Err(format!(
            "its input has {found} dimensions, expected [batch, channels, height, width]"
        ));
    }
    let [channels, height, width] = expected;
    let last = [height, width, channels].map(Dimension::Fixed);
    if image == last && expected != [height, width, channels] {
        return Err(format!(
            "its input is [batch, {height}, {width}, {channels}], channels last, expected [batch, {channels}, {height}, {width}]: export it with channels first (tf2onnx: `--inputs-as-nchw NAME`)"
        ));
    }
    if let Dimension::Fixed(size) = batch {
        return Err(format!(
            "its batch dimension is fixed at {size}, expected a dynamic one: export the model with a dynamic batch axis"
        ));
    }
    let mut shape = expected;
    for (own, dim) in shape.iter_mut().zip(image) {
        if let Dimension::Fixed(size) = dim {
            *own = *size;
        }
    }
    let values = shape.iter().try_fold(1u64, |all, &size| all.checked_mul(size as u64));
    let bytes = values.and_then(|values| values.checked_mul(size_of::<f32>() as u64));
    if bytes.is_none_or(|bytes| bytes > limits::memory()) {
        return Err(format!(
            "its input is [batch, {}, {}, {}], one of which is more than the budget of memory ({} MiB): expected {expected:?}",
            shape[0],
            shape[1],
            shape[2],
            limits::memory() >> 20
        ));
    }
    Ok(shape)
}

/// The number of classes, where the model declares it.
fn outputs(model: &Model) -> Result<Option<usize>, String> {
    let shape = model.node_info(model.output_ids()[0]).and_then(|node| node.shape());
    match shape.as_deref() {
        None => Ok(None),
        Some([_, Dimension::Fixed(classes)]) => Ok(Some(*classes)),
        Some([_, Dimension::Symbolic(_)]) => Ok(None),
        Some(dims) => {
            Err(format!("its output has {} dimensions, expected [batch, classes]", dims.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn example() -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "../../examples/fashion-mnist"].iter().collect()
    }

    fn open(model: &str) -> OnnxExpert {
        open_file(example().join(format!("{model}.onnx")), [1, 28, 28])
    }

    fn open_file(path: PathBuf, shape: [usize; 3]) -> OnnxExpert {
        let model = load(&path).unwrap().unwrap();
        let shape = input_shape(&model, shape).unwrap();
        let classes = vec![String::new(); outputs(&model).unwrap().unwrap()];
        OnnxExpert {
            model: Arc::new(model),
            files: vec![path],
            sigma: 1.0,
            shape,
            classes,
            normalisation: None,
        }
    }

    /// The first shipped images, on the lattice.
    fn images(count: usize) -> Vec<i16> {
        let folder = std::fs::read_dir(example().join("images")).unwrap();
        let mut paths: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let pixels = |path: &PathBuf| image::open(path).unwrap().into_luma8().into_raw();
        paths.iter().take(count).flat_map(pixels).map(i16::from).collect()
    }

    #[test]
    fn logits_are_pytorch_s() {
        let text = include_str!("../tests/logits.csv");
        let mut experts = HashMap::new();
        let lattice = images(8);
        let mut checked = 0;
        for row in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
            let mut fields = row.split(',');
            let (model, index) = (fields.next().unwrap(), fields.next().unwrap());
            let expected: Vec<f32> = fields.map(|logit| logit.parse().unwrap()).collect();
            let expert = experts.entry(model).or_insert_with(|| open(model));
            let batch = Batch::new(&lattice, 8, [1, 28, 28], 255).unwrap();
            let found = expert.logits(&batch).unwrap();
            let start = index.parse::<usize>().unwrap() * expected.len();
            for (found, expected) in found[start..].iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-3, "{model} {index}: {found} {expected}");
                checked += 1;
            }
        }
        assert_eq!(checked, 8 * (10 + 10 + 10 + 3));
    }

    #[test]
    fn logits_of_real_models_are_pytorch_s() {
        for reference in drs_tests::reference::all() {
            let shape = drs_tests::reference::SHAPE;
            let expert = open_file(reference.file("onnx"), shape);
            let rows = reference.logits.len() / expert.classes.len();
            let batch = Batch::new(&reference.lattice, rows, shape, 255).unwrap();
            let found = expert.logits(&batch).unwrap();
            assert_eq!(found.len(), reference.logits.len());
            let differences = found.iter().zip(&reference.logits).map(|(a, b)| (a - b).abs());
            // NaN is larger than everything here.
            let largest = differences.max_by(f32::total_cmp).unwrap();
            println!("{}.onnx: off by {largest:.1e}", reference.name);
            assert!(largest <= 1e-3, "{} is off by {largest}", reference.name);
        }
    }

    #[test]
    fn logits_do_not_depend_on_the_batch() {
        let expert = open("s025");
        let lattice = images(20);
        let whole = Batch::new(&lattice, 20, [1, 28, 28], 255).unwrap();
        let whole = expert.logits(&whole).unwrap();
        for size in [1, 3, 7] {
            for (part, logits) in lattice.chunks(size * 784).zip(whole.chunks(size * 10)) {
                let batch = Batch::new(part, part.len() / 784, [1, 28, 28], 255).unwrap();
                assert_eq!(expert.logits(&batch).unwrap(), logits, "batches of {size}");
            }
        }
    }
}
