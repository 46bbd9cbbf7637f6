//! A loaded model, for several calls at once.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use drs_onnx_files::{Adapter, Answer};
use drs_plugins_api::Error;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{OutputSelector, RunOptions, Session};

use crate::config::Own;
use crate::{library, provider, tensors};

/// Sessions of one model. A session runs one call at a time; as many are made as calls come at once.
pub(crate) struct Sessions {
    path: PathBuf,
    own: Own,
    idle: Mutex<Vec<Session>>,
}

impl Sessions {
    /// Loads a model, or gives what ONNX Runtime says of it.
    pub(crate) fn open(path: &Path, own: Own) -> Result<Result<Self, String>, Error> {
        let sessions = Self { path: path.to_owned(), own, idle: Mutex::default() };
        let first = sessions.session()?;
        Ok(first.map(|session| {
            sessions.give_back(session);
            sessions
        }))
    }

    /// The model's output for so many rows, or what ONNX Runtime says.
    pub(crate) fn run(
        &self,
        adapter: &Adapter,
        rows: usize,
        floats: Vec<f32>,
    ) -> Result<Answer, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut session = match idle.map_or_else(|| self.session(), |session| Ok(Ok(session)))? {
            Ok(session) => session,
            Err(said) => return Ok(Err(said)),
        };
        let answer = answer(&mut session, adapter, rows, floats);
        self.give_back(session);
        Ok(answer)
    }

    fn session(&self) -> Result<Result<Session, String>, Error> {
        let environment = library::environment()?;
        let provider = provider::chosen(self.own.provider, self.own.device)?;
        let made = || -> ort::Result<Session> {
            let threads = self.own.threads.map_or(1, |threads| usize::from(threads.get()));
            let mut builder = Session::builder(environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(threads)?;
            if let Some(provider) = &provider {
                builder = builder.with_execution_providers([provider.clone()])?;
            }
            builder.commit_from_file(&self.path)
        };
        Ok(made().map_err(|error| error.to_string()))
    }

    fn give_back(&self, session: Session) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }
}

fn answer(session: &mut Session, adapter: &Adapter, rows: usize, floats: Vec<f32>) -> Answer {
    let input = tensors::tensor(adapter.element(), adapter.dims(rows), floats);
    let input = input.map_err(|error| error.to_string())?;
    // Nothing but the output that votes; and the input lives on: an output may be the very same.
    let options = RunOptions::new().map_err(|error| error.to_string())?;
    let options = options.with_outputs(OutputSelector::no_default().with(adapter.output()));
    let outputs = session.run_with_options(ort::inputs![adapter.input() => &input], &options);
    let outputs = outputs.map_err(|error| error.to_string())?;
    let output = outputs.get(adapter.output()).ok_or("the output is missing")?;
    tensors::floats(output)
}
