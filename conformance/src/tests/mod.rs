//! That the suite can fail: plugins that break one rule each, on purpose.

mod lax;
mod mock;

use std::path::Path;

use drs_plugins_api::abi::PluginModuleRef;
use drs_plugins_api::in_process;
use serde_json::json;

use crate::{Outcome, Report, Subject, run};
use mock::{Flaw, Mock};

fn report_on(module: PluginModuleRef, flaw: Flaw) -> Report {
    let config = |model: &str| json!({ "flaw": flaw, "model": model });
    let mut subject = Subject::new(module, mock::SHAPE, Path::new("."), config("patterns"));
    subject.ties = Some((config("ties"), 1));
    subject.non_finite = Some(config("nan"));
    subject.rows = 200;
    run(&subject)
}

fn names(report: &Report, wanted: fn(&Outcome) -> bool) -> Vec<&str> {
    let findings = report.findings.iter().filter(|finding| wanted(&finding.outcome));
    findings.map(|finding| &*finding.name).collect()
}

fn failed(report: &Report) -> Vec<&str> {
    names(report, |outcome| matches!(outcome, Outcome::Fail { .. }))
}

fn skipped(report: &Report) -> Vec<&str> {
    names(report, |outcome| matches!(outcome, Outcome::Skipped { .. }))
}

#[test]
fn a_good_plugin_passes_everything() {
    for flaw in [Flaw::None, Flaw::AnyShape] {
        let report = report_on(in_process::<Mock>(), flaw);
        assert!(report.passed(), "{report}");
        assert!(skipped(&report).is_empty(), "{report}");
        let votes = report.findings.iter().find(|finding| finding.name == "votes").unwrap();
        assert_eq!(votes.measured[0].value, 4.0, "{report}");
    }
}

#[test]
fn each_breach_fails_its_own_cases() {
    let draws = ["draws"].as_slice();
    let manifest = ["manifest"].as_slice();
    let table: &[(Flaw, &[&str])] = &[
        (Flaw::NeverOpens, &["opens"]),
        (Flaw::ManifestChanges, manifest),
        (Flaw::SigmaZero, manifest),
        (Flaw::ForeignShape, manifest),
        (Flaw::TwinClasses, manifest),
        (Flaw::NoBatch, manifest),
        (Flaw::NoFile, manifest),
        (Flaw::ToleratesMuch, manifest),
        (Flaw::ClassOutOfRange, &["votes"]),
        (Flaw::VoteMissing, &["votes"]),
        (Flaw::RemembersLastBatch, &["repetition"]),
        (Flaw::RemembersExtremes, &["history"]),
        (Flaw::CountsCalls, &["repetition", "history", "batch size", "neighbours"]),
        (Flaw::BatchSize, &["batch size"]),
        (Flaw::RowsThatCount, &["partial batch"]),
        (Flaw::Padding, &["padding"]),
        (Flaw::Place, &["batch size", "place"]),
        (Flaw::NextRow, &["batch size", "partial batch", "neighbours"]),
        (Flaw::LargestInBatch, &["neighbours"]),
        (Flaw::SharedInstances, &["instances"]),
        (Flaw::SharedScratch, &["threads"]),
        (Flaw::HighestTie, &["ties"]),
        (Flaw::NanAsZero, &["not finite"]),
        (Flaw::NanAsOtherError, &["not finite"]),
        (Flaw::PanicsOnExtremes, &["extremes"]),
        (Flaw::PanicsOnNoRows, &["no rows"]),
        (Flaw::EchoesShape, &["other shape"]),
        (Flaw::PanicsOnShape, &["other shape"]),
        (Flaw::ToleratesFields, &["unknown field"]),
        (Flaw::NamelessFields, &["unknown field"]),
        (Flaw::FieldsAreModelErrors, &["unknown field"]),
        (Flaw::DrawsTheNext, draws),
        (Flaw::DrawsFromZero, draws),
        (Flaw::DrawsWithOneKey, draws),
        (Flaw::DrawsOneInput, draws),
        (Flaw::DrawsClosedCells, draws),
        (Flaw::DrawsWithSharedScratch, &["draws: threads"]),
        (Flaw::DrawsNot, &["ties", "not finite", "draws", "draws: threads", "draws: wrong"]),
    ];
    let mut wrong = Vec::new();
    for (flaw, expected) in table {
        let report = report_on(in_process::<Mock>(), *flaw);
        if report.passed() || failed(&report) != *expected {
            wrong.push(format!("{flaw:?}: {expected:?} should fail\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The SDK refuses what does not fit, so a plugin without it has to break these.
#[test]
fn a_plugin_that_takes_what_does_not_fit_fails() {
    let report = report_on(lax::module(), Flaw::None);
    assert_eq!(failed(&report), ["votes", "wrong batches", "no rows", "draws: wrong"], "{report}");
}

#[test]
fn a_tolerance_is_for_batch_sizes_alone() {
    let config = json!({ "flaw": Flaw::BatchSizeALittle, "model": "patterns" });
    let mut subject = Subject::new(in_process::<Mock>(), mock::SHAPE, Path::new("."), config);
    let strict = run(&subject);
    assert_eq!(failed(&strict), ["batch size"], "{strict}");
    let share = |report: &Report| {
        let finding = report.findings.iter().find(|finding| finding.name == "batch size");
        finding.unwrap().measured[0].value
    };
    assert!(share(&strict) > 0.0 && share(&strict) < 0.1, "{strict}");
    subject.tolerance = share(&strict);
    let lenient = run(&subject);
    assert!(lenient.passed() && share(&lenient) > 0.0, "{lenient}");
    assert_eq!(skipped(&lenient), ["ties", "not finite"]);
}

#[test]
fn what_the_manifest_declares_is_allowed() {
    let strict = report_on(in_process::<Mock>(), Flaw::PlaceALittle);
    assert_eq!(failed(&strict), ["batch size", "place"], "{strict}");
    let declared = report_on(in_process::<Mock>(), Flaw::PlaceDeclared);
    assert!(declared.passed(), "{declared}");
}

#[test]
fn reports_are_tables_and_json() {
    let report = report_on(in_process::<Mock>(), Flaw::HighestTie);
    let text = report.to_string();
    assert!(text.contains("FAIL  ties            The lowest of several"), "{text}");
    assert!(text.contains("seen:     a vote for class 3"), "{text}");
    assert!(text.ends_with("21 passed, 1 failed, 0 skipped"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    let ties = json["findings"].as_array().unwrap().iter().find(|f| f["name"] == "ties").unwrap();
    assert_eq!(ties["outcome"], "fail");
    assert_eq!(ties["expected"], "class 1");
}
