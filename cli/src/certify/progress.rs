//! The progress bar and the summary after it.

use std::io::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use drs_router::Router;
use indicatif::{ProgressBar, ProgressStyle};

use super::Certified;

/// Radii at which certified accuracy is shown.
const RADII: [f64; 11] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5];

pub(super) struct Progress {
    bar: ProgressBar,
    inputs: usize,
    /// Correct with a radius strictly above each of [`RADII`].
    certified: [usize; RADII.len()],
    abstained: usize,
    draws: u64,
    /// Inputs per expert; the last entry counts router abstentions.
    routed: Vec<usize>,
}

impl Progress {
    pub(super) fn start(inputs: usize) -> Self {
        let bar = ProgressBar::new(inputs as u64);
        let template = "{wide_bar} {pos}/{len} inputs, {elapsed} gone, {eta} left, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message("certified accuracy -");
        Self {
            bar,
            inputs: 0,
            certified: [0; RADII.len()],
            abstained: 0,
            draws: 0,
            routed: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, certified: &Certified) {
        let verdict = &certified.certificate.verdict;
        self.inputs += 1;
        self.abstained += usize::from(verdict.class.is_none());
        self.draws += certified.certificate.draws();
        if certified.correct() {
            for (count, radius) in self.certified.iter_mut().zip(RADII) {
                *count += usize::from(verdict.radius.get() > radius);
            }
        }
        let place = verdict.expert.map_or(0, |expert| expert + 1);
        if self.routed.len() <= place {
            self.routed.resize(place + 1, 0);
        }
        self.routed[place] += 1;
        let share = |index: usize| 100.0 * self.certified[index] as f64 / self.inputs as f64;
        self.bar.set_message(format!(
            "certified accuracy {:.1} % (r = 0.5: {:.1} %)",
            share(0),
            share(2)
        ));
        self.bar.inc(1);
    }

    /// Ends the bar, prints the summary and returns the number of inputs done.
    pub(super) fn finish(self, router: &Router) -> usize {
        self.bar.finish_and_clear();
        if self.inputs == 0 {
            return 0;
        }
        let percent = |count: usize| format!("{:.2}", 100.0 * count as f64 / self.inputs as f64);
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(std::iter::once("radius".to_owned()).chain(RADII.map(|r| r.to_string())));
        let cells = self.certified.iter().map(|&count| percent(count));
        table.add_row(std::iter::once("certified accuracy, %".to_owned()).chain(cells));
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let names = std::iter::once("no expert")
            .chain(router.pool().experts.iter().map(|e| e.name.as_str()));
        let routed: Vec<String> = names
            .zip(&self.routed)
            .filter(|(_, count)| **count > 0)
            .map(|(name, &count)| format!("{name} {} %", percent(count)))
            .collect();
        let counts = format!(
            "{} inputs, abstained {} %, {} draws per input, routed to {}",
            self.inputs,
            percent(self.abstained),
            self.draws / self.inputs as u64,
            routed.join(", ")
        );
        // The results are in the files: a closed standard output is no failure.
        let _ = writeln!(std::io::stdout(), "{table}\n{counts}");
        self.inputs
    }
}
