//! The inputs that records are about, read again.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow, bail};
use drs_analysis::{Entry, Record};
use drs_core::certificate::InputRecord;
use drs_core::lattice::LatticeInput;
use drs_core::verify::{Rejection, difference};
use drs_data::{Dataset, InputSpec, read_image};
use drs_router::Config;

use super::Judged;
use super::replay::Bench;
use crate::args::InputArgs;
use crate::data;
use crate::usage::wrong_usage;

/// Where inputs are read from.
pub(super) struct Inputs<'a> {
    args: &'a InputArgs,
    /// From experts.toml; without it a record's own shape and step must do.
    spec: Option<InputSpec>,
    /// What the models call their classes, where they are open.
    classes: Option<Vec<String>>,
    /// Opened for the first record: it may be needed to tell what inputs look like.
    data: OnceLock<Result<Dataset, String>>,
}

/// A record's input.
pub(super) struct Found {
    pub(super) input: LatticeInput,
    /// Whether the record's label is that of the data.
    pub(super) labelled: bool,
}

impl<'a> Inputs<'a> {
    /// `None` where neither data nor a replay is asked for.
    pub(super) fn open(args: &'a InputArgs, bench: Option<&Bench>) -> anyhow::Result<Option<Self>> {
        if args.data.is_none() && bench.is_none() {
            if args.experts.is_some() {
                wrong_usage!("--experts is for --replay and for --data: give one of them too");
            }
            return Ok(None);
        }
        let spec = args.experts.as_deref().map(Config::read).transpose()?;
        let spec = spec.map(|config| config.input);
        let classes = bench.map(|bench| bench.classes().to_vec());
        Ok(Some(Self { args, spec, classes, data: OnceLock::new() }))
    }

    /// Reads the input of a record that [follows](Entry::verify), and compares digest and label.
    pub(super) fn find(&self, entry: &Entry) -> Judged<Found> {
        let Some(provenance) = &entry.certificate().provenance else {
            bail!("a record without its input was accepted");
        };
        let stated = &provenance.input;
        let own = InputSpec { shape: stated.shape, quantum: stated.quantum, resize: None };
        let spec = self.spec.unwrap_or(own);
        let found = match entry {
            Entry::Record(record) => self.example(record, spec)?,
            Entry::Answer(answer) => {
                let image = read_image(Path::new(&*answer.image), spec)
                    .context("images are looked for where their records say, from this folder")?;
                same_conversion(answer.conversion.as_deref(), image.conversion.as_deref())
                    .map(|()| Found { input: image.input, labelled: false })
            }
        };
        Ok(found.and_then(|found| match difference(stated, &InputRecord::from(&found.input)) {
            Some(told) => Err(told.within("certificate.provenance.input")),
            None => Ok(found),
        }))
    }

    fn example(&self, record: &Record<'_>, spec: InputSpec) -> Judged<Found> {
        let data = self.data(spec, record.certificate.classes)?;
        if record.idx >= data.len() {
            let expected = format!("an index below {}, the number of inputs", data.len());
            return Ok(Err(Rejection::new("idx", record.idx.to_string(), expected)));
        }
        let example = match data.get(record.idx) {
            Ok(example) => example,
            // The others can be checked all the same.
            Err(error) => {
                let found = format!("{error}{}", self.hint());
                return Ok(Err(Rejection::new("input", found, "an input that can be read")));
            }
        };
        // Data without labels leaves the record's own; they matter to `correct` alone.
        if example.label.is_some() && record.label != example.label {
            let show = |label: Option<usize>| label.map_or("null".into(), |l| l.to_string());
            let (found, expected) = (show(record.label), show(example.label));
            let expected = format!("{expected}, the label of the data");
            return Ok(Err(Rejection::new("label", found, expected)));
        }
        let labelled = example.label.is_some();
        Ok(same_conversion(record.conversion.as_deref(), example.conversion.as_deref())
            .map(|()| Found { input: example.input, labelled }))
    }

    fn data(&self, spec: InputSpec, classes: Option<usize>) -> anyhow::Result<&Dataset> {
        let Some(path) = self.args.data.as_deref() else {
            wrong_usage!(
                "a record of a data set: --data PATH tells which, as given to `drs certify`"
            )
        };
        let open = || {
            let InputArgs { reading, experts, .. } = self.args;
            let data = match &self.classes {
                Some(names) => data::open(path, reading, spec, names).map_err(Into::into),
                None => data::open_without_models(path, reading, spec, experts.as_deref(), classes),
            };
            data.map_err(|error| format!("{error:#}{}", self.hint()))
        };
        self.data.get_or_init(open).as_ref().map_err(|told| anyhow!("{told}"))
    }

    /// A record does not say how its image was resized.
    fn hint(&self) -> &'static str {
        match self.spec {
            Some(_) => "",
            None => " (--experts FILE tells how images are resized, if they are)",
        }
    }
}

/// Whether a record says what is done to the pixels of its input.
fn same_conversion(found: Option<&str>, expected: Option<&str>) -> Result<(), Rejection> {
    if found == expected {
        return Ok(());
    }
    let show = |text: Option<&str>| text.map_or("nothing".into(), |text| format!("\"{text}\""));
    Err(Rejection::new("conversion", show(found), show(expected)))
}
