//! `drs expert inspect`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_core::text::printable;
use drs_plugins_api::{Manifest, PluginInfo};
use drs_progress::out;
use serde::Serialize;

use super::child::{Answer, Request, ask, single};
use super::subject::{Subject, subjects};
use crate::args::InspectArgs;

/// As `--json` writes it.
#[derive(Serialize)]
struct Inspected<'a> {
    name: &'a str,
    library: &'a std::path::Path,
    plugin: PluginInfo,
    model: Option<Manifest>,
}

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    for subject in &subjects(&args.subject)? {
        let inspected = inspect(subject, Duration::from_secs_f64(args.subject.timeout))?;
        if args.subject.json {
            out!("{}", serde_json::to_string(&inspected)?)?;
        } else {
            print(&inspected)?;
        }
    }
    Ok(())
}

fn inspect(subject: &Subject, patience: Duration) -> anyhow::Result<Inspected<'_>> {
    let Subject { name, library, prepared, .. } = subject;
    let request = match prepared {
        Some(prepared) => Request::Open(prepared.opening().clone()),
        None => Request::About(library.clone()),
    };
    let plain = |words: &str| match prepared {
        Some(prepared) => prepared.plain(words),
        None => library.plain(words),
    };
    let library = library.path.as_path();
    let (mut plugin, mut model) = (None, None);
    for answer in single(ask(&request, patience)?, library, &plain)? {
        match answer {
            Answer::About(info) => plugin = Some(info),
            Answer::Opened(manifest) => model = Some(manifest),
            _ => {}
        }
    }
    let plugin = plugin.with_context(|| format!("{}: it told nothing", library.display()))?;
    let model = model.zip(prepared.as_ref()).map(|(told, prepared)| {
        let wrong = |problem| anyhow::anyhow!("{}: its manifest says {problem}", library.display());
        // All files that certificates name.
        let files = prepared.files().iter().map(|file| file.path.clone()).collect();
        prepared.manifest(told).map(|told| told.files(files)).map_err(wrong)
    });
    let model = model.transpose()?;
    if let Some((told, prepared)) = model.as_ref().zip(prepared.as_ref())
        && told.shape != prepared.opening().shape
    {
        let [found, expected] =
            [told.shape, prepared.opening().shape].map(|[c, h, w]| format!("{c}x{h}x{w}"));
        bail!(
            "{name}: its inputs are {found}, {expected} was asked for (--shape, or input.shape of experts.toml)"
        );
    }
    Ok(Inspected { name, library, plugin, model })
}

fn print(inspected: &Inspected<'_>) -> std::io::Result<()> {
    let Inspected { name, library, plugin, model } = inspected;
    out!("{name}: plugin {} {}, {}", plugin.name, plugin.version, library.display())?;
    if let Some(runtime) = &plugin.native_runtime {
        out!("  runtime          {} {}", runtime.name, runtime.version)?;
    }
    let Some(model) = model else { return Ok(()) };
    let [channels, height, width] = model.shape;
    out!("  sigma            {}", model.sigma)?;
    out!("  inputs           {channels}x{height}x{width}")?;
    out!("  classes          {}: {}", model.classes.len(), printable(&model.classes.join(", ")))?;
    out!("  preferred batch  {}", model.preferred_batch)?;
    let at_once = if model.concurrency == 0 {
        "any number".to_owned()
    } else {
        model.concurrency.to_string()
    };
    out!("  calls at once    {at_once}")?;
    if model.tolerance > 0.0 {
        out!("  tolerance        {} of the votes", model.tolerance)?;
    }
    for file in &model.files {
        out!("  file             {}", printable(&file.to_string_lossy()))?;
    }
    if !model.capabilities.is_empty() {
        out!("  capabilities     {}", printable(&model.capabilities.join(", ")))?;
    }
    Ok(())
}
