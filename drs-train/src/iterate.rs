//! `drs train iterate`: router, fine-tuning, labels, router, round after round.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Context as _, ensure};
use drs_core::noise::Seed;
use drs_data::{OpenOptions, Subset};
use drs_progress::say;
use drs_router::Config as Pool;
use drs_run::{Lock, whole};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::labels::{Drawing, Header, draw};
use crate::pool::PoolFile;
use crate::{expert, router, threads};

/// The settings, as a TOML file: all that the paper's recipe needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The pool to begin with: experts.toml. Its router, if it has one, is not asked.
    pub experts: PathBuf,
    /// Rounds of fine-tuning after the first router.
    #[serde(default)]
    pub rounds: usize,
    /// How labels are drawn.
    pub label: Label,
    /// Settings of the routers, but `input` and `labels`.
    pub router: Table,
    /// Settings of fine-tuning, but `input`, `sigma`, `init` and `adaptive`.
    #[serde(default)]
    pub expert: Option<Table>,
    /// What is fine-tuned.
    #[serde(default)]
    pub init: Option<Init>,
    /// How inputs are chosen in fine-tuning: `draws` and `others` of `adaptive`.
    #[serde(default)]
    pub adaptive: Table,
}

/// The weights that fine-tuning starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Init {
    /// One network for all noise levels, as in the paper.
    One(PathBuf),
    /// Each expert's own, by name; experts that are not named stay as they are.
    Each(BTreeMap<String, PathBuf>),
}

/// How labels are drawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The data set.
    pub data: PathBuf,
    /// Which part.
    #[serde(default = "train")]
    pub split: String,
    /// Noisy copies of each input for each expert.
    #[serde(default = "hundred")]
    pub draws: u64,
    /// First index.
    #[serde(default)]
    pub start: usize,
    /// Every so many.
    #[serde(default = "one")]
    pub skip: usize,
    /// At most so many.
    #[serde(default)]
    pub max: Option<usize>,
    /// Of the noise.
    #[serde(default)]
    pub seed: u64,
}

fn train() -> String {
    "train".to_owned()
}

fn hundred() -> u64 {
    100
}

fn one() -> usize {
    1
}

/// Runs all rounds into `folder`, or goes on where an earlier call was stopped.
///
/// `round-0` has labels, a router and the pool with it (`experts.toml`); each further
/// round has fine-tuned experts before these.
///
/// # Errors
/// As labels, experts and routers; and if the folder belongs to other settings.
pub fn iterate(config: &Config, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _ours = Lock::folder(folder)?;
    check_settings(config, folder)?;
    let mut pool = config.experts.clone();
    let mut init = config.init.clone();
    for round in 0..=config.rounds {
        let place = folder.join(format!("round-{round}"));
        let read = Pool::read(&pool)?;
        if round > 0 {
            let before = folder.join(format!("round-{}/router/model.safetensors", round - 1));
            let sigmas = sigmas(&folder.join(format!("round-{}/labels", round - 1)))?;
            pool = fine_tune(config, &read, &before, &sigmas, &mut init, &place)?;
        }
        say!("round {round}: labels");
        let labels = place.join("labels");
        threads::kept(|| draw(&drawing(config, &pool), None, &labels))?;
        say!("round {round}: router");
        let mut settings = config.router.clone();
        settings.insert("input".to_owned(), Value::try_from(read.input)?);
        settings.insert("labels".to_owned(), Value::try_from(&labels)?);
        let router: router::Config = settings.try_into().context("[router]")?;
        router::train(&router, &place.join("router"))?;
        let mut file = PoolFile::from(&pool)?;
        file.set_router(&place.join("router/model.safetensors"))?;
        if !router.blend.is_empty() {
            file.set_blend(&router.blend)?;
        }
        pool = place.join("experts.toml");
        file.write(&pool)?;
    }
    Ok(())
}

/// One folder, one set of settings; more rounds may be added.
fn check_settings(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("settings.toml");
    let plain = |config: &Config| {
        Ok::<_, anyhow::Error>(toml::to_string(&Config { rounds: 0, ..config.clone() })?)
    };
    if path.exists() {
        let before: Config = crate::config::read(&path, &[])?;
        ensure!(
            plain(&before)? == plain(config)?,
            "{} has runs with other settings ({}): take another folder, or remove it",
            folder.display(),
            path.display()
        );
    }
    Ok(whole::write(&path, toml::to_string(config)?)?)
}

/// The experts' noise levels in order.
fn sigmas(labels: &Path) -> anyhow::Result<Vec<(String, f64)>> {
    let header = Header::read(labels)?;
    Ok(header.experts.iter().map(|expert| (expert.name.clone(), expert.sigma.get())).collect())
}

fn drawing(config: &Config, pool: &Path) -> Drawing {
    let Label { data, split, draws, start, skip, max, seed } = config.label.clone();
    Drawing {
        experts: pool.to_owned(),
        data,
        reading: OpenOptions { split, ..OpenOptions::default() },
        subset: Subset { start, skip, max },
        draws,
        seed: Seed::from_number(seed),
        threads: available_parallelism().map_or(1, usize::from),
    }
}

/// Fine-tunes with the router before frozen, and writes the pool of what came out.
fn fine_tune(
    config: &Config,
    pool: &Pool,
    router: &Path,
    sigmas: &[(String, f64)],
    init: &mut Option<Init>,
    place: &Path,
) -> anyhow::Result<PathBuf> {
    let settings =
        config.expert.as_ref().context("expert: missing, rounds of fine-tuning need it")?;
    let start = init.as_mut().context("init: missing, rounds of fine-tuning need it")?;
    let run = |name: &str, init: &Path, sigma: f64, expert: Option<&str>| {
        say!("fine-tuning {name}");
        let mut adaptive = config.adaptive.clone();
        adaptive.insert("router".to_owned(), Value::try_from(router)?);
        let levels: Vec<f64> = sigmas.iter().map(|(_, sigma)| *sigma).collect();
        adaptive.insert("sigmas".to_owned(), Value::try_from(levels)?);
        adaptive.extend(expert.map(|expert| ("expert".to_owned(), expert.into())));
        let mut settings = settings.clone();
        settings.insert("input".to_owned(), Value::try_from(pool.input)?);
        settings.insert("sigma".to_owned(), sigma.into());
        settings.insert("init".to_owned(), Value::try_from(init)?);
        settings.insert("adaptive".to_owned(), adaptive.into());
        let settings: expert::Config = settings.try_into().context("[expert]")?;
        expert::train(&settings, &place.join(name))?;
        anyhow::Ok(place.join(name).join("model.safetensors"))
    };
    let mut file = PoolFile::from(&pool.path)?;
    match start {
        Init::One(path) => {
            let largest = sigmas.iter().map(|(_, sigma)| *sigma).fold(0.0, f64::max);
            *path = run("expert", path, largest, None)?;
            for (name, sigma) in sigmas {
                file.set_expert(name, path, *sigma)?;
            }
        }
        Init::Each(paths) => {
            for (name, path) in paths {
                let known = sigmas.iter().find(|(expert, _)| expert == name);
                let (_, sigma) =
                    known.with_context(|| format!("init: {name} is no expert of the pool"))?;
                *path = run(name, path, *sigma, Some(name))?;
                file.set_expert(name, path, *sigma)?;
            }
        }
    }
    let pool = place.join("pool.toml");
    file.write(&pool)?;
    Ok(pool)
}
