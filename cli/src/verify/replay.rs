//! The models and the data from which votes are drawn again.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use drs_analysis::{Answer, Entry, Record};
use drs_core::lattice::LatticeInput;
use drs_core::verify::Rejection;
use drs_data::{Dataset, read_image};
use drs_router::{Replay, ReplayError};

use crate::args::{PoolArgs, ReplayArgs};
use crate::data;
use crate::pool::{self, OpenPool};

pub(super) struct Bench {
    pool: OpenPool,
    data: Option<Dataset>,
}

type Judged<T> = anyhow::Result<Result<T, Rejection>>;

impl Bench {
    /// `None` where no replay is asked for.
    pub(super) fn open(args: &ReplayArgs) -> anyhow::Result<Option<Self>> {
        let Some(experts) = args.experts.clone().filter(|_| args.replay) else { return Ok(None) };
        let (threads, batch, isolate) = (args.threads, args.batch, args.isolate);
        let pool = pool::open(&PoolArgs { experts, threads, batch, isolate })?;
        let data = args.data.as_deref();
        let data = data.map(|path| data::open(path, &args.reading, pool.config.input));
        Ok(Some(Self { pool, data: data.transpose()? }))
    }

    pub(super) fn inputs_at_once(&self) -> usize {
        self.pool.router.inputs_at_once()
    }

    /// Draws a verified record's votes again.
    pub(super) fn replay(&self, entry: &Entry) -> Judged<Replay> {
        let input = match entry {
            Entry::Record(record) => self.example(record)?,
            Entry::Answer(answer) => self.image(answer)?,
        };
        let input = match input {
            Ok(input) => input,
            Err(rejection) => return Ok(Err(rejection)),
        };
        match self.pool.router.replay(entry.certificate(), Arc::new(input)) {
            Ok(replay) => Ok(Ok(replay)),
            Err(ReplayError::Rejected(rejection)) => Ok(Err(rejection.within("certificate"))),
            Err(ReplayError::Models(error)) => Err(error.into()),
        }
    }

    fn example(&self, record: &Record<'_>) -> Judged<LatticeInput> {
        let Some(data) = &self.data else {
            bail!("a record of a data set: --data PATH tells which, as given to `drs certify`")
        };
        if record.idx >= data.len() {
            let expected = format!("an index below {}, the number of inputs", data.len());
            return Ok(Err(Rejection::new("idx", record.idx.to_string(), expected)));
        }
        let example = data.get(record.idx)?;
        // Data without labels leaves the record's own; they matter to `correct` alone.
        if example.label.is_some() && record.label != example.label {
            let show = |label: Option<usize>| label.map_or("null".into(), |l| l.to_string());
            let (found, expected) = (show(record.label), show(example.label));
            return Ok(Err(Rejection::new("label", found, expected)));
        }
        Ok(same_conversion(record.conversion.as_deref(), example.conversion.as_deref())
            .map(|()| example.input))
    }

    fn image(&self, answer: &Answer<'_>) -> Judged<LatticeInput> {
        let image = read_image(Path::new(&*answer.image), self.pool.config.input)
            .context("images are looked for where their records say, from this folder")?;
        let class = answer.certificate.verdict.class;
        let name = class.and_then(|class| self.pool.router.classes().get(class));
        if answer.class.as_deref() != name.map(String::as_str) {
            let show = |name: Option<&str>| name.map_or("null".into(), |n| format!("\"{n}\""));
            let (found, expected) = (show(answer.class.as_deref()), show(name.map(|n| &**n)));
            return Ok(Err(Rejection::new("class", found, expected)));
        }
        Ok(same_conversion(answer.conversion.as_deref(), image.conversion.as_deref())
            .map(|()| image.input))
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
