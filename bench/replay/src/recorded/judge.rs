//! `judge`: certified accuracy of every method on recorded votes, all of N drawn.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use drs_core::certify;
use drs_core::protocol::{AlphaSplit, Bounding, Method, Protocol};
use drs_core::sampling::Sampling;
use drs_progress::out;
use drs_router::Config;

use super::votes::{Header, Recorded, Row, read};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The experts' votes; further files continue the first with other inputs.
    #[arg(required = true)]
    votes: Vec<PathBuf>,

    /// The router's votes, on the same inputs: of this pool instead of the recorded one.
    #[arg(long)]
    router: Option<PathBuf>,

    /// The terms of `blend` and the split of α: an experts.toml.
    #[arg(long)]
    rules: Option<PathBuf>,

    /// Judge the first N draws, a look of the recording; all by default.
    #[arg(long)]
    n: Option<u64>,

    /// Methods that need the router only.
    #[arg(long)]
    routed_only: bool,

    /// Folder for a table of each method, as `drs certify` writes them.
    #[arg(long)]
    out: Option<PathBuf>,

    /// Put before each method's name.
    #[arg(long, default_value = "")]
    name: String,
}

const RADII: [f64; 11] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5];

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (mut header, rows) = all(args)?;
    let mut split = AlphaSplit::default();
    if let Some(rules) = &args.rules {
        let config = Config::read(rules)?;
        header.pool.blend = config.blend;
        split = config.split;
    }
    let n = args.n.unwrap_or(header.n);
    let judge = |method, bounding| accuracy(&header, &rows, method, bounding, split, n);
    let experts: Vec<usize> = (0..header.pool.experts.len()).collect();
    let mut envelope = [0.0f64; 2].map(|_| [0.0f64; RADII.len()]);
    let mut oracle = [vec![-1.0f64; rows.len()], vec![-1.0f64; rows.len()]];
    out!("{} inputs, N = {n}\n", rows.len())?;
    let radii: String = RADII.iter().map(|r| format!(" {r} |")).collect();
    out!("| method |{radii} mean |")?;
    for (place, bounding) in [Bounding::OneSided, Bounding::TwoSided].into_iter().enumerate() {
        for &expert in &experts {
            let radii = judge(Method::One(expert), bounding)?;
            let shares = shares(&radii);
            envelope[place] = std::array::from_fn(|r| envelope[place][r].max(shares[r]));
            oracle[place]
                .iter_mut()
                .zip(&radii)
                .for_each(|(best, &radius)| *best = best.max(radius));
            if !args.routed_only {
                let name = format!("one:{}{}", header.pool.experts[expert].name, told(bounding));
                show(args, &rows, &name, &radii)?;
            }
        }
        if !args.routed_only {
            line(&format!("envelope{}", told(bounding)), &envelope[place])?;
            line(&format!("oracle{}", told(bounding)), &shares(&oracle[place]))?;
            show(
                args,
                &rows,
                &format!("multiscale{}", told(bounding)),
                &judge(Method::Multiscale, bounding)?,
            )?;
        }
    }
    if header.pool.router.is_some() {
        for (method, name) in [(Method::Dual, "dual"), (Method::Set, "set")] {
            for bounding in [Bounding::OneSided, Bounding::TwoSided] {
                show(args, &rows, &format!("{name}{}", told(bounding)), &judge(method, bounding)?)?;
            }
        }
        show(args, &rows, "maxmin", &judge(Method::MaxMin, Bounding::OneSided)?)?;
    }
    if !header.pool.blend.is_empty() {
        show(args, &rows, "blend", &judge(Method::Blend, Bounding::OneSided)?)?;
    }
    Ok(())
}

fn told(bounding: Bounding) -> &'static str {
    match bounding {
        Bounding::OneSided => "",
        Bounding::TwoSided => " with p̄_B",
    }
}

/// The experts' rows, with the router's votes if they come from another file.
fn all(args: &Args) -> anyhow::Result<(Header, Vec<Row>)> {
    let mut files = args.votes.iter().map(|path| read(path));
    let (mut header, mut rows) = files.next().context("no file of votes")??;
    for more in files {
        let (other, more) = more?;
        ensure!(other.pool == header.pool && other.n0 == header.n0, "votes of different pools");
        header.n = header.n.min(other.n);
        rows.extend(more);
    }
    if let Some(path) = &args.router {
        let (routed, mut votes) = read(path)?;
        header.pool.router = routed.pool.router;
        header.n = header.n.min(routed.n);
        votes.sort_by_key(|row| row.idx);
        for row in &mut rows {
            let place = votes.binary_search_by_key(&row.idx, |row| row.idx);
            let place =
                place.ok().with_context(|| format!("{}: no input {}", path.display(), row.idx))?;
            row.votes.retain(|address, _| !address.starts_with("router/"));
            let router =
                votes[place].votes.iter().filter(|(address, _)| address.starts_with("router/"));
            row.votes.extend(router.map(|(address, votes)| (address.clone(), votes.clone())));
        }
    }
    ensure!(!rows.is_empty(), "no input");
    Ok((header, rows))
}

/// The certified radius of each input, −1 where the class is wrong or nothing is certified.
fn accuracy(
    header: &Header,
    rows: &[Row],
    method: Method,
    bounding: Bounding,
    split: AlphaSplit,
    n: u64,
) -> anyhow::Result<Vec<f64>> {
    let (n0, sampling) = (header.n0, Sampling::Fixed);
    let protocol = Protocol { n0, n, sampling, bounding, split, ..Protocol::default() };
    let radius = |row: &Row| {
        let mut source = Recorded { pool: &header.pool, row };
        let certificate = certify(&header.pool, method, &protocol, None, &mut source)?;
        let verdict = certificate.verdict;
        Ok(if verdict.class == Some(row.label) { verdict.radius.get() } else { -1.0 })
    };
    rows.iter().map(radius).collect()
}

/// At least each radius, in %.
fn shares(radii: &[f64]) -> [f64; RADII.len()] {
    let share = |r: f64| radii.iter().filter(|&&radius| radius >= r).count() as f64;
    RADII.map(|r| 100.0 * share(r) / radii.len() as f64)
}

fn show(args: &Args, rows: &[Row], name: &str, radii: &[f64]) -> anyhow::Result<()> {
    let name = format!("{}{name}", args.name);
    line(&name, &shares(radii))?;
    let Some(folder) = &args.out else { return Ok(()) };
    std::fs::create_dir_all(folder)?;
    let mut text = String::from("idx\tlabel\tpredict\tradius\tcorrect\ttime\n");
    for (row, &radius) in rows.iter().zip(radii) {
        // What is wrong or abstained counts alike here.
        let (predict, correct) =
            if radius < 0.0 { (-1, 0) } else { (i64::try_from(row.label)?, 1) };
        let radius = radius.max(0.0);
        text += &format!("{}\t{}\t{predict}\t{radius}\t{correct}\t0:00:00\n", row.idx, row.label);
    }
    let file: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(std::fs::write(folder.join(format!("{file}.tsv")), text)?)
}

fn line(name: &str, shares: &[f64]) -> std::io::Result<()> {
    let cells: String = shares.iter().map(|share| format!(" {share:.1} |")).collect();
    out!("| {name} |{cells} {:.2} |", shares.iter().sum::<f64>() / shares.len() as f64)
}
