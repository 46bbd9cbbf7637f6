//! `drs bench`: how fast the models are on this machine.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use drs_core::lattice::LatticeInput;
use drs_progress::out;
use drs_router::Throughput;

use crate::args::BenchArgs;
use crate::pool;

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let pool = pool::open(&args.pool)?;
    let (shape, quantum) = (pool.config.input.shape, pool.config.input.quantum);
    // A lattice point, as images are: noise between them costs more.
    let grey = LatticeInput::new(
        shape,
        quantum,
        vec![quantum.levels().cast_signed() / 2; shape.values()],
    )?;
    let mut table = table();
    let time = Duration::from_secs_f64(args.seconds);
    for measured in pool.router.throughput(&Arc::new(grey), time) {
        let measured = measured?;
        if args.json {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", serde_json::to_string(&measured)?)?;
        } else {
            table.add_row(row(&measured));
        }
    }
    if !args.json {
        out!("{table}")?;
        out!("{LEGEND}")?;
    }
    Ok(())
}

/// Said below the table.
const LEGEND: &str = "\
raw: votes per second on ready batches
path: the same with the noise, batching and counting of certify; path/raw above 1 tells how much the measurement varies
noise: noisy inputs per second that one thread draws, or plugin where that draws them
trials: the part of the time that goes to batches that are run again (docs/runs.md)";

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "model", "plugin", "batch", "raw /s", "path /s", "path/raw", "noise /s", "trials",
    ]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(measured: &Throughput) -> [String; 8] {
    [
        measured.model.clone(),
        measured.plugin.clone(),
        measured.batch.to_string(),
        format!("{:.0}", measured.raw),
        format!("{:.0}", measured.path),
        format!("{:.3}", measured.ratio),
        measured.noise.map_or_else(|| "plugin".to_owned(), |noise| format!("{noise:.0}")),
        format!("{:.2} %", 100.0 * measured.trials),
    ]
}
