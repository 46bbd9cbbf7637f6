//! Drawing the votes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use drs_core::noise::Seed;
use drs_core::pool::{Phase, Role, Stage};
use drs_core::votes::VoteCounts;
use drs_data::{Dataset, OpenOptions, Shard, Subset};
use drs_progress::{Bar, say};
use drs_router::{Config, Count, Options, Router, ordered};
use drs_run::whole;

use super::part::Part;
use super::{Header, PART, VERSION};

/// What to draw.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// The pool: experts.toml.
    pub experts: PathBuf,
    /// The data set.
    pub data: PathBuf,
    /// How it is read.
    pub reading: OpenOptions,
    /// Which inputs.
    pub subset: Subset,
    /// Noisy copies of each input for each expert.
    pub draws: u64,
    /// Of the noise.
    pub seed: Seed,
    /// Worker threads.
    pub threads: usize,
}

/// Draws the votes into `folder`, or continues. Shards may share the folder, or their
/// parts be put together later.
///
/// # Errors
/// If a model or an input cannot be read, a file cannot be written, or the
/// folder has votes that were drawn otherwise.
pub fn draw(drawing: &Drawing, shard: Option<Shard>, folder: &Path) -> anyhow::Result<()> {
    ensure!(drawing.draws > 0, "no draws: expected at least 1");
    let config = Config::read(&drawing.experts)?;
    let router = Router::open(&config, &Options::new(drawing.threads))
        .with_context(|| drawing.experts.display().to_string())?;
    let data = Dataset::open(&drawing.data, config.input, &drawing.reading)?;
    let data = data.for_experts(router.classes())?;
    data.notes().iter().for_each(|note| say!("note: {note}"));
    let indices: Vec<usize> = drawing.subset.indices(data.len()).collect();
    ensure!(!indices.is_empty(), "no input: the data set has {}", data.len());
    let Subset { start, skip, max } = drawing.subset;
    let header = Header {
        version: VERSION,
        experts: router.experts().to_vec(),
        classes: router.classes().to_vec(),
        draws: drawing.draws,
        seed: drawing.seed,
        data: drawing.data.clone(),
        reading: drawing.reading.clone(),
        subset: (start, skip, max),
        inputs: indices.len(),
    };
    begin(folder, &header)?;
    let is_ours = |number: usize| shard.is_none_or(|shard| shard.has(number));
    let parts = indices.chunks(PART).enumerate().filter(|(number, _)| is_ours(*number));
    let ours: usize = parts.clone().map(|(_, indices)| indices.len()).sum();
    let bar = Bar::over(ours, "inputs labelled");
    for (number, indices) in parts {
        let path = Part::path(folder, number);
        if path.exists() {
            // A part is written whole; a broken one is drawn again.
            let is_whole = Part::read(&path, &header).is_ok_and(|part| part.indices == indices);
            if is_whole {
                bar.skip(indices.len());
                continue;
            }
        }
        let mut part = Part { indices: Vec::new(), labels: Vec::new(), votes: Vec::new() };
        let vote = |index: usize| votes(&router, &data, index, &header);
        ordered(indices.iter().copied(), router.inputs_at_once(), vote, |row| {
            let (index, label, votes) = row?;
            part.indices.push(index);
            part.labels.push(label);
            part.votes.extend(votes);
            bar.advance();
            anyhow::Ok(())
        })?;
        part.write(&path, &header)?;
        bar.log(&format!("{} of {ours} inputs labelled", bar.position()));
    }
    bar.finish();
    Ok(())
}

/// Makes the folder and its description, or checks that it has this one.
fn begin(folder: &Path, header: &Header) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = Header::path(folder);
    if path.exists() {
        if Header::read(folder)? != *header {
            bail!(
                "{} has votes of other experts, inputs or draws: take another folder",
                folder.display()
            );
        }
        return Ok(());
    }
    Ok(whole::write(&path, serde_json::to_string_pretty(header)?)?)
}

/// Index, class, and votes by expert and class.
fn votes(
    router: &Router,
    data: &Dataset,
    index: usize,
    header: &Header,
) -> anyhow::Result<(usize, usize, Vec<u32>)> {
    let example = data.get(index)?;
    let label = example
        .label
        .with_context(|| format!("input {index} has no label: routers learn from labels"))?;
    ensure!(
        label < header.classes.len(),
        "input {index} has label {label}, the experts know {} classes",
        header.classes.len()
    );
    let stage = |expert| Stage { role: Role::Expert(expert), phase: Phase::Labelling };
    let stages = (0..header.experts.len()).map(|expert| (stage(expert), vec![header.draws]));
    let question = Count { stages: stages.collect(), seed: header.seed };
    let votes = router.ask(Arc::new(example.input), &question)?.outcome;
    let counts = votes.iter().flatten().flat_map(VoteCounts::counts);
    let counts = counts.map(|&count| u32::try_from(count)).collect::<Result<_, _>>()?;
    Ok((index, label, counts))
}
