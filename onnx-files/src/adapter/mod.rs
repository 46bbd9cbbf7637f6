//! Between batches of drs and a model: which input and output, in which order and number.
//!
//! A runtime runs the model; all that does not depend on which one it is, is here. Everything
//! that can be known of a file is said when the adapter is made.

mod input;
mod output;
#[cfg(test)]
mod tests;

use std::path::Path;

use drs_plugins_api::{Batch, Error, ErrorKind, Manifest, Normalisation, declared};

use crate::config::Config;
use crate::refusal::Refusal;
use crate::signature::{Dim, Element, Signature};
use input::Order;
use output::Reading;

/// The two lines that make an export take any number of inputs.
fn dynamic([channels, height, width]: [usize; 3]) -> String {
    format!(
        "export it with a dynamic batch axis: batch = torch.export.Dim(\"batch\"); torch.onnx.export(model, (torch.rand(2, {channels}, {height}, {width}),), \"model.onnx\", dynamic_shapes=({{0: batch}},))"
    )
}

/// The dimensions and the values of an output, or what the runtime says of a model that it could
/// not run.
pub type Answer = Result<(Vec<usize>, Vec<f32>), String>;

/// How a model is asked, and how its answers are read.
#[derive(Debug)]
pub struct Adapter {
    input: String,
    element: Element,
    output: String,
    shape: [usize; 3],
    order: Order,
    /// Inputs in every run, where the file fixes it.
    fixed: Option<usize>,
    sigma: f64,
    classes: Vec<String>,
    reading: Reading,
    normalisation: Option<Normalisation>,
}

impl Adapter {
    /// Puts together what the file says, the configuration and the `expected` shape of the host's
    /// inputs: channels, height, width. Inputs may not be larger than `budget` bytes.
    ///
    /// # Errors
    /// Names what does not fit, in the file or the configuration.
    pub fn new(
        path: &Path,
        signature: &Signature,
        config: &Config,
        expected: [usize; 3],
        budget: u64,
    ) -> Result<Self, Error> {
        let refused = |refusal: Refusal| refusal.of(path);
        let port = input::the_one(signature).map_err(refused)?;
        let (shape, order) = input::layout(port, config.layout, expected).map_err(refused)?;
        let fixed = input::fixed_batch(port, shape).map_err(refused)?;
        input::affordable(shape, fixed, budget).map_err(refused)?;
        let answer = output::the_one(signature, config.output.as_deref()).map_err(refused)?;
        let told = |name: &str| signature.metadata.get(name).map(String::as_str);
        let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
        let sigma = declared::sigma(told("drs.sigma"), config.sigma).map_err(named)?;
        let reading = output::reading(answer, config.threshold).map_err(refused)?;
        let classes =
            declared::classes(told("drs.classes"), config.classes.as_ref(), reading.classes())
                .map_err(named)?;
        let (mean, std) = (config.mean.as_deref(), config.std.as_deref());
        let normalisation = Normalisation::from_config(mean, std, shape[0])?;
        Ok(Self {
            input: port.name.clone(),
            element: port.element,
            output: answer.name.clone(),
            shape,
            order,
            fixed,
            sigma,
            classes,
            reading,
            normalisation,
        })
    }

    /// The name of the input.
    #[must_use]
    pub fn input(&self) -> &str {
        &self.input
    }

    /// What the input's values are: floats of some size.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// The name of the output.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The dimensions of an input of so many rows.
    #[must_use]
    pub fn dims(&self, rows: usize) -> Vec<usize> {
        self.order.dims(rows, self.shape)
    }

    /// What the host is to know; `batch` is the number of inputs at which the runtime is fast.
    #[must_use]
    pub fn manifest(&self, batch: usize) -> Manifest {
        let batch = self.fixed.filter(|&fixed| fixed > 1).unwrap_or(batch);
        Manifest::new(self.sigma, self.shape, self.classes.clone(), batch)
    }

    /// Votes on a batch, from its [scores](Self::scores).
    ///
    /// # Errors
    /// As those; or if a score is not finite.
    pub fn vote(
        &self,
        batch: &Batch<'_>,
        votes: &mut [u32],
        least: usize,
        run: impl FnMut(usize, Vec<f32>) -> Result<Answer, Error>,
    ) -> Result<(), Error> {
        self.reading.vote(&self.scores(batch, least, run)?, self.classes.len(), votes)
    }

    /// The model's scores for the inputs that count, row after row. `run` takes a number of rows and
    /// the values of so many inputs. It is asked for at least `least` rows: a runtime may multiply a
    /// single row by other code, with other roundings, and votes must not depend on their company.
    ///
    /// # Errors
    /// If a run fails or its output is not what the file declares.
    pub fn scores(
        &self,
        batch: &Batch<'_>,
        least: usize,
        mut run: impl FnMut(usize, Vec<f32>) -> Result<Answer, Error>,
    ) -> Result<Vec<f32>, Error> {
        let [_, height, width] = self.shape;
        let mut floats = Vec::new();
        batch.to_f32(&mut floats);
        if let Some(normalisation) = &self.normalisation {
            normalisation.apply(&mut floats, height * width);
        }
        let mut floats = self.order.arranged(floats, self.shape);
        let values = batch.values();
        let rows = self.fixed.unwrap_or_else(|| batch.rows().max(least));
        floats.resize(batch.rows().next_multiple_of(rows) * values, 0.0);
        let mut scores = Vec::new();
        for floats in floats.chunks_exact(rows * values) {
            let failed = |said| Error::new(ErrorKind::Model, said);
            let (dims, answer) = run(rows, floats.to_vec())?.map_err(failed)?;
            self.reading.fit(&dims, answer.len(), rows, self.classes.len()).map_err(failed)?;
            scores.extend(answer);
        }
        scores.truncate(batch.rows() * self.reading.each(self.classes.len()));
        Ok(scores)
    }

    /// Runs the model on a few grey inputs: one that was traced on one input may have kept its 1.
    /// Gives what its user should know before waiting for it, if there is such a thing.
    ///
    /// # Errors
    /// If it does not run on several inputs, or its output is not what the file declares.
    pub fn try_out(
        &self,
        path: &Path,
        mut run: impl FnMut(usize, Vec<f32>) -> Result<Answer, Error>,
    ) -> Result<Option<String>, Error> {
        let sizes = self.fixed.map_or_else(|| vec![2, 3], |fixed| vec![fixed]);
        for rows in sizes {
            if let Err(said) = self.tried(rows, &mut run)? {
                // Exported for one input, or broken?
                let alone = rows > 1 && self.tried(1, &mut run)?.is_ok();
                let path = path.display();
                let message = format!("{path}: it does not run on {rows} inputs at once: {said}");
                let hint = "models that were traced on one input often work for one input only: ";
                let hint =
                    if alone { hint.to_owned() + &dynamic(self.shape) } else { String::new() };
                return Err(Error::new(ErrorKind::Model, message).hint(hint));
            }
        }
        let path = path.display();
        Ok((self.fixed == Some(1)).then(|| {
            let remedy = dynamic(self.shape);
            format!("{path}: its batch is fixed at 1, so it runs input by input, which is slow: {remedy}")
        }))
    }

    /// Whether the model answers a few grey inputs with an output that fits.
    fn tried(
        &self,
        rows: usize,
        run: &mut impl FnMut(usize, Vec<f32>) -> Result<Answer, Error>,
    ) -> Result<Result<(), String>, Error> {
        let values: usize = self.shape.iter().product();
        let fit = |(dims, answer): (Vec<usize>, Vec<f32>)| {
            self.reading.fit(&dims, answer.len(), rows, self.classes.len())
        };
        Ok(run(rows, vec![0.5; rows * values])?.and_then(fit))
    }
}
