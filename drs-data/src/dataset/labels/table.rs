//! Tables that name inputs.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;

use drs_core::text::counted;
use drs_memory::Limited;

use super::Label;

const INPUTS: [&str; 6] = ["image", "file", "filename", "idx", "index", "ImageId"];
const LABELS: [&str; 5] = ["label", "class", "synset", "wnid", BOXES];
/// A column of the form `name x y x y name x y x y`: the challenge's tables have it.
const BOXES: &str = "PredictionString";

/// The labels of some inputs, and what should be said of the others in the table.
pub(super) type Found = (Vec<Label>, Option<String>);

/// A table with a header.
pub(super) fn read(path: &Path, delimiter: u8, inputs: &[String]) -> Result<Found, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    // One record may be as long as the file.
    let file = Limited::twice(file);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |names: &[&str]| {
        let exact = |name: &&str| header.iter().position(|column| column.trim() == *name);
        let meant =
            |name: &&str| header.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
        names.iter().find_map(exact).or_else(|| names.iter().find_map(meant)).ok_or_else(|| {
            let found: Vec<&str> = header.iter().collect();
            format!(
                "the first line is {}, expected a header with a column named {}",
                found.join(", "),
                names.join(" or ")
            )
        })
    };
    let (input, label) = (column(&INPUTS)?, column(&LABELS)?);
    let has_boxes = header.get(label).is_some_and(|name| name.trim().eq_ignore_ascii_case(BOXES));
    let mut table = Table::default();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or_default();
        let field = |place| record.get(place).unwrap_or_default().trim();
        let text = if has_boxes { boxed(field(label)) } else { Ok(field(label)) };
        let text = text.map_err(|problem| format!("line {line}: {problem}"))?;
        table.add(field(input), Label { line, text: text.to_owned() })?;
    }
    table.of(inputs)
}

/// The one name of `name x y x y name x y x y`.
fn boxed(text: &str) -> Result<&str, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let name = words.first().copied().unwrap_or_default();
    let is_box = |words: &[&str]| {
        words.len() == 5 && words[0] == name && words[1..].iter().all(|w| w.parse::<f64>().is_ok())
    };
    if words.len() == 1 || (!words.is_empty() && words.chunks(5).all(is_box)) {
        return Ok(name);
    }
    Err(format!("{BOXES} is \"{text}\", expected one class, with four numbers behind it each time"))
}

/// Labels by the inputs' names.
#[derive(Default)]
pub(super) struct Table {
    labels: HashMap<String, Label>,
}

impl Table {
    pub(super) fn add(&mut self, input: &str, label: Label) -> Result<(), String> {
        let line = label.line;
        if label.text.is_empty() {
            return Err(format!("line {line}: no label for {input}"));
        }
        match self.labels.insert(input.to_owned(), label) {
            Some(Label { line: earlier, .. }) => {
                Err(format!("line {line}: {input} again, as in line {earlier}"))
            }
            None => Ok(()),
        }
    }

    /// The labels of these inputs. Tables may name them by longer paths than the data set does,
    /// or without an extension.
    pub(super) fn of(&self, inputs: &[String]) -> Result<Found, String> {
        let files = Short::new(self, inputs, file_name);
        let stems = Short::new(self, inputs, stem);
        let label = |input: &String| {
            let found = self.labels.get(input);
            let found = found.or_else(|| files.as_ref()?.get(input));
            let found = found.or_else(|| stems.as_ref()?.get(input));
            let Label { line, text } =
                found.ok_or_else(|| format!("no label for the input {input}"))?;
            Ok::<_, String>(Label { line: *line, text: text.clone() })
        };
        let labels: Vec<Label> = inputs.iter().map(label).collect::<Result<_, _>>()?;
        let others = self.labels.len().saturating_sub(labels.len());
        let note = (others > 0).then(|| {
            let others = counted(others, "label");
            format!("{others} in the label file for what is no input of the data set")
        });
        Ok((labels, note))
    }
}

/// Labels by a part of the inputs' names that is each one's own.
struct Short<'a> {
    labels: HashMap<&'a str, &'a Label>,
    part: fn(&str) -> &str,
}

impl<'a> Short<'a> {
    /// `None` if inputs or labels share such a part.
    fn new(table: &'a Table, inputs: &[String], part: fn(&str) -> &str) -> Option<Self> {
        let labels: HashMap<&str, &Label> =
            table.labels.iter().map(|(name, label)| (part(name), label)).collect();
        let own: HashSet<&str> = inputs.iter().map(|name| part(name)).collect();
        let is_clear = labels.len() == table.labels.len() && own.len() == inputs.len();
        is_clear.then_some(Self { labels, part })
    }

    fn get(&self, input: &str) -> Option<&'a Label> {
        self.labels.get((self.part)(input)).copied()
    }
}

/// The name without its folders.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name without folders and extension.
pub(super) fn stem(path: &str) -> &str {
    let name = file_name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_name_one_class() {
        assert_eq!(boxed("n01 1 2 3 4 n01 5 6 7 8").unwrap(), "n01");
        assert_eq!(boxed("n01").unwrap(), "n01");
        for text in ["", "n01 1 2 3 4 n02 5 6 7 8", "n01 1 2 3", "n01 a b c d"] {
            assert!(boxed(text).unwrap_err().contains("expected one class"), "{text}");
        }
    }
}
