//! `drs init`: an experts.toml from model files.
//!
//! * `draft`: a model as it will be written; its name, and what its file's ending tells.
//! * `given`: what the options say of sigma, classes and shape.
//! * `settle`: opening a model, and asking for what nobody tells.
//! * `text`: the file.

mod draft;
mod given;
mod settle;
mod text;

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use drs_core::text::{counted, printable};
use drs_plugins_api::Manifest;
use drs_progress::out;
use drs_router::Config;
use drs_run::whole;

use crate::args::{InitArgs, PoolArgs};
use crate::usage::wrong_usage;
use crate::{expert, pool};
use draft::{Draft, ROUTER};
use given::Given;
use text::text;

/// What editors know of experts.toml.
const SCHEMA: &str = include_str!("../../experts.schema.json");

pub(crate) fn run(args: &InitArgs) -> anyhow::Result<()> {
    if args.print_schema {
        out!("{}", SCHEMA.trim_end())?;
        return Ok(());
    }
    let out = &args.out;
    check_place(args)?;
    let experts = args.models.iter().map(|named| draft::expert(named, out));
    let mut experts: Vec<Draft> = experts.collect::<anyhow::Result<_>>()?;
    let mut router = args.router.as_deref().map(|path| draft::router(path, out)).transpose()?;
    draft::check_names(&experts)?;
    let mut given = Given::new(args, &experts)?;
    experts.iter_mut().chain(&mut router).for_each(|draft| given.put(draft));

    let copies = expert::copies()?;
    let mut opened = Vec::new();
    for mut draft in experts {
        let told = settle::settle(&mut draft, &mut given, out, &copies)?;
        opened.push((draft, told));
    }
    opened.sort_by(|(_, a), (_, b)| a.sigma.total_cmp(&b.sigma));
    if let Some(router) = &mut router {
        let told = settle::settle(router, &mut given, out, &copies)?;
        opened = in_order_of(router, &told, opened)?;
    }
    let (drafts, told): (Vec<Draft>, Vec<Manifest>) = opened.into_iter().unzip();
    let text = text(&given.input(), router.as_ref(), &drafts);
    // Opened as it will be, whole: experts and router must fit together.
    let config = Config::parse(out, &text)?;
    drop(pool::of(config, &PoolArgs::of_file(out.clone()))?);
    write(out, &text, args)?;
    tell(args, &drafts, &told)
}

/// Nothing is written over without consent, and never a model.
fn check_place(args: &InitArgs) -> anyhow::Result<()> {
    let out = &args.out;
    let models = args.models.iter().map(|named| named.path.as_path());
    whole::check_apart(out, models.chain(args.router.as_deref()))?;
    if out.symlink_metadata().is_ok() && !args.force {
        let shown = out.display();
        wrong_usage!(
            "--out {shown}: is there already; --force writes over it, or give another --out"
        );
    }
    let folder = draft::folder(out);
    if !folder.is_dir() {
        wrong_usage!("--out {}: no folder {}; make it first", out.display(), folder.display());
    }
    Ok(())
}

/// The experts in the order of the router's classes, which are their names.
fn in_order_of(
    router: &Draft,
    told: &Manifest,
    mut experts: Vec<(Draft, Manifest)>,
) -> anyhow::Result<Vec<(Draft, Manifest)>> {
    let mut ordered = Vec::new();
    for class in &told.classes {
        let place = experts.iter().position(|(draft, _)| draft.name == *class);
        ordered.extend(place.map(|place| experts.remove(place)));
    }
    if experts.is_empty() && ordered.len() == told.classes.len() {
        return Ok(ordered);
    }
    let names: Vec<&str> =
        ordered.iter().chain(&experts).map(|(draft, _)| draft.name.as_str()).collect();
    bail!(
        "--router {}: its classes are {}, expected the names of the experts: {}; give one model for each class, and where it is called otherwise its name, as in {}=MODEL",
        router.path.display(),
        printable(&told.classes.join(", ")),
        names.join(", "),
        told.classes.first().map_or("NAME", String::as_str)
    )
}

fn write(out: &Path, text: &str, args: &InitArgs) -> anyhow::Result<()> {
    if args.force {
        return Ok(whole::write(out, text)?);
    }
    // Somebody may have written it meanwhile.
    let written = File::create_new(out).and_then(|mut file| file.write_all(text.as_bytes()));
    if written.as_ref().is_err_and(|error| error.kind() != ErrorKind::AlreadyExists) {
        let _ = std::fs::remove_file(out);
    }
    written.with_context(|| format!("cannot write {}", out.display()))
}

/// What was written, and what to do with it.
fn tell(args: &InitArgs, drafts: &[Draft], told: &[Manifest]) -> anyhow::Result<()> {
    let out = args.out.display();
    let router = if args.router.is_some() { format!(" and a {ROUTER}") } else { String::new() };
    let first = told.first().context("no expert")?;
    let [channels, height, width] = first.shape;
    out!(
        "{out}: {}{router}; {} classes; inputs of {channels}x{height}x{width}",
        counted(drafts.len(), "expert"),
        first.classes.len()
    )?;
    for (draft, told) in drafts.iter().zip(told) {
        out!("  {:12} sigma {:<6} {}", draft.name, told.sigma, draft.path.display())?;
    }
    out!("try it: drs route --experts {out} IMAGE")?;
    Ok(())
}
