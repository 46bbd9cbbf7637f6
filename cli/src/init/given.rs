//! What the options say, and what was answered to questions.

use drs_core::lattice::{Quantum, Shape};
use drs_data::InputSpec;
use drs_onnx_files::OnnxFile;
use drs_plugins_api::declared::Classes;

use super::draft::{Draft, ROUTER};
use crate::args::{InitArgs, Sigma, parse_shape};
use crate::ask::{can_ask, line};
use crate::usage::wrong_usage;

/// For all models together.
pub(super) struct Given {
    sigma: Vec<Sigma>,
    classes: Option<Classes>,
    router_classes: Option<Classes>,
    shape: Shape,
    quantum: Quantum,
    /// The experts' classes, if they were asked for: all experts have the same.
    pub(super) answered: Option<Classes>,
}

impl Given {
    pub(super) fn new(args: &InitArgs, experts: &[Draft]) -> anyhow::Result<Self> {
        check_owners(&args.sigma, experts, args.router.is_some())?;
        let shape = shape(args.shape, experts)?;
        let names = &args.router_classes;
        Ok(Self {
            sigma: args.sigma.clone(),
            classes: args.classes.as_deref().map(classes).transpose()?,
            router_classes: (!names.is_empty()).then(|| Classes::Names(names.clone())),
            shape,
            quantum: args.quantum,
            answered: None,
        })
    }

    pub(super) fn input(&self) -> InputSpec {
        InputSpec { shape: self.shape, quantum: self.quantum, resize: None }
    }

    /// Puts into a draft what is given for it: the plugin refuses what contradicts the file.
    pub(super) fn put(&self, draft: &mut Draft) {
        let own = self.sigma.iter().find(|sigma| sigma.of.as_ref() == Some(&draft.name));
        let all = || self.sigma.iter().find(|sigma| sigma.of.is_none());
        draft.sigma = own.or_else(all).map(|sigma| sigma.sigma);
        let is_router = draft.name == ROUTER;
        draft.classes = if is_router { self.router_classes.clone() } else { self.classes.clone() };
    }
}

/// Every sigma must be of a model, and of each there may be one.
fn check_owners(sigma: &[Sigma], experts: &[Draft], has_router: bool) -> anyhow::Result<()> {
    let names = experts.iter().map(|draft| draft.name.as_str());
    let names: Vec<&str> = names.chain(has_router.then_some(ROUTER)).collect();
    for (place, Sigma { of, sigma: value }) in sigma.iter().enumerate() {
        if let Some(of) = of.as_deref().filter(|of| !names.contains(of)) {
            wrong_usage!(
                "--sigma {of}={value}: no such model, expected one of {}",
                names.join(", ")
            );
        }
        if sigma.iter().take(place).any(|other| other.of == *of) {
            let whose = of.as_deref().unwrap_or("all models");
            wrong_usage!("--sigma: two values found for {whose}, expected one; remove the other");
        }
    }
    Ok(())
}

/// Names with commas between them, a number, or a file with a name on each line.
pub(super) fn classes(text: &str) -> anyhow::Result<Classes> {
    if let Ok(number) = text.trim().parse() {
        return Ok(Classes::Number(number));
    }
    let read: drs_data::Classes = if text.contains(',') {
        drs_data::Classes::Names(text.split(',').map(|name| name.trim().to_owned()).collect())
    } else {
        drs_data::Classes::File(text.trim().into())
    };
    let names = read.names()?.unwrap_or_default();
    if names.iter().any(String::is_empty) {
        wrong_usage!(
            "--classes {text}: an empty name found, expected names with commas between them"
        );
    }
    Ok(Classes::Names(names))
}

/// The shape that is given or that the experts' files tell, and they agree; else what is answered.
fn shape(given: Option<Shape>, experts: &[Draft]) -> anyhow::Result<Shape> {
    let mut told = given.map(|shape| (shape, "--shape".to_owned()));
    for draft in experts {
        let Some(own) = of_file(draft)? else { continue };
        let path = draft.path.display();
        match &told {
            Some((shape, whose)) if *shape != own => {
                let [expected, found] = [*shape, own].map(shown);
                wrong_usage!(
                    "{path}: its inputs are {found}, but {whose} says {expected}; the experts of a pool have inputs of one shape: leave the option out, or the model"
                );
            }
            Some(_) => {}
            None => told = Some((own, path.to_string())),
        }
    }
    if let Some((shape, _)) = told {
        return Ok(shape);
    }
    if !can_ask() {
        wrong_usage!(
            "--shape: no model's file tells the shape of its inputs, expected channels, height and width, as in --shape 3,32,32"
        );
    }
    let answer = line("shape of the inputs: channels, height, width, such as 3,32,32: ")?;
    parse_shape(&answer).map_err(|problem| anyhow::anyhow!("the shape of the inputs: {problem}"))
}

fn of_file(draft: &Draft) -> anyhow::Result<Option<Shape>> {
    let file = OnnxFile::read(&draft.path, drs_memory::budget());
    let file = file.map_err(|error| anyhow::anyhow!("{error}"))?;
    let told = file.and_then(|file| file.signature().image());
    Ok(told.and_then(|dims| Shape::new(dims).ok()))
}

fn shown(shape: Shape) -> String {
    shape.dims().map(|size| size.to_string()).join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_names_a_number_or_a_file() {
        let names =
            |names: &[&str]| Classes::Names(names.iter().map(ToString::to_string).collect());
        assert_eq!(classes("10").unwrap(), Classes::Number(10));
        assert_eq!(classes("cat, dog").unwrap(), names(&["cat", "dog"]));
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("labels.txt");
        std::fs::write(&file, "cat\nbig dog\n").unwrap();
        assert_eq!(classes(file.to_str().unwrap()).unwrap(), names(&["cat", "big dog"]));
        assert!(classes("cat,,dog").unwrap_err().to_string().contains("an empty name"));
        let absent = classes("absent.txt").unwrap_err().to_string();
        assert!(absent.contains("absent.txt") && absent.contains("--classes"), "{absent}");
    }
}
