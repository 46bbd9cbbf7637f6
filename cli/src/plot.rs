//! `drs plot`: certified-accuracy curves as SVG or PNG.

use drs_analysis::{Curve, Joint};
use drs_progress::say;
use drs_report::{Chart, Line, Size};
use drs_run::whole;

use crate::args::PlotArgs;
use crate::logs;
use crate::usage::wrong_usage;

/// PNG files are for slides and high-density screens.
const PNG_SCALE: u32 = 2;

/// How lower bounds look in the picture.
const SHOWN: &str =
    " (thin, with dots at the radii that were decided and a shade up to what there may be)";

pub(crate) fn run(args: &PlotArgs) -> anyhow::Result<()> {
    let extension = args.out.extension().and_then(|extension| extension.to_str());
    let extension = extension.map(str::to_ascii_lowercase);
    if !matches!(extension.as_deref(), Some("svg" | "png")) {
        wrong_usage!("--out {}: expected a file that ends in .svg or .png", args.out.display());
    }
    whole::check_apart(&args.out, args.logs.paths())?;
    let logs = logs::read(&args.logs)?;
    let curves: Vec<Curve> = logs.iter().map(Curve::of).collect();
    let line = |name: &str, curve, reference| Line { name: name.to_owned(), curve, reference };
    let named = logs.iter().zip(&curves);
    let mut lines: Vec<Line> =
        named.map(|(log, curve)| line(&log.name, curve.clone(), false)).collect();
    if args.oracle || args.envelope {
        let joint = Joint::new(&logs)?;
        if args.oracle {
            lines.push(line("oracle", joint.oracle(), true));
        }
        if args.envelope {
            lines.push(line("best single log", Curve::envelope(&curves), true));
        }
    }
    let chart = Chart { title: args.title.clone(), lines, to: args.to };
    let size = Size { width: args.width, height: args.height };
    let bytes = match extension.as_deref() {
        Some("png") => chart.png(size, PNG_SCALE)?,
        _ => chart.svg(size)?.into_bytes(),
    };
    logs::undecided(&logs, SHOWN).iter().for_each(|line| say!("note: {line}"));
    Ok(whole::write(&args.out, bytes)?)
}
