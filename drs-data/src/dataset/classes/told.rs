//! What is told of names that were matched, or not.

use super::Names;
use super::list::{quoted, some};
use super::numbers;

/// What became which class.
pub(super) fn pairs(list: &[String], places: &[Option<usize>], experts: &[String]) -> String {
    let pair = |(name, class): (&String, &Option<usize>)| {
        class.map(|class| format!("{name} is {}", experts[class]))
    };
    some(&list.iter().zip(places).filter_map(pair).collect::<Vec<_>>())
}

/// Both lists, and what to do.
pub(super) fn mismatch(names: &Names, named: &[&str], experts: &[String]) -> String {
    let Names { list, what, .. } = names;
    let unknown: Vec<&&str> =
        named.iter().filter(|name| !experts.iter().any(|expert| expert == *name)).collect();
    let remedy = if numbers::are_places(experts) && list.len() == experts.len() {
        "The experts' classes have no names: give them, in `classes` of experts.toml or with --classes FILE (a name on each line); or, if the experts were trained on the places of these names, --classes by-place takes them so".to_owned()
    } else if numbers::are_places(experts) {
        format!(
            "The experts' classes have no names, and {} names cannot be told from {} classes by their places: give the names of the experts' classes, in `classes` of experts.toml or with --classes FILE (a name on each line)",
            list.len(),
            experts.len()
        )
    } else if list.len() <= experts.len() {
        "If they are the experts' first classes in the same order, --classes by-place takes them for these; if the experts' classes have other names, --classes FILE (a name on each line) tells them".to_owned()
    } else {
        "If the experts' classes have other names, --classes FILE (a name on each line) tells them"
            .to_owned()
    };
    let ambiguous = "each is a name of the experts, but one is the name of two classes";
    let problem = match unknown.len() {
        0 => ambiguous.to_owned(),
        count => format!("{count} of {} are not among them: {}", named.len(), quoted(&unknown)),
    };
    format!(
        "the {what} are not the experts' classes, {problem}.\n  {what}: {}\n  experts' classes: {}\n{remedy}; --labels FILE takes other labels",
        some(named),
        some(experts)
    )
}
