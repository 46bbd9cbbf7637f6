//! The progress bar and the summary after it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use drs_analysis::{Decided, Record, Watch, answer};
use drs_core::certificate::counts_at;
use drs_core::sampling::USUAL_RADII;
use drs_progress::{Bar, say};
use drs_router::Router;
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
    /// Inputs so far.
    inputs: usize,
    /// Right, as far as labels tell, with a radius of at least each of [`USUAL_RADII`].
    certified: [usize; USUAL_RADII.len()],
    /// Not so, but draws stopped before that was decided.
    open: [usize; USUAL_RADII.len()],
    abstained: usize,
    unlabelled: usize,
    draws: u64,
    /// Inputs per expert; the first entry counts those routed nowhere.
    routed: Vec<usize>,
    /// Inputs that were done before.
    before: usize,
    /// Whether the answers to labelled inputs look odd.
    watch: Option<Watch>,
}

/// Methods that send each input to an expert.
const ROUTED: [&str; 3] = ["maxmin", "set", "dual"];

impl Progress {
    /// Of a run over so many inputs, of which these are done.
    pub(super) fn start(inputs: usize, done: &[Record<'_>]) -> Self {
        let bar = Bar::over(inputs, "inputs");
        let mut progress = Self {
            bar,
            start: Instant::now(),
            told: Instant::now(),
            of: inputs,
            inputs: 0,
            certified: [0; USUAL_RADII.len()],
            open: [0; USUAL_RADII.len()],
            abstained: 0,
            unlabelled: 0,
            draws: 0,
            routed: Vec::new(),
            before: done.len(),
            watch: None,
        };
        done.iter().for_each(|record| progress.count(record));
        progress.bar.skip(done.len());
        progress
    }

    pub(super) fn add(&mut self, record: &Record<'_>) {
        self.count(record);
        let share = |index: usize| 100.0 * self.certified[index] as f64 / self.inputs as f64;
        let figures =
            format!(", {} {:.1} % (r = 0.5: {:.1} %)", self.measure(), share(0), share(2));
        self.bar.advance();
        if self.told.elapsed() > LINES {
            self.told = Instant::now();
            self.bar.log(&format!("{} of {} inputs{figures}", self.inputs, self.of));
        }
        self.bar.set_message(figures);
        if let Some(found) = self.watch.as_mut().and_then(Watch::look) {
            self.say(&format!("warning: {found}"));
        }
    }

    fn count(&mut self, record: &Record<'_>) {
        let verdict = &record.certificate.verdict;
        self.inputs += 1;
        self.abstained += usize::from(verdict.class.is_none());
        self.draws += record.certificate.draws();
        self.unlabelled += usize::from(record.correct.is_none());
        // A wrong answer stays one; who abstained may still be right.
        if verdict.class.is_none() || record.correct != Some(false) {
            let own = verdict.class.map(|_| verdict.radius.get());
            let most = Decided::of(&record.certificate).most(own);
            let counts = self.certified.iter_mut().zip(&mut self.open);
            for ((certified, open), radius) in counts.zip(USUAL_RADII) {
                let counted = own.is_some_and(|own| counts_at(own, radius));
                *certified += usize::from(counted);
                *open += usize::from(!counted && most.is_some_and(|most| most >= radius));
            }
        }
        let certificate = &record.certificate;
        if let (Some(label), Some(classes), Some(answer)) =
            (record.label, certificate.classes, answer(certificate))
        {
            self.watch.get_or_insert_with(|| Watch::new(classes)).add(label, answer);
        }
        let place = verdict.expert.map_or(0, |expert| expert + 1);
        if self.routed.len() <= place {
            self.routed.resize(place + 1, 0);
        }
        self.routed[place] += 1;
    }

    /// Writes a line above the bar.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| say!("{line}"));
    }

    /// What the shares are of.
    fn measure(&self) -> &'static str {
        if self.unlabelled == 0 { "certified accuracy" } else { "certified, right or wrong" }
    }

    /// Ends the bar, prints the summary and returns the number of inputs done.
    pub(super) fn finish(mut self, router: &Router, method: &str) -> usize {
        self.bar.finish();
        if let Some(found) = self.watch.as_mut().and_then(Watch::finish) {
            self.say(&format!("warning: {found}"));
        }
        if self.inputs == 0 {
            return 0;
        }
        let percent = |count: usize| format!("{:.2}", 100.0 * count as f64 / self.inputs as f64);
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(
            std::iter::once("radius".to_owned()).chain(USUAL_RADII.map(|r| r.to_string())),
        );
        let cells = self.certified.iter().zip(&self.open).map(|(&count, &open)| {
            if open == 0 { percent(count) } else { format!("≥ {}", percent(count)) }
        });
        table.add_row(std::iter::once(format!("{}, %", self.measure())).chain(cells));
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
        let elapsed = self.start.elapsed();
        let work = match self.inputs - self.before {
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
            self.inputs,
            percent(self.abstained),
            self.draws as f64 / self.inputs as f64,
            if ROUTED.contains(&method) { "routed to" } else { "experts:" },
            routed.join(", "),
        );
        // The results are in the files: a closed standard output is no failure.
        let _ = writeln!(std::io::stdout(), "{table}\n{counts}");
        if self.open.iter().any(|&open| open > 0) {
            let _ = writeln!(
                std::io::stdout(),
                "≥: draws stopped before this was decided; --full or --sampling fixed decide every radius"
            );
        }
        self.inputs
    }
}
