//! What logs are called.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// What ends the name of a log without being part of it. Not `.25`: that is a σ.
const EXTENSIONS: [&str; 5] = ["tsv", "txt", "csv", "jsonl", "gz"];

/// Two logs that nothing tells apart.
#[derive(Debug, thiserror::Error)]
pub enum SameName {
    /// One file, given twice.
    #[error("{0} is given twice")]
    File(PathBuf),
    /// One name, given to two logs.
    #[error("two logs are named {0}: give them names of their own, as in a={1}")]
    Name(String, PathBuf),
}

/// The file's name without its extensions.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut stem = name.as_str();
    while let Some((before, extension)) = stem.rsplit_once('.') {
        if before.is_empty() || !is_known(extension) {
            break;
        }
        stem = before;
    }
    stem.to_owned()
}

fn is_known(extension: &str) -> bool {
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// What lies beside a table under the same name: `a.jsonl` beside `a.tsv`. A dot that begins no
/// extension of tables stays: beside `sigma_0.25` lies `sigma_0.25.jsonl`.
#[must_use]
pub fn beside(table: &Path, extension: &str) -> PathBuf {
    let name = table.with_extension("");
    let mut name = if known(table).is_some() { name } else { table.to_owned() }.into_os_string();
    name.push(".");
    name.push(extension);
    name.into()
}

/// The same table with a mark in its name: `a.2-of-8.tsv` for `a.tsv`.
#[must_use]
pub fn marked(table: &Path, mark: &str) -> PathBuf {
    let marked = beside(table, mark);
    let Some(extension) = known(table) else { return marked };
    let mut name = marked.into_os_string();
    name.push(".");
    name.push(extension);
    name.into()
}

/// The extension, if it is one of tables.
fn known(table: &Path) -> Option<&OsStr> {
    table.extension().filter(|extension| is_known(&extension.to_string_lossy()))
}

/// Whether a name says that the log is of records.
pub(super) fn is_jsonl(path: &Path) -> bool {
    let plain = without_gz(path);
    plain.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
}

/// The path that a file had before it was compressed.
pub(super) fn without_gz(path: &Path) -> PathBuf {
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("gz") => path.with_extension(""),
        _ => path.to_owned(),
    }
}

/// Names that tell logs apart: those given, else the files' own, with as many of their
/// folders as it takes.
///
/// # Errors
/// If a file comes twice without a name, or a name is given twice.
pub fn names(logs: &[(Option<&str>, &Path)]) -> Result<Vec<String>, SameName> {
    let mut longer: Vec<Candidates> = logs.iter().map(|log| Candidates::of(*log)).collect();
    // The two files of a run have one name but for the extension: there it stays.
    let stems: Vec<String> = longer.iter().map(|own| own.full(&own.stem)).collect();
    for (own, stem) in longer.iter_mut().zip(&stems) {
        if stems.iter().filter(|other| *other == stem).count() > 1 {
            own.stem.clone_from(&own.file);
        }
    }
    loop {
        let names: Vec<String> = longer.iter().map(Candidates::name).collect();
        let mut count: HashMap<&str, usize> = HashMap::new();
        names.iter().for_each(|name| *count.entry(name).or_default() += 1);
        let same: Vec<usize> = (0..names.len()).filter(|&i| count[names[i].as_str()] > 1).collect();
        let Some(&first) = same.first() else { return Ok(names) };
        let mut grown = false;
        for &place in &same {
            grown |= longer[place].grow();
        }
        if !grown {
            let (name, path) = logs[first];
            return Err(match name {
                Some(name) => SameName::Name(name.to_owned(), path.to_owned()),
                None => SameName::File(path.to_owned()),
            });
        }
    }
}

/// What a log may be called.
struct Candidates {
    given: Option<String>,
    stem: String,
    file: String,
    /// From the nearest up.
    folders: Vec<String>,
    /// So many folders are part of the name.
    taken: usize,
}

impl Candidates {
    fn of((given, path): (Option<&str>, &Path)) -> Self {
        let folders = path.parent().into_iter().flat_map(Path::components).rev();
        let folders = folders.filter(|part| !matches!(part, Component::CurDir));
        Self {
            given: given.map(str::to_owned),
            stem: stem(path),
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            folders: folders.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect(),
            taken: 0,
        }
    }

    fn full(&self, file: &str) -> String {
        self.given.clone().unwrap_or_else(|| with_folders(&self.folders, file))
    }

    fn name(&self) -> String {
        let folders = &self.folders[..self.taken];
        self.given.clone().unwrap_or_else(|| with_folders(folders, &self.stem))
    }

    fn grow(&mut self) -> bool {
        let can = self.given.is_none() && self.taken < self.folders.len();
        self.taken += usize::from(can);
        can
    }
}

fn with_folders(nearest_first: &[String], file: &str) -> String {
    let parts = nearest_first.iter().rev().map(String::as_str).chain([file]);
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(paths: &[&str]) -> Vec<String> {
        let logs: Vec<_> = paths.iter().map(|path| (None, Path::new(*path))).collect();
        names(&logs).unwrap()
    }

    #[test]
    fn only_the_extensions_of_logs_are_cut_off() {
        for (file, name) in [
            ("a/noise_0.12", "noise_0.12"),
            ("noise_1.00.tsv", "noise_1.00"),
            ("b.txt.GZ", "b"),
            ("run.3-of-8.jsonl", "run.3-of-8"),
            (".tsv", ".tsv"),
            ("v1.2", "v1.2"),
        ] {
            assert_eq!(stem(Path::new(file)), name);
        }
        assert!(is_jsonl(Path::new("a.jsonl.gz")) && !is_jsonl(Path::new("a_0.jsonl.5")));
        assert_eq!(without_gz(Path::new("a_0.5.tsv.gz")), Path::new("a_0.5.tsv"));
    }

    #[test]
    fn names_take_as_many_folders_as_tell_them_apart() {
        assert_eq!(told(&["x/s_0.5", "y/s_1.0"]), ["s_0.5", "s_1.0"]);
        assert_eq!(told(&["m/x/t/s.tsv", "m/y/t/s.tsv", "z.tsv"]), ["x/t/s", "y/t/s", "z"]);
        assert_eq!(told(&["s.tsv", "../s.tsv", "./a/s.tsv"]), ["s", "../s", "a/s"]);
        assert_eq!(told(&["r/a.tsv", "r/a.jsonl", "b.tsv"]), ["a.tsv", "a.jsonl", "b"]);
        let named = [(Some("s"), Path::new("a.tsv")), (None, Path::new("b/s.tsv"))];
        assert_eq!(names(&named).unwrap(), ["s", "b/s"]);
    }

    #[test]
    fn what_nothing_tells_apart_is_an_error() {
        let twice = [(None, Path::new("a/s.tsv")), (None, Path::new("a/./s.tsv"))];
        assert!(names(&twice).unwrap_err().to_string().contains("a/s.tsv is given twice"));
        let named = [(Some("s"), Path::new("a.tsv")), (Some("s"), Path::new("b.tsv"))];
        let problem = names(&named).unwrap_err().to_string();
        assert!(problem.contains("two logs are named s"), "{problem}");
    }
}
