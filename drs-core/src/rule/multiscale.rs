//! The cascade of Jeong & Shin 2023, *Multi-scale Diffusion Denoised Smoothing*.

/// The radius of a cascade that stopped at a claim on `class`.
///
/// The cascade outputs the class that reaches ½ at the first stage where one
/// does. Its answer stays while the stopping stage keeps the class above ½ and
/// no earlier stage lets *another* class reach ½ (the same class may: the
/// answer is the same).
///
/// * `passed`: for each earlier stage, an upper bound on every class's signed radius.
/// * `lower`: a lower bound on the class's signed radius at the stopping stage.
#[must_use]
pub fn multiscale(passed: &[Vec<f64>], class: usize, lower: f64) -> f64 {
    let others = passed
        .iter()
        .flat_map(|stage| stage.iter().enumerate())
        .filter(|&(z, _)| z != class)
        .map(|(_, &signed_radius)| -signed_radius);
    others.fold(lower, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_classes_of_earlier_stages_limit_the_answer() {
        let passed = [vec![-0.1, -0.7, -0.4], vec![-0.2, -0.9, -0.8]];
        assert_eq!(multiscale(&passed, 0, 1.0), 0.4);
        assert_eq!(multiscale(&passed, 1, 1.0), 0.1);
        assert_eq!(multiscale(&[], 1, 0.3), 0.3);
    }
}
