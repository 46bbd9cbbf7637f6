//! Where labels come from.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::DataError;
use crate::npy;

/// Where labels come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Labels {
    /// The data set's own: its class folders, label files or label columns.
    #[default]
    Own,
    /// There are none.
    None,
    /// A file: a table with a header (`.csv`, or `.tsv` with tabs) that has a column
    /// `image`, `file` or `idx` and a column `label` of class indices or names; an
    /// `.npy` array; or a class index on each line, in the order of the inputs.
    File(PathBuf),
}

impl FromStr for Labels {
    type Err = Infallible;

    /// `none`, or the path of a file.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "none" { Self::None } else { Self::File(text.into()) })
    }
}

const INPUTS: [&str; 5] = ["image", "file", "filename", "idx", "index"];
const LABELS: [&str; 2] = ["label", "class"];

/// The class of every input, by place; `names` are the inputs', in their order.
pub(super) fn read(
    path: &Path,
    names: &[String],
    classes: Option<&[String]>,
) -> Result<Vec<usize>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let in_order = match extension {
        "csv" | "tsv" => return table(path, extension, names, classes).map_err(fail),
        "npy" => array(path),
        _ => lines(path),
    };
    let labels = in_order.map_err(fail)?;
    if labels.len() != names.len() {
        return Err(fail(format!("{} labels for {} inputs", labels.len(), names.len())));
    }
    Ok(labels)
}

fn array(path: &Path) -> Result<Vec<usize>, String> {
    npy::classes(npy::array(&std::fs::read(path).map_err(|error| error.to_string())?)?)
}

fn lines(path: &Path) -> Result<Vec<usize>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let class = |(line, text): (usize, &str)| {
        let text = text.trim();
        text.parse().map_err(|_| {
            format!(
                "line {line}: \"{text}\" found, expected a class from 0 (tables are .csv or .tsv)"
            )
        })
    };
    (1..).zip(text.trim_end().lines()).map(class).collect()
}

fn table(
    path: &Path,
    extension: &str,
    names: &[String],
    classes: Option<&[String]>,
) -> Result<Vec<usize>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let delimiter = if extension == "tsv" { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |names: &[&str]| {
        let place = |name: &&str| header.iter().position(|column| column.trim() == *name);
        names.iter().find_map(place).ok_or_else(|| {
            let found: Vec<&str> = header.iter().collect();
            format!(
                "the first line is {}, expected a header with a column named {}",
                found.join(", "),
                names.join(" or ")
            )
        })
    };
    let (input, label) = (column(&INPUTS)?, column(&LABELS)?);
    let mut labels = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |place| record.get(place).unwrap_or_default().trim();
        let class =
            class(field(label), classes).map_err(|problem| format!("line {line}: {problem}"))?;
        if let Some((_, earlier)) = labels.insert(field(input).to_owned(), (class, line)) {
            let name = field(input);
            return Err(format!("line {line}: {name} again, as in line {earlier}"));
        }
    }
    // Tables may name images by longer paths than the data set does.
    let files: HashMap<&str, usize> =
        labels.iter().map(|(name, (class, _))| (file_name(name), *class)).collect();
    let inputs: HashSet<&str> = names.iter().map(|name| file_name(name)).collect();
    let files = Some(files).filter(|f| f.len() == labels.len() && inputs.len() == names.len());
    let of = |name: &String| {
        let exact = labels.get(name).map(|(class, _)| *class);
        let by_file = || files.as_ref()?.get(file_name(name)).copied();
        exact.or_else(by_file).ok_or_else(|| format!("no label for the input {name}"))
    };
    names.iter().map(of).collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn class(text: &str, classes: Option<&[String]>) -> Result<usize, String> {
    let named = || classes.and_then(|names| names.iter().position(|name| name == text));
    text.parse().ok().or_else(named).ok_or_else(|| {
        let known =
            classes.map_or_else(String::new, |names| format!(" or one of {}", names.join(", ")));
        format!("the label \"{text}\" found, expected a class from 0{known}")
    })
}
