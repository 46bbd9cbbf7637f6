//! Loading and running the model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use drs_onnx_files::{Adapter, Answer, Config, Dim, Element, OnnxFile, Port, Signature};
use drs_plugins_api::{Batch, Context, Error, ErrorKind, Manifest, Plugin};
use rten::{Dimension, Model, ModelOptions, NodeId, RunOptions, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{Tensor, TensorView};

use crate::guard::{self, Limits};
use crate::{limits, support};

/// Inputs per batch at which rten was fastest on small convolutional networks.
const PREFERRED_BATCH: usize = 64;

/// rten multiplies a single row by other code than several.
const LEAST: usize = 2;

pub(crate) struct OnnxExpert {
    model: Arc<Model>,
    input: NodeId,
    output: NodeId,
    /// The model's, then those that hold its weights.
    files: Vec<PathBuf>,
    adapter: Adapter,
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
        let adapter = |told: &Signature| {
            Adapter::new(&path, told, &config, context.shape(), limits::memory())
        };
        let mut files = vec![path.clone()];
        let (model, adapter) = match OnnxFile::read(&path, limits::memory())? {
            Some(file) => {
                files.extend(file.data_files(&path)?);
                file.check_sizes(&path)?;
                let adapter = adapter(&file.signature())?;
                support::check(file.graph(), &path)?;
                file.check_rows(&path)?;
                let operators = file.operators();
                let explained = |said: String| support::explain(&path, &operators, &said);
                (load(&path)?.map_err(explained)?, adapter)
            }
            // rten's own format.
            None => {
                let failed =
                    |said| Error::new(ErrorKind::Model, format!("{}: {said}", path.display()));
                let model = load(&path)?.map_err(failed)?;
                let adapter = adapter(&signature(&model))?;
                (model, adapter)
            }
        };
        let node = |name: &str| {
            model.node_id(name).map_err(|error| {
                Error::new(ErrorKind::Model, format!("{}: {error}", path.display()))
            })
        };
        let (input, output) = (node(adapter.input())?, node(adapter.output())?);
        let expert = Self { model: Arc::new(model), input, output, files, adapter };
        let run = |rows, floats| expert.run(rows, floats, limits::opening());
        if let Some(warning) = expert.adapter.try_out(&path, run)? {
            context.warn(&warning);
        }
        Ok(expert)
    }

    fn manifest(&self) -> Manifest {
        // Calls share nothing but the weights.
        self.adapter.manifest(PREFERRED_BATCH).concurrency(0).files(self.files.clone())
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        self.adapter
            .vote(batch, votes, LEAST, |rows, floats| self.run(rows, floats, limits::voting()))
    }
}

impl OnnxExpert {
    /// The model's output for so many rows, or what rten says.
    fn run(&self, rows: usize, floats: Vec<f32>, limits: Limits) -> Result<Answer, Error> {
        let (model, input, output) = (Arc::clone(&self.model), self.input, self.output);
        let dims = self.adapter.dims(rows);
        let run = guard::run(limits, move |pool| {
            let input = (input, ValueOrView::from(TensorView::from_data(&*dims, &*floats)));
            let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
            let outputs = model.run(vec![input], &[output], Some(options));
            let output = outputs.map_err(|error| error.to_string())?.into_iter().next();
            let answer: Tensor<f32> = output
                .and_then(|output| output.try_into().ok())
                .ok_or_else(|| "the model's output is not a tensor of floats".to_owned())?;
            Ok((answer.shape().to_vec(), answer.to_vec()))
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

/// What a model says that is no ONNX file.
fn signature(model: &Model) -> Signature {
    let port = |&id: &NodeId| {
        let node = model.node_info(id);
        let name = node.as_ref().and_then(|node| node.name()).unwrap_or_default().to_owned();
        let dims = node.and_then(|node| node.shape());
        let dim = |dim| match dim {
            Dimension::Fixed(size) => Dim::Fixed(size),
            Dimension::Symbolic(name) => Dim::Free(name),
        };
        let dims = dims.map(|dims| dims.into_iter().map(dim).collect());
        Port { name, element: Element::Unknown, dims }
    };
    let metadata = ["drs.sigma", "drs.classes"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), model.metadata().get(name)?.to_owned())));
    Signature {
        inputs: model.input_ids().iter().map(port).collect(),
        outputs: model.output_ids().iter().map(port).collect(),
        metadata: metadata.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::HashMap;

    fn example() -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "../../examples/fashion-mnist"].iter().collect()
    }

    fn open(model: &str) -> OnnxExpert {
        open_file(example().join(format!("{model}.onnx")), [1, 28, 28], json!({}))
    }

    fn open_file(path: PathBuf, shape: [usize; 3], mut config: Value) -> OnnxExpert {
        config["model"] = json!(path);
        let config = serde_json::from_value(config).unwrap();
        let signature = OnnxFile::read(&path, u64::MAX).unwrap().unwrap().signature();
        let adapter = Adapter::new(&path, &signature, &config, shape, u64::MAX).unwrap();
        let model = load(&path).unwrap().unwrap();
        let (input, output) = (model.input_ids()[0], model.output_ids()[0]);
        OnnxExpert { model: Arc::new(model), input, output, files: vec![path], adapter }
    }

    fn logits(expert: &OnnxExpert, batch: &Batch<'_>) -> Vec<f32> {
        let run = |rows, floats| expert.run(rows, floats, limits::voting());
        expert.adapter.scores(batch, LEAST, run).unwrap()
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
            let found = logits(expert, &batch);
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
            let expert = open_file(reference.file("onnx"), shape, json!({}));
            let rows = reference.logits.len() / 10;
            let batch = Batch::new(&reference.lattice, rows, shape, 255).unwrap();
            let found = logits(&expert, &batch);
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
        let whole = logits(&expert, &whole);
        for size in [1, 3, 7] {
            for (part, expected) in lattice.chunks(size * 784).zip(whole.chunks(size * 10)) {
                let batch = Batch::new(part, part.len() / 784, [1, 28, 28], 255).unwrap();
                assert_eq!(logits(&expert, &batch), expected, "batches of {size}");
            }
        }
    }
}
