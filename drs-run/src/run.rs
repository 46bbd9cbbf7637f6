//! A run, with all that its results depend on.

use std::sync::Arc;

use drs_analysis::Header;
use drs_core::noise::Seed;
use drs_core::protocol::{Method, Protocol};
use drs_core::rule::Term;
use drs_data::{Dataset, InputSpec, Subset};
use drs_router::Router;

use crate::describe;
use crate::error::{RunError, wrong_usage};
use crate::event::{Event, Events};
use crate::extension;
use crate::files::ResultFiles;
use crate::site::Site;
use crate::stop::Stop;
use crate::tally::Tally;
use crate::work::{Ending, Work};

/// What a run is asked for, beside its place, its models and its data.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Of which classifier.
    pub method: Method,
    /// How many draws, at which level.
    pub protocol: Protocol,
    /// What the noise is addressed by.
    pub seed: Seed,
    /// What inputs look like.
    pub input: InputSpec,
    /// The terms of `blend`, for that method.
    pub blend: Vec<Term>,
    /// Which inputs.
    pub subset: Subset,
}

/// A run whose files are open and locked.
pub struct Run<'a> {
    work: Work<'a>,
    files: ResultFiles,
    done: Tally,
}

impl<'a> Run<'a> {
    /// Begins a run, or opens the one that is there to go on with it. `drs` is the version of the
    /// program that its description names.
    ///
    /// # Errors
    /// If another run's results are there, if it would have no input, or if a file or none of the
    /// inputs tried can be read.
    pub fn open(
        site: Site,
        router: &'a Router,
        data: &'a Dataset,
        asked: &Asked,
        drs: &str,
        events: Arc<dyn Events>,
    ) -> Result<Self, RunError> {
        let Site { paths, shard, overwrite, begun, finding } = site;
        let Subset { start, skip, max } = asked.subset;
        let mut header = Header {
            version: Header::VERSION,
            drs: drs.to_owned(),
            method: drs_core::certify::name(router.pool(), asked.method),
            protocol: asked.protocol.clone(),
            seed: asked.seed,
            input: asked.input,
            data: describe::record(data)?,
            start,
            skip,
            max,
            shard,
            models: router.models().to_vec(),
            blend: if asked.method == Method::Blend { asked.blend.clone() } else { Vec::new() },
            table: paths.table_name(),
        };
        let indices = header.indices();
        // A shard may be left without any: the merge wants its files all the same.
        if indices.is_empty() && (Header { shard: None, ..header.clone() }).indices().is_empty() {
            if max == Some(0) {
                wrong_usage!("--max 0 takes no input");
            }
            wrong_usage!(
                "--start {start} takes no input: the data set has {} (indices from 0)",
                data.len()
            );
        }
        let (files, done) = match &begun {
            None => (ResultFiles::create(&paths, &header, overwrite)?, Tally::default()),
            Some(begun) => {
                let before = extension::go_on(begun, &mut header, &paths)?;
                let (table, now) = (&paths.table, indices.len());
                if let Some(before) = before.filter(|&before| before != now) {
                    events.tell(Event::Extended { table, before, now });
                }
                ResultFiles::reopen(&paths, begun, &header, &*events)?
            }
        };
        let work = Work { router, data, method: asked.method, header, paths, finding, events };
        Ok(Self { work, files, done })
    }

    /// Certifies what is left, until all is done, an error comes, or it is asked to stop.
    ///
    /// # Errors
    /// If a model fails or votes on more than its input alone, or a file cannot be written. What was
    /// finished is kept. Such an end, and one that was asked for, [stops](drs_router::Stopper::stop)
    /// the router for good: whoever wants to ask it more needs another.
    pub fn go_on(self, stop: &Stop) -> Result<Ending, RunError> {
        self.work.go_on(self.files, self.done, stop)
    }
}
