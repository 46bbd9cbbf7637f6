//! Opening a model, and asking for what neither its file nor an option tells.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_plugins_api::Manifest;
use drs_plugins_api::declared::Classes;
use drs_router::{Config, Copies};

use super::draft::{Draft, ROUTER};
use super::given::{Given, classes};
use super::text::text;
use crate::args::parse_sigma;
use crate::ask::{can_ask, line};
use crate::expert::opened;
use crate::usage::Usage;

/// How the interface's error begins where nobody tells sigma (`drs_plugins_api::declared::sigma`).
const NO_SIGMA: &str = "sigma: the model's metadata has no drs.sigma";

/// The same of the classes.
const NO_CLASSES: &str = "classes: the model's metadata has no drs.classes";

/// How long a model may take to open.
const PATIENCE: Duration = Duration::from_secs(600);

/// Opens a model in a process of its own. What it lacks is asked for and put into the draft, and it is opened again.
pub(super) fn settle(
    draft: &mut Draft,
    given: &mut Given,
    out: &Path,
    copies: &Arc<Copies>,
) -> anyhow::Result<Manifest> {
    loop {
        let error = match attempt(draft, given, out, copies) {
            Ok(told) => return Ok(told),
            Err(error) => error,
        };
        let lacks = |words: &str| format!("{error:#}").contains(words);
        if draft.sigma.is_none() && lacks(NO_SIGMA) {
            draft.sigma = Some(sigma(draft)?);
        } else if draft.classes.is_none() && lacks(NO_CLASSES) {
            draft.classes = Some(names(draft, given)?);
        } else {
            let hint = hint(draft, lacks(CONFIGURED));
            return Err(error.context(format!("{}{hint}", draft.name)));
        }
    }
}

/// How plugins call what an option has said.
const CONFIGURED: &str = "in the configuration";

/// What a plugin cannot know of a model that it refused.
fn hint(draft: &Draft, is_contradicted: bool) -> String {
    if is_contradicted {
        let classes = if draft.name == ROUTER { "--router-classes" } else { "--classes" };
        format!(" (--sigma and {classes} are the configuration; leave out what the file tells)")
    } else if draft.kind == Some("torchscript") {
        " (a .pt file is taken for TorchScript; if it is a checkpoint, call it .pth)".to_owned()
    } else {
        String::new()
    }
}

/// The model alone, as a pool of one.
fn attempt(
    draft: &Draft,
    given: &Given,
    out: &Path,
    copies: &Arc<Copies>,
) -> anyhow::Result<Manifest> {
    let alone = Draft { name: "alone".to_owned(), ..draft.clone() };
    let config = Config::parse(out, &text(&given.input(), None, &[alone]))?;
    let [expert] = &*config.experts else { bail!("it is no pool of one expert") };
    Ok(opened(&expert.model, &config, copies, PATIENCE)?.1)
}

fn sigma(draft: &Draft) -> anyhow::Result<f64> {
    let (name, path) = (&draft.name, draft.path.display());
    let missing = format!(
        "{path}: its metadata has no drs.sigma, expected the noise level that it was trained for; --sigma {name}=SIGMA tells it"
    );
    let answer = ask(&format!("sigma that {name} ({path}) was trained for: "), missing)?;
    parse_sigma(&answer).map_err(|problem| anyhow::anyhow!("sigma of {name}: {problem}"))
}

fn names(draft: &Draft, given: &mut Given) -> anyhow::Result<Classes> {
    let of_experts = draft.name != ROUTER;
    if let Some(answered) = given.answered.clone().filter(|_| of_experts) {
        return Ok(answered);
    }
    let (name, path) = (&draft.name, draft.path.display());
    let (option, meaning) = if of_experts {
        ("--classes", "names with commas, a file with a name on each line, or their number")
    } else {
        ("--router-classes", "the experts' names, in the order of its outputs, with commas")
    };
    let missing =
        format!("{path}: its metadata has no drs.classes, expected {meaning}; {option} tells them");
    let answer = ask(&format!("classes of {name} ({path}): {meaning}: "), missing)?;
    let names = classes(&answer).with_context(|| format!("classes of {name}"))?;
    if of_experts {
        given.answered = Some(names.clone());
    }
    Ok(names)
}

/// An answer; where nobody can give one, what is missing is wrong usage.
fn ask(question: &str, missing: String) -> anyhow::Result<String> {
    let answer = if can_ask() { line(question)? } else { String::new() };
    if answer.trim().is_empty() {
        return Err(Usage::new(missing).into());
    }
    Ok(answer)
}
