//! One file of votes.

use std::fs::File;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use drs_run::whole;
use ndarray::{Array1, Array3};
use ndarray_npy::{ReadNpyExt as _, ReadableElement, WritableElement, WriteNpyExt as _};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::{Header, PART};

/// Some inputs with their votes, one after the other.
pub(super) struct Part {
    pub(super) indices: Vec<usize>,
    pub(super) labels: Vec<usize>,
    /// By input, expert and class.
    pub(super) votes: Vec<u32>,
}

impl Part {
    pub(super) fn path(folder: &Path, number: usize) -> PathBuf {
        folder.join(format!("part-{number:06}.npz"))
    }

    /// Reads a part and checks that it fits the header.
    pub(super) fn read(path: &Path, header: &Header) -> anyhow::Result<Self> {
        let mut archive = ZipArchive::new(File::open(path)?)?;
        let indices: Array1<i64> = array(&mut archive, "index")?;
        let labels: Array1<i64> = array(&mut archive, "label")?;
        let votes: Array3<u32> = array(&mut archive, "votes")?;
        let (inputs, experts, classes) = votes.dim();
        ensure!(
            (experts, classes) == (header.experts.len(), header.classes.len()),
            "votes of {experts} experts on {classes} classes, expected {} on {}",
            header.experts.len(),
            header.classes.len()
        );
        ensure!(
            indices.len() == inputs && labels.len() == inputs && inputs <= PART,
            "{} indices and {} labels for {inputs} inputs",
            indices.len(),
            labels.len()
        );
        for (row, votes) in votes.outer_iter().enumerate() {
            for expert in votes.outer_iter() {
                let sum: u64 = expert.iter().map(|&count| u64::from(count)).sum();
                let draws = header.draws;
                ensure!(sum == draws, "row {row} has {sum} votes of an expert, expected {draws}");
            }
        }
        let places = |values: Array1<i64>, most: usize| {
            let place = |value: i64| usize::try_from(value).ok().filter(|place| *place < most);
            values.into_iter().map(place).collect::<Option<Vec<_>>>()
        };
        Ok(Self {
            indices: places(indices, usize::MAX).context("an index below 0")?,
            labels: places(labels, classes).context("a label that is no class")?,
            votes: votes.into_iter().collect(),
        })
    }

    /// Writes a part, whole or not at all.
    pub(super) fn write(self, path: &Path, header: &Header) -> anyhow::Result<()> {
        let inputs = self.indices.len();
        let shape = (inputs, header.experts.len(), header.classes.len());
        let numbers = |places: Vec<usize>| {
            let numbers = places.into_iter().map(i64::try_from);
            numbers.collect::<Result<Array1<i64>, _>>()
        };
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        add(&mut archive, "index", &numbers(self.indices)?)?;
        add(&mut archive, "label", &numbers(self.labels)?)?;
        add(&mut archive, "votes", &Array3::from_shape_vec(shape, self.votes)?)?;
        Ok(whole::write(path, archive.finish()?.into_inner())?)
    }
}

fn array<T: ReadableElement, D: ndarray::Dimension>(
    archive: &mut ZipArchive<File>,
    name: &str,
) -> anyhow::Result<ndarray::Array<T, D>> {
    let entry = archive.by_name(&format!("{name}.npy"))?;
    ndarray::Array::read_npy(entry).with_context(|| format!("the array {name}"))
}

fn add<T: WritableElement, D: ndarray::Dimension>(
    archive: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    array: &ndarray::Array<T, D>,
) -> anyhow::Result<()> {
    archive.start_file(format!("{name}.npy"), SimpleFileOptions::default())?;
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes)?;
    Ok(archive.write_all(&bytes)?)
}
