//! Tables and notes in Markdown, LaTeX and HTML.

use comfy_table::{CellAlignment, Table, presets};
use drs_core::text::printable;

use crate::escape;

/// A table whose first column is text, the others figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Above the table.
    pub title: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// As many cells each as the header has.
    pub rows: Vec<Vec<String>>,
}

/// A piece of a text of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A table.
    Table(Grid),
    /// A remark on the tables before it.
    Note(String),
}

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Markup {
    /// Readable as it is.
    Markdown,
    /// For the booktabs package.
    Latex,
    /// `table` and `p` elements.
    Html,
}

impl Markup {
    /// The parts one after the other.
    #[must_use]
    pub fn text(self, parts: &[Part]) -> String {
        let part = |part: &Part| match (part, self) {
            (Part::Table(grid), Self::Markdown) => markdown(grid),
            (Part::Table(grid), Self::Latex) => latex(grid),
            (Part::Table(grid), Self::Html) => html(grid),
            (Part::Note(note), Self::Markdown) => format!("{}\n", printable(note)),
            (Part::Note(note), Self::Latex) => format!("% {}\n", printable(note)),
            (Part::Note(note), Self::Html) => format!("<p>{}</p>\n", escape::html(note)),
        };
        parts.iter().map(part).collect::<Vec<_>>().join("\n")
    }
}

fn markdown(grid: &Grid) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(grid.header.iter().map(|cell| escape::markdown(cell)));
    grid.rows.iter().for_each(|row| {
        table.add_row(row.iter().map(|cell| escape::markdown(cell)));
    });
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    format!("{}\n\n{table}\n", printable(&grid.title))
}

fn latex(grid: &Grid) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escape::latex(cell)).collect();
        format!("{} \\\\\n", cells.join(" & "))
    };
    let columns = "r".repeat(grid.header.len().saturating_sub(1));
    let rows: String = grid.rows.iter().map(|row| line(row)).collect();
    format!(
        "% {}\n\\begin{{tabular}}{{l{columns}}}\n\\toprule\n{}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n",
        printable(&grid.title),
        line(&grid.header)
    )
}

fn html(grid: &Grid) -> String {
    let line = |cells: &[String], tag: &str| {
        let cell = |cell: &String| format!("<{tag}>{}</{tag}>", escape::html(cell));
        format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>())
    };
    let rows: String = grid.rows.iter().map(|row| line(row, "td")).collect();
    format!(
        "<table>\n<caption>{}</caption>\n<thead>{}</thead>\n<tbody>{rows}</tbody>\n</table>\n",
        escape::html(&grid.title),
        line(&grid.header, "th")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_escaped() {
        let grid = Grid {
            title: "shares".into(),
            header: vec!["log".into(), "0.25".into()],
            rows: vec![vec!["noise_0.25 & <more>".into(), "≥ 60.00 %".into()]],
        };
        let parts = [Part::Table(grid), Part::Note("a < b".into())];
        let latex = Markup::Latex.text(&parts);
        assert!(latex.contains("noise\\_0.25 \\& $<$more$>$ & $\\geq$ 60.00 \\% \\\\"), "{latex}");
        assert!(latex.contains("\\begin{tabular}{lr}") && latex.contains("% a < b"), "{latex}");
        let html = Markup::Html.text(&parts);
        let row = "<tr><td>noise_0.25 &amp; &lt;more&gt;</td><td>≥ 60.00 %</td></tr>";
        assert!(html.contains(row) && html.contains("<p>a &lt; b</p>"), "{html}");
        assert!(Markup::Markdown.text(&parts).contains("| noise_0.25 & \\<more> | ≥ 60.00 % |"));
    }
}
