//! Which class of the experts each label is.

mod keyed;
mod list;
mod matching;
mod numbers;
mod told;

use std::borrow::Cow;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::DataError;
pub(super) use list::some;
use matching::{Matched, by_name, by_place};
pub(super) use numbers::{DEVKIT, number};

/// How the classes of a data set and those of the experts are brought together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Classes {
    /// By their names.
    #[default]
    ByName,
    /// By their places: the first class of the data set is the experts' first. Folders are
    /// sorted as texts, as torchvision does, so `10` comes before `9`.
    ByPlace,
    /// By name, where the experts' classes have these names, in the experts' order.
    Names(Vec<String>),
    /// The same, from a text file with a name on each line.
    File(PathBuf),
}

impl FromStr for Classes {
    type Err = Infallible;

    /// `by-name`, `by-place`, names with commas between them, or the path of a file.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "by-name" => Self::ByName,
            "by-place" => Self::ByPlace,
            names if names.contains(',') => {
                Self::Names(names.split(',').map(|name| name.trim().to_owned()).collect())
            }
            path => Self::File(path.into()),
        })
    }
}

impl Classes {
    /// The names that were given for the experts' classes; `None` if none were.
    ///
    /// # Errors
    /// If a file with names cannot be read, or is empty.
    pub fn names(&self) -> Result<Option<Vec<String>>, DataError> {
        let path = match self {
            Self::ByName | Self::ByPlace => return Ok(None),
            Self::Names(names) => return Ok(Some(names.clone())),
            Self::File(path) => path,
        };
        let (text, _claim) = drs_memory::read_text(path).map_err(|error| {
            let expected =
                "--classes takes by-place, names with commas between them, or such a file";
            DataError::new(path, format!("{error}; {expected}"))
        })?;
        let lines = text.trim_end().lines();
        let names: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
        match names.iter().position(String::is_empty) {
            _ if names.is_empty() => {
                Err(DataError::new(path, "is empty, expected the name of a class on each line"))
            }
            Some(line) => {
                let problem = format!("line {} is empty, expected the name of a class", line + 1);
                Err(DataError::new(path, problem))
            }
            None => Ok(Some(names)),
        }
    }
}

impl Classes {
    /// The names of the experts' classes: those that were given, or their own.
    pub(super) fn of<'a>(&self, experts: &'a [String]) -> Result<Cow<'a, [String]>, DataError> {
        let Some(names) = self.names()? else { return Ok(Cow::Borrowed(experts)) };
        let (found, expected) = (names.len(), experts.len());
        if found == expected {
            return Ok(Cow::Owned(names));
        }
        let source = match self {
            Self::File(path) => path.as_path(),
            _ => Path::new("--classes"),
        };
        let problem = format!("{found} names, expected {expected}, one for each class");
        Err(DataError::new(source, problem))
    }
}

/// The names behind labels.
#[derive(Debug)]
pub(super) struct Names {
    /// Of folders and of label files sorted as texts; of other data sets in their own order.
    pub(super) list: Vec<String>,
    /// What they are, in the plural, for messages.
    pub(super) what: String,
    /// Whether the data set stores places in the list: then these are what models were trained
    /// on, whatever the names look like.
    pub(super) are_stored_places: bool,
}

/// Labels as the data set tells them.
#[derive(Debug)]
pub(super) struct Raw {
    /// The data set or the label file.
    pub(super) source: PathBuf,
    /// Places among the names if there are any, else numbers as they were found.
    pub(super) labels: Vec<usize>,
    pub(super) names: Option<Names>,
    /// The number of the first class, where labels are numbers.
    pub(super) first: usize,
    /// What was assumed when they were read.
    pub(super) note: Option<String>,
}

/// Labels as they count.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) labels: Vec<usize>,
    pub(super) classes: Option<Vec<String>>,
    /// What was assumed.
    pub(super) notes: Vec<String>,
}

impl Raw {
    /// In the data set's own order. Names that are numbers are sorted as numbers.
    pub(super) fn own(&self) -> Result<Counted, DataError> {
        let Some(Names { list, what, .. }) = &self.names else {
            let labels = numbers::counted(&self.labels, self.first).map_err(|e| self.fail(e))?;
            return Ok(Counted { labels, classes: None, notes: Vec::new() });
        };
        if let Some(label) = self.labels.iter().find(|&&label| label >= list.len()) {
            let problem = format!("the label {label} found, but there are {} {what}", list.len());
            return Err(self.fail(problem));
        }
        let mut order: Vec<usize> = (0..list.len()).collect();
        if let Some(values) = numbers::all(list) {
            order.sort_by_key(|&place| values[place]);
        }
        let mut places = vec![0; list.len()];
        order.iter().enumerate().for_each(|(place, &was)| places[was] = place);
        Ok(Counted {
            labels: self.labels.iter().map(|&label| places[label]).collect(),
            classes: Some(order.iter().map(|&was| list[was].clone()).collect()),
            notes: Vec::new(),
        })
    }

    /// As the experts count their classes. `name` tells an input's name by its index.
    pub(super) fn matched(
        &self,
        experts: &[String],
        classes: &Classes,
        name: impl Fn(usize) -> String,
    ) -> Result<Counted, DataError> {
        let experts = &*classes.of(experts)?;
        let Some(names) = &self.names else {
            let (labels, note) = numbers::in_range(&self.labels, self.first, experts.len(), name)
                .map_err(|problem| self.fail(problem))?;
            let classes = Some(experts.to_vec());
            return Ok(Counted { labels, classes, notes: note.into_iter().collect() });
        };
        // They are places in the list: that was seen when the data was opened.
        let mut used = vec![false; names.list.len()];
        self.labels.iter().for_each(|&label| used[label] = true);
        let Matched { places, classes, note } = match classes {
            Classes::ByPlace => by_place(names, experts),
            _ => by_name(names, &used, experts, self.first),
        }
        .map_err(|problem| self.fail(problem))?;
        let class = |&label: &usize| {
            // Every name that a label has was matched.
            places[label].ok_or_else(|| self.fail(format!("no class for {}", names.list[label])))
        };
        let labels = self.labels.iter().map(class).collect::<Result<_, _>>()?;
        Ok(Counted { labels, classes: Some(classes), notes: note.into_iter().collect() })
    }

    fn fail(&self, problem: String) -> DataError {
        DataError::new(Path::new(&self.source), problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_classes_are_is_read_from_text() {
        let read = |text: &str| text.parse::<Classes>().unwrap();
        assert_eq!(read("by-place"), Classes::ByPlace);
        assert_eq!(read("cat, hot dog"), Classes::Names(vec!["cat".into(), "hot dog".into()]));
        assert_eq!(read("names.txt"), Classes::File("names.txt".into()));
    }

    #[test]
    fn a_file_has_a_name_on_each_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        let classes = Classes::File(path.clone());
        let missing = classes.names().unwrap_err().to_string();
        assert!(missing.contains("names.txt") && missing.contains("by-place"), "{missing}");
        std::fs::write(&path, "cat\r\nhot dog\n").unwrap();
        assert_eq!(classes.names().unwrap().unwrap(), ["cat", "hot dog"]);
        std::fs::write(&path, "cat\n\ndog\n").unwrap();
        assert!(classes.names().unwrap_err().to_string().contains("line 2 is empty"));
        std::fs::write(&path, "\n").unwrap();
        assert!(classes.names().unwrap_err().to_string().contains("is empty"));
    }
}
