//! The progress bar and the summary after it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use drs_analysis::{Record, Watch};
use drs_core::sampling::USUAL_RADII;
use drs_progress::{Bar, say};
use drs_router::Router;
use drs_run::Tally;
use indicatif::FormattedDuration;

/// How often a log is told where the run stands.
const LINES: Duration = Duration::from_secs(60);

pub(super) struct Progress {
    bar: Bar,
    start: Instant,
    /// When a log was told last.
    told: Instant,
    /// Inputs of the run.
    of: usize,
    tally: Tally,
    /// Inputs that were done before.
    before: usize,
    /// How long it took, once it rests.
    took: Duration,
}

/// Methods that send each input to an expert.
const ROUTED: [&str; 3] = ["maxmin", "set", "dual"];

impl Progress {
    /// Of a run over so many inputs, of which these are done.
    pub(super) fn start(inputs: usize, done: Tally) -> Self {
        let (bar, before) = (Bar::over(inputs, "inputs"), done.inputs);
        bar.skip(before);
        let (start, told, took) = (Instant::now(), Instant::now(), Duration::ZERO);
        Self { bar, start, told, of: inputs, tally: done, before, took }
    }

    pub(super) fn add(&mut self, record: &Record<'_>) {
        self.tally.count(record);
        let share =
            |index: usize| 100.0 * self.tally.certified[index] as f64 / self.tally.inputs as f64;
        let figures =
            format!(", {} {:.1} % (r = 0.5: {:.1} %)", self.tally.measure(), share(0), share(2));
        self.bar.advance();
        if self.told.elapsed() > LINES {
            self.told = Instant::now();
            self.bar.log(&format!("{} of {} inputs{figures}", self.tally.inputs, self.of));
        }
        self.bar.set_message(figures);
        if let Some(found) = self.tally.watch.as_mut().and_then(Watch::look) {
            self.say(&format!("warning: {found}"));
        }
    }

    /// Writes a line above the bar.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| say!("{line}"));
    }

    /// Ends the bar: nothing is drawn any more.
    pub(super) fn rest(&mut self) {
        self.took = self.start.elapsed();
        self.bar.finish();
    }

    /// Prints the summary.
    pub(super) fn finish(mut self, router: &Router, method: &str) {
        if let Some(found) = self.tally.watch.as_mut().and_then(Watch::finish) {
            self.say(&format!("warning: {found}"));
        }
        if self.tally.inputs == 0 {
            return;
        }
        let percent =
            |count: usize| format!("{:.2}", 100.0 * count as f64 / self.tally.inputs as f64);
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(
            std::iter::once("radius".to_owned()).chain(USUAL_RADII.map(|r| r.to_string())),
        );
        let cells = self.tally.certified.iter().zip(&self.tally.open).map(|(&count, &open)| {
            if open == 0 { percent(count) } else { format!("≥ {}", percent(count)) }
        });
        table.add_row(std::iter::once(format!("{}, %", self.tally.measure())).chain(cells));
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let names = std::iter::once("no expert")
            .chain(router.pool().experts.iter().map(|e| e.name.as_str()));
        let routed: Vec<String> = names
            .zip(&self.tally.routed)
            .filter(|(_, count)| **count > 0)
            .map(|(name, &count)| format!("{name} {} %", percent(count)))
            .collect();
        let elapsed = self.took;
        let work = match self.tally.inputs - self.before {
            0 => "nothing was left to do".to_owned(),
            new => format!(
                "{} {}, {:.3} s per input, models running {:.0} % of the time",
                FormattedDuration(elapsed),
                if self.before == 0 { "in all".to_owned() } else { format!("for {new} of them") },
                elapsed.as_secs_f64() / new as f64,
                100.0 * router.model_time().as_secs_f64() / elapsed.as_secs_f64()
            ),
        };
        let counts = format!(
            "{} inputs, abstained {} %, {:.0} draws per input, {} {}\n{work}",
            self.tally.inputs,
            percent(self.tally.abstained),
            self.tally.draws as f64 / self.tally.inputs as f64,
            if ROUTED.contains(&method) { "routed to" } else { "experts:" },
            routed.join(", "),
        );
        // The results are in the files: a closed standard output is no failure.
        let _ = writeln!(std::io::stdout(), "{table}\n{counts}");
        if self.tally.open.iter().any(|&open| open > 0) {
            let _ = writeln!(
                std::io::stdout(),
                "≥: draws stopped before this was decided; --full or --sampling fixed decide every radius"
            );
        }
    }
}
