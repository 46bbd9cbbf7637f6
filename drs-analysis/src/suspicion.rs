//! Whether answers look like those of a model that is not run as it was trained.

use std::fmt;

use drs_core::bounds::{lower, upper};
use drs_core::certificate::Certificate;
use drs_core::units::Alpha;

/// How seldom a model on the line between both is suspected, at each look.
const LEVEL: f64 = 0.01;

/// Above chance by this share of what is left, a model is weak but honest: of two classes from
/// 55 % on, of ten from 19 %, of a thousand from 10 %.
const ABOVE_CHANCE: f64 = 0.1;

/// The same answer for more than this share of the inputs of other classes is no model's opinion.
const ONE_ANSWER: f64 = 0.8;

/// Labels and answers of a run, as far as it is.
#[derive(Debug, Clone)]
pub struct Watch {
    /// By class.
    labels: Vec<usize>,
    /// By class: answers, and those that are wrong.
    answers: Vec<[usize; 2]>,
    inputs: usize,
    right: usize,
    /// The next look.
    next: usize,
    told: bool,
}

/// What is odd about the answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Suspicion {
    /// Nearly all inputs of other classes get one answer.
    OneClass {
        /// The answer, by index.
        class: usize,
        /// Inputs that got it.
        answers: usize,
        /// All inputs.
        inputs: usize,
    },
    /// As many answers are right as by guessing, or fewer.
    Chance {
        /// Right answers.
        right: usize,
        /// All inputs.
        inputs: usize,
        /// What guessing gives on average.
        guessed: f64,
    },
}

impl Watch {
    /// Fewer inputs tell nothing.
    pub const FEWEST: usize = 50;

    /// Of models that choose from so many classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        let (labels, answers) = (vec![0; classes], vec![[0; 2]; classes]);
        Self { labels, answers, inputs: 0, right: 0, next: Self::FEWEST, told: false }
    }

    /// Counts an input; indices out of range are no answers.
    pub fn add(&mut self, label: usize, answer: usize) {
        let (Some(labels), Some(answers)) =
            (self.labels.get_mut(label), self.answers.get_mut(answer))
        else {
            return;
        };
        *labels += 1;
        answers[0] += 1;
        answers[1] += usize::from(answer != label);
        self.inputs += 1;
        self.right += usize::from(answer == label);
    }

    /// Looks after 50 inputs and whenever there are twice as many; what is found is told once.
    pub fn look(&mut self) -> Option<Suspicion> {
        if self.inputs < self.next {
            return None;
        }
        self.next = self.inputs.saturating_mul(2);
        self.finish()
    }

    /// Looks at the end, unless something was told before.
    pub fn finish(&mut self) -> Option<Suspicion> {
        let found = self.suspicion().filter(|_| !self.told);
        self.told |= found.is_some();
        found
    }

    /// What the answers so far look like; `None` also for fewer than 50 inputs.
    #[must_use]
    pub fn suspicion(&self) -> Option<Suspicion> {
        if self.inputs < Self::FEWEST {
            return None;
        }
        self.one_class().or_else(|| self.chance())
    }

    /// Answers that are right, of so many.
    #[must_use]
    pub fn right(&self) -> (usize, usize) {
        (self.right, self.inputs)
    }

    /// The most frequent answer and its inputs.
    #[must_use]
    pub fn most_frequent(&self) -> (usize, usize) {
        let answers = self.answers.iter().map(|[all, _]| *all).enumerate();
        // The first of equals.
        answers.rev().max_by_key(|(_, all)| *all).unwrap_or((0, 0))
    }

    /// Judged by the inputs of other classes alone: those of its own class it may well get all.
    fn one_class(&self) -> Option<Suspicion> {
        let (class, answers) = self.most_frequent();
        let others = self.inputs - self.labels.get(class)?;
        let wrong = self.answers.get(class)?[1];
        let share = lower(wrong as u64, others as u64, level()?).ok()?;
        let inputs = self.inputs;
        let nearly_all = answers as f64 > ONE_ANSWER * inputs as f64;
        (nearly_all && share > ONE_ANSWER).then_some(Suspicion::OneClass { class, answers, inputs })
    }

    /// Not judged by inputs of few classes: a model may be weak there.
    fn chance(&self) -> Option<Suspicion> {
        let classes = self.labels.len();
        let chance = 1.0 / classes as f64;
        let squares: f64 =
            self.labels.iter().map(|&n| (n as f64 / self.inputs as f64).powi(2)).sum();
        if 1.0 / squares < 0.8 * classes.min(10) as f64 {
            return None;
        }
        let most = upper(self.right as u64, self.inputs as u64, level()?).ok()?;
        let (right, inputs) = (self.right, self.inputs);
        let guessed = chance * inputs as f64;
        let honest = chance + ABOVE_CHANCE * (1.0 - chance);
        (most < honest).then_some(Suspicion::Chance { right, inputs, guessed })
    }
}

fn level() -> Option<Alpha> {
    Alpha::new(LEVEL).ok()
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneClass { class, answers, inputs } => {
                write!(f, "class {class} is the answer for {answers} of {inputs} inputs")?;
            }
            Self::Chance { right, inputs, guessed } => {
                write!(f, "{right} of {inputs} answers are right, guessing gives {guessed:.0}")?;
            }
        }
        f.write_str(
            ". Usual causes: the model was trained on normalised inputs and mean and std are missing, or are there twice; its classes are in another order than the labels; its channels are (BGR); it takes pixels from 0 to 255",
        )
    }
}

/// What the models answer by their votes, also where the certificate abstains: the most
/// frequent class of the expert that the verdict names, or of the one that was asked most.
#[must_use]
pub fn answer(certificate: &Certificate) -> Option<usize> {
    if let Some(class) = certificate.verdict.class {
        return Some(class);
    }
    let experts = certificate.provenance.iter().flat_map(|provenance| &provenance.models);
    let mut experts = experts.filter(|model| model.name != "router");
    let routed = certificate.verdict.expert.and_then(|expert| experts.nth(expert));
    let asked = certificate.stages.iter().filter(|stage| match routed {
        Some(model) => stage.model == model.name,
        None => stage.model != "router",
    });
    let most = asked.max_by_key(|stage| stage.draws())?;
    most.looks.last().filter(|votes| votes.total() > 0).map(|votes| votes.top())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of so many inputs, whose labels go round.
    fn watch(classes: usize, inputs: usize, answer: impl Fn(usize, usize) -> usize) -> Watch {
        let mut watch = Watch::new(classes);
        for input in 0..inputs {
            let label = input % classes;
            watch.add(label, answer(input, label));
        }
        watch
    }

    /// Right in so many of a hundred inputs of each class, else the class after it.
    fn right(percent: usize, classes: usize) -> impl Fn(usize, usize) -> usize {
        move |input, label| match (input / classes * 37) % 100 < percent {
            true => label,
            false => (label + 1 + input % (classes - 1)) % classes,
        }
    }

    #[test]
    fn classes_in_another_order_are_seen_after_50_inputs() {
        for classes in [2, 10, 1000] {
            let found = watch(classes, 100, |_, label| (label + 1) % classes).suspicion();
            let guessed = 100.0 / classes as f64;
            let expected = Suspicion::Chance { right: 0, inputs: 100, guessed };
            assert_eq!(found, Some(expected), "{classes} classes");
        }
        let mut early = watch(10, 49, |_, label| 9 - label);
        assert_eq!(early.look(), None);
        early.add(9, 0);
        assert!(early.look().is_some());
        // Once only.
        (0..1000).for_each(|input| early.add(input % 10, 9 - input % 10));
        assert_eq!((early.look(), early.finish()), (None, None));
    }

    #[test]
    fn one_answer_is_seen() {
        for classes in [2, 3, 10, 1000] {
            let found = watch(classes, 50, |_, _| 1).suspicion();
            let expected = Suspicion::OneClass { class: 1, answers: 50, inputs: 50 };
            assert_eq!(found, Some(expected), "{classes} classes");
        }
        let nearly = watch(10, 100, |input, label| if input % 20 == 0 { label } else { 7 });
        assert!(matches!(nearly.suspicion(), Some(Suspicion::OneClass { class: 7, .. })));
    }

    #[test]
    fn weak_models_are_not_suspected() {
        for inputs in [50, 100, 500, 5000] {
            for (classes, percent) in [(2, 60), (10, 25), (1000, 13)] {
                let weak = watch(classes, inputs, right(percent, classes));
                assert_eq!(weak.suspicion(), None, "{percent} % of {classes}, {inputs} inputs");
            }
            // Of one opinion for most, and right where it has another.
            let narrow = watch(10, inputs, |_, label| if label < 3 { label } else { 7 });
            assert_eq!(narrow.suspicion(), None, "{inputs} inputs");
        }
    }

    #[test]
    fn guessing_is_seen_once_there_are_enough_inputs() {
        let guess = |input: usize, _: usize| (input * 7919 + input / 10) % 10;
        assert!(matches!(watch(10, 2000, guess).suspicion(), Some(Suspicion::Chance { .. })));
    }

    #[test]
    fn inputs_of_one_class_accuse_nobody_of_guessing() {
        let mut sorted = Watch::new(10);
        (0..50).for_each(|input| sorted.add(0, if input % 20 == 0 { 0 } else { input % 10 }));
        assert_eq!(sorted.suspicion(), None);
        let mut known = Watch::new(10);
        (0..50).for_each(|_| known.add(0, 0));
        assert_eq!(known.suspicion(), None);
        // But one wrong answer for all of them is odd.
        let mut odd = Watch::new(10);
        (0..50).for_each(|_| odd.add(0, 4));
        assert!(matches!(odd.suspicion(), Some(Suspicion::OneClass { class: 4, .. })));
    }
}
