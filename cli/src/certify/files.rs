//! The result files: TSV for tools of the field, JSONL for certificates.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use drs_analysis::Record;
use drs_router::Router;

use super::Certified;

/// The first six are the field's, in its order.
const COLUMNS: [&str; 11] = [
    "idx",
    "label",
    "predict",
    "radius",
    "correct",
    "time",
    "expert",
    "sigma",
    "route_radius",
    "class_radius",
    "draws",
];

pub(super) struct ResultFiles {
    path: PathBuf,
    table: csv::Writer<File>,
    records: BufWriter<File>,
}

impl ResultFiles {
    /// Refuses paths that exist, or that would make both files one.
    pub(super) fn check(path: &Path, overwrite: bool) -> anyhow::Result<()> {
        let records = records_path(path);
        if records == path {
            bail!(
                "--out {}: this is the table, give it another extension than .jsonl",
                path.display()
            );
        }
        for path in [path, &records] {
            if !overwrite && path.exists() {
                bail!("{} exists; --overwrite replaces it", path.display());
            }
        }
        Ok(())
    }

    pub(super) fn create(path: &Path, overwrite: bool) -> anyhow::Result<Self> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.write(true).truncate(overwrite).create(overwrite).create_new(!overwrite);
            options.open(path).with_context(|| format!("cannot write {}", path.display()))
        };
        let table = csv::WriterBuilder::new().delimiter(b'\t').from_writer(open(path)?);
        let records = BufWriter::new(open(&records_path(path))?);
        let mut files = Self { path: path.to_owned(), table, records };
        files
            .table
            .write_record(COLUMNS)
            .map_err(anyhow::Error::from)
            .with_context(|| files.problem())?;
        files.flush()?;
        Ok(files)
    }

    /// Appends one input to both files and hands it to the system.
    pub(super) fn write(&mut self, certified: &Certified, router: &Router) -> anyhow::Result<()> {
        let Certified { example, certificate, seconds } = certified;
        let verdict = &certificate.verdict;
        let expert = verdict.expert.and_then(|expert| router.pool().experts.get(expert));
        let dash = || "-".to_owned();
        let class = |class: Option<usize>| class.map_or_else(|| "-1".to_owned(), |c| c.to_string());
        let row = [
            example.index.to_string(),
            class(example.label),
            class(verdict.class),
            format!("{:.6}", verdict.radius),
            u8::from(certified.correct() == Some(true)).to_string(),
            format!("{seconds:.3}"),
            expert.map_or_else(dash, |expert| expert.name.clone()),
            expert.map_or_else(dash, |expert| expert.sigma.get().to_string()),
            verdict.route_radius.map_or_else(|| "inf".to_owned(), |radius| format!("{radius:.6}")),
            format!("{:.6}", verdict.class_radius),
            certificate.draws().to_string(),
        ];
        let record = Record {
            idx: example.index,
            label: example.label,
            input: Cow::Borrowed(&example.name),
            correct: certified.correct(),
            time: *seconds,
            certificate: Cow::Borrowed(certificate),
        };
        self.table
            .write_record(&row)
            .map_err(anyhow::Error::from)
            .with_context(|| self.problem())?;
        serde_json::to_writer(&mut self.records, &record)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(self.records.write_all(b"\n")?))
            .with_context(|| self.problem())?;
        self.flush()
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.table.flush().and_then(|()| self.records.flush()).with_context(|| self.problem())
    }

    fn problem(&self) -> String {
        format!("cannot write {} or its .jsonl", self.path.display())
    }
}

fn records_path(path: &Path) -> PathBuf {
    path.with_extension("jsonl")
}
