//! Tables in Markdown and LaTeX.

use comfy_table::{CellAlignment, Table, presets};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    Markdown,
    Latex,
}

/// A table whose first column is text, the others figures.
pub(crate) struct Grid {
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Markup {
    pub(crate) fn table(self, grid: &Grid) -> String {
        match self {
            Self::Markdown => markdown(grid),
            Self::Latex => latex(grid),
        }
    }

    pub(crate) fn note(self, text: &str) -> String {
        match self {
            Self::Markdown => format!("{text}\n"),
            Self::Latex => format!("% {text}\n"),
        }
    }
}

fn markdown(grid: &Grid) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(&grid.header);
    grid.rows.iter().for_each(|row| {
        table.add_row(row);
    });
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    format!("{}\n\n{table}\n", grid.title)
}

/// For the booktabs package.
fn latex(grid: &Grid) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("{} \\\\\n", cells.join(" & "))
    };
    let columns = "r".repeat(grid.header.len().saturating_sub(1));
    let rows: String = grid.rows.iter().map(|row| line(row)).collect();
    format!(
        "% {}\n\\begin{{tabular}}{{l{columns}}}\n\\toprule\n{}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n",
        grid.title,
        line(&grid.header)
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' | '_' | '&' | '#' | '$' | '{' | '}' => escaped.extend(['\\', character]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '–' => escaped.push_str("--"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latex_is_escaped() {
        let grid = Grid {
            title: "shares".into(),
            header: vec!["log".into(), "0.25".into()],
            rows: vec![vec!["noise_0.25 & more".into(), "60.00 %".into()]],
        };
        let latex = Markup::Latex.table(&grid);
        assert!(latex.contains("noise\\_0.25 \\& more & 60.00 \\% \\\\"), "{latex}");
        assert!(latex.contains("\\begin{tabular}{lr}"), "{latex}");
        assert!(Markup::Markdown.table(&grid).contains("| noise_0.25 & more | 60.00 % |"));
    }
}
