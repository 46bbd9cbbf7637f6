//! Patterns on the lattice, to test a model without data. They differ from each other, so that
//! votes differ. They are always the same, so that a finding can be reproduced.

/// Image `index` in CHW order, values from 0 to `levels`: greys, gradients, waves, discs.
#[must_use]
pub fn pattern(index: usize, [channels, height, width]: [usize; 3], levels: u16) -> Vec<i16> {
    let mut values = Vec::with_capacity(channels * height * width);
    for channel in 0..channels {
        for y in 0..height {
            for x in 0..width {
                let (x, y) = (place(x, width), place(y, height));
                let share = brightness(index + channel, x, y).clamp(0.0, 1.0);
                #[expect(clippy::cast_possible_truncation, reason = "0 to 4095 by the lattice")]
                values.push((share * f64::from(levels)).round() as i16);
            }
        }
    }
    values
}

/// Where a pixel's middle is, in parts of the image.
fn place(pixel: usize, pixels: usize) -> f64 {
    (pixel as f64 + 0.5) / pixels as f64
}

fn brightness(index: usize, x: f64, y: f64) -> f64 {
    // A number between 0 and 1 for each group of six patterns.
    let turn = ((index / 6) as f64 * std::f64::consts::SQRT_2).fract();
    let stripes = (2.0 + 6.0 * turn) * std::f64::consts::TAU;
    match index % 6 {
        0 => turn,
        1 => x * turn + (1.0 - x) * (1.0 - turn),
        2 => y * (1.0 - turn) + (1.0 - y) * turn,
        3 => 0.5 + 0.5 * (x * stripes).sin() * (y * stripes).sin(),
        4 => f64::from((x - 0.5).hypot(y - turn) < 0.15 + 0.3 * turn),
        _ => 0.5 + 0.5 * ((x + y * turn) * stripes).sin(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_lie_on_the_lattice_and_differ() {
        let images: Vec<Vec<i16>> = (0..60).map(|index| pattern(index, [2, 8, 8], 255)).collect();
        assert!(images.iter().flatten().all(|value| (0..=255).contains(value)));
        let distinct: std::collections::HashSet<_> = images.iter().collect();
        assert_eq!(distinct.len(), images.len());
    }
}
