//! The table, in the field's format.

use drs_analysis::Record;
use drs_core::certificate::ModelRecord;

/// The first six are the field's, in its order.
const COLUMNS: [&str; 12] = [
    "idx",
    "label",
    "predict",
    "radius",
    "correct",
    "time",
    "expert",
    "sigma",
    "route_radius",
    "class_radius",
    "draws",
    "latency",
];

/// Its first line.
pub(crate) fn heading() -> String {
    COLUMNS.join("\t") + "\n"
}

/// A row of it, from the record of the same input.
pub(crate) fn row(record: &Record<'_>) -> String {
    let certificate = &record.certificate;
    let verdict = &certificate.verdict;
    let models = certificate.provenance.iter().flat_map(|provenance| &provenance.models);
    let experts: Vec<&ModelRecord> = models.filter(|model| model.name != "router").collect();
    let expert = verdict.expert.and_then(|expert| experts.get(expert));
    let dash = || "-".to_owned();
    let class = |class: Option<usize>| class.map_or_else(|| "-1".to_owned(), |c| c.to_string());
    let fields = [
        record.idx.to_string(),
        class(record.label),
        class(verdict.class),
        format!("{:.6}", verdict.radius),
        u8::from(record.correct == Some(true)).to_string(),
        format!("{:.3}", record.time),
        expert.map_or_else(dash, |expert| expert.name.clone()),
        expert.map_or_else(dash, |expert| expert.sigma.get().to_string()),
        verdict.route_radius.map_or_else(|| "inf".to_owned(), |radius| format!("{radius:.6}")),
        format!("{:.6}", verdict.class_radius),
        certificate.draws().to_string(),
        record.latency.map_or_else(dash, |latency| format!("{latency:.3}")),
    ];
    fields.join("\t") + "\n"
}
