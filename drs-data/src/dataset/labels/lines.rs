//! Text files without a header: an input and its label on each line, or a label alone.

use std::path::Path;

use super::table::{Found, Table, file_name, stem};
use super::{Label, as_many, in_text_order};

/// The labels, and what should be said of them.
pub(super) fn read(path: &Path, inputs: &[String]) -> Result<Found, String> {
    let (text, _claim) = drs_memory::read_text(path).map_err(|error| error.to_string())?;
    let lines: Vec<(usize, &str)> = (1..).zip(text.trim_end().lines()).collect();
    if let Some((line, _)) = lines.iter().find(|(_, text)| text.trim().is_empty()) {
        return Err(format!("line {line} is empty, expected a label"));
    }
    let (_, head) = lines.first().copied().ok_or("is empty, expected a label on each line")?;
    if names_an_input(head, inputs) {
        return pairs(&lines, inputs);
    }
    as_many(lines.len(), inputs).map_err(|problem| {
        let hint = if columns(head).len() > 1 {
            format!("; its first line is \"{head}\", which begins with no input's name")
        } else {
            String::new()
        };
        format!("{problem}{hint} (tables with a header are .csv or .tsv)")
    })?;
    let numbers = |text: &str| {
        let columns = columns(text);
        columns.len() > 1 && columns.iter().all(|column| column.parse::<f64>().is_ok())
    };
    if let Some((line, text)) = lines.iter().find(|(_, text)| numbers(text)) {
        return Err(format!(
            "line {line}: \"{text}\" found, several numbers: name inputs with their extensions, as in \"0001.png 3\", or write a .csv with a header"
        ));
    }
    let label = |(line, text): &(usize, &str)| Label { line: *line, text: text.trim().to_owned() };
    // They belong to the inputs by their places.
    Ok((lines.iter().map(label).collect(), in_text_order(inputs)))
}

/// Whether a line is more than a label.
fn names_an_input(line: &str, inputs: &[String]) -> bool {
    let columns = columns(line);
    let [input, _, ..] = columns[..] else { return false };
    let is_input = |name: &String| {
        name == input || file_name(name) == file_name(input) || stem(name) == stem(input)
    };
    // Numbers are the names of inputs that have none: two of them may be anything.
    input.parse::<usize>().is_err() && inputs.iter().any(is_input)
}

fn columns(line: &str) -> Vec<&str> {
    if line.contains('\t') {
        return line.split('\t').map(str::trim).collect();
    }
    if line.contains(',') {
        return line.split(',').map(str::trim).collect();
    }
    line.split_whitespace().collect()
}

/// `input label`, and numbers behind them, which are boxes.
fn pairs(lines: &[(usize, &str)], inputs: &[String]) -> Result<Found, String> {
    let mut table = Table::default();
    for &(line, text) in lines {
        let columns = columns(text);
        let label = match &columns[..] {
            [_, label, rest @ ..] if rest.iter().all(|text| text.parse::<f64>().is_ok()) => label,
            _ => {
                return Err(format!(
                    "line {line}: \"{text}\" found, expected an input's name and its label, with a tab between them if one has blanks"
                ));
            }
        };
        table.add(columns[0], Label { line, text: (*label).to_owned() })?;
    }
    table.of(inputs)
}
