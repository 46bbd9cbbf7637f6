//! The file as it is written.

use drs_data::InputSpec;
use drs_plugins_api::declared::Classes;

use super::draft::Draft;

/// The text of an experts.toml. Plugins are left to the models' files, so that the pool runs wherever one of them is.
pub(super) fn text(input: &InputSpec, router: Option<&Draft>, experts: &[Draft]) -> String {
    let [channels, height, width] = input.shape.dims();
    let quantum = input.quantum;
    let mut text = format!(
        "# A pool of experts for drs. Paths start from the folder of this file.\n\n[input]\nshape = [{channels}, {height}, {width}] # channels, height, width\nquantum = \"{quantum}\" # the step between two values\n"
    );
    if let Some(router) = router {
        text += &format!("\n[router] # its classes are the experts' names\n{}", config(router));
    }
    for expert in experts {
        text += &format!("\n[[expert]]\nname = {}\n{}", quoted(&expert.name), config(expert));
    }
    text
}

/// The line of a model.
fn config(draft: &Draft) -> String {
    let mut fields = Vec::new();
    fields.extend(draft.kind.map(|kind| format!("kind = {}", quoted(kind))));
    fields.push(format!("model = {}", quoted(&draft.inside)));
    // With a point, as TOML's floats have it.
    fields.extend(draft.sigma.map(|sigma| format!("sigma = {sigma:?}")));
    fields.extend(draft.classes.as_ref().map(|classes| match classes {
        Classes::Number(number) => format!("classes = {number}"),
        Classes::Names(names) => {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            format!("classes = [{}]", names.join(", "))
        }
    }));
    format!("config = {{ {} }}\n", fields.join(", "))
}

/// As TOML quotes a text.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use drs_core::lattice::{Quantum, Shape};
    use drs_router::Config;

    use super::*;

    #[test]
    fn whatever_a_file_is_called_it_is_read_as_it_was_meant() {
        let input = InputSpec {
            shape: Shape::new([3, 4, 5]).unwrap(),
            quantum: Quantum::EIGHT_BIT,
            resize: None,
        };
        let inside = "a \"quoted\" \\ 'name'\n.rten";
        let draft = |name: &str| Draft {
            name: name.to_owned(),
            path: "a.rten".into(),
            inside: inside.to_owned(),
            kind: None,
            sigma: Some(1.0),
            classes: Some(Classes::Names(vec!["big \"dog\"".to_owned(), "cat".to_owned()])),
        };
        let experts = [draft("a"), draft("b")];
        let text = text(&input, Some(&draft("router")), &experts);
        let config = Config::parse(Path::new("experts.toml"), &text).unwrap();
        assert_eq!(config.input, input);
        assert!(config.router.is_some());
        let told = &config.experts[1];
        assert_eq!((&*told.name, &told.model.config["model"]), ("b", &inside.into()));
        assert_eq!(told.model.config["sigma"], 1.0);
        assert_eq!(told.model.config["classes"][0], "big \"dog\"");
    }
}
