//! What a package's code takes, by the checks that its generated source makes of inputs.
//!
//! The code makes these checks itself (see `checks.rs`), but of constants only. What it takes for
//! granted of sizes that it leaves open (that two are equal, that one is even) it does not check.
//! So every size but the batch's must be a constant, and the batch has one size (`mod.rs`).

use std::ops::RangeInclusive;

use super::order::Order;

/// What the code takes, and how it was made. What the source does not tell is left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Takes {
    /// The number of inputs, such as images.
    pub(super) inputs: usize,
    /// The number of outputs.
    pub(super) outputs: usize,
    /// Whether the code holds its weights.
    pub(super) has_weights: bool,
    /// Whether libtorch is to run operators for the code, by descriptions beside it.
    pub(super) needs_proxy: bool,
    /// The type of numbers as PyTorch names it, such as `float32`.
    pub(super) dtype: Option<String>,
    /// The sizes of each dimension, the batch's first.
    pub(super) dims: Vec<RangeInclusive<usize>>,
    /// The steps in memory of each dimension.
    strides: Vec<Option<usize>>,
}

/// Whatever is not told.
const OPEN: RangeInclusive<usize> = 0..=usize::MAX;

impl Takes {
    /// Reads the source that the code was compiled from. Nothing if it is not as expected.
    pub(super) fn read(source: &str) -> Option<Self> {
        // Inputs, outputs, constants, two that are no numbers, and whether weights are in the code.
        let (_, base) = source.split_once(": AOTInductorModelBase(")?;
        let words: Vec<&str> = base.split_once(") {")?.0.split(',').map(str::trim).collect();
        let [inputs, outputs, .., has_weights] = *words else { return None };
        let mut takes = Self {
            inputs: inputs.parse().ok()?,
            outputs: outputs.parse().ok()?,
            has_weights: has_weights == "true",
            needs_proxy: source.contains("aoti_torch_proxy_executor_call_function("),
            dtype: None,
            dims: Vec::new(),
            strides: Vec::new(),
        };
        let (_, checks) = source.split_once("static void check_input_0(")?;
        let (checks, _) = checks.split_once("\n}")?;
        checks.lines().for_each(|line| takes.take(line.trim()));
        Some(takes)
    }

    /// The numbers of rows that the code runs at once.
    pub(super) fn rows(&self) -> RangeInclusive<usize> {
        let told = self.dims.first().unwrap_or(&OPEN);
        (*told.start()).max(1)..=*told.end()
    }

    /// Whether images of this shape are what it takes: four dimensions, of these very sizes but
    /// for the batch.
    pub(super) fn are_images(&self, [channels, height, width]: [usize; 3]) -> bool {
        let exactly = |size: usize| size..=size;
        matches!(&*self.dims, [_, dims @ ..] if *dims == [channels, height, width].map(exactly))
    }

    /// How the code wants inputs of such a shape to lie, if it is one of the two ways.
    pub(super) fn order(&self, shape: [usize; 3]) -> Option<Order> {
        let [Some(input), steps @ ..] = &*self.strides else { return None };
        let fits = |order: &Order| *steps == order.strides(shape).map(Some);
        if *input != shape.iter().product::<usize>() {
            return None;
        }
        [Order::ChannelsFirst, Order::ChannelsLast].into_iter().find(fits)
    }

    /// One line of the checks.
    fn take(&mut self, line: &str) {
        if let Some((_, name)) = line.split_once("= aoti_torch_dtype_") {
            self.dtype = Some(name.trim_end_matches("();").to_owned());
            return;
        }
        let condition = line.strip_prefix("if (").and_then(|line| line.strip_suffix(") {"));
        let words: Vec<&str> = condition.unwrap_or_default().split(' ').collect();
        let [left, sign, right] = *words else { return };
        let limit = |text: &str| text.trim_end_matches('L').parse::<usize>().ok();
        let found = match sign {
            "!=" => limit(left).zip(place(right)).map(|(size, place)| (place, size..=size)),
            "<" => limit(right).zip(place(left)).map(|(size, place)| (place, size..=usize::MAX)),
            ">" => limit(right).zip(place(left)).map(|(size, place)| (place, 0..=size)),
            _ => None,
        };
        match found {
            Some((Place::Size(index), told)) => {
                let dim = at(&mut self.dims, index, OPEN);
                *dim = (*dim.start()).max(*told.start())..=(*dim.end()).min(*told.end());
            }
            Some((Place::Stride(index), told)) => {
                *at(&mut self.strides, index, None) = Some(*told.start());
            }
            None => {}
        }
    }
}

enum Place {
    Size(usize),
    Stride(usize),
}

/// `arg7_1_size[2]` and the like.
fn place(text: &str) -> Option<Place> {
    let (name, index) = text.strip_suffix(']')?.split_once('[')?;
    // No tensor has more dimensions.
    let index = index.parse().ok().filter(|&index: &usize| index < 64)?;
    if name.ends_with("_size") {
        return Some(Place::Size(index));
    }
    name.ends_with("_stride").then_some(Place::Stride(index))
}

/// The element at a place, with others put before it where the list is shorter.
fn at<T: Clone>(list: &mut Vec<T>, index: usize, other: T) -> &mut T {
    if list.len() <= index {
        list.resize(index + 1, other);
    }
    &mut list[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
    : AOTInductorModelBase(2,
                           1,
                           21,
                           device_str,
                           std::move(cubin_dir),
                           true) {
static void check_input_0(
    AtenTensorHandle* input_handles
) {
    int32_t arg7_1_expected_dtype = aoti_torch_dtype_float32();
    if (arg7_1_size[0] < 16) {
    if (arg7_1_size[0] > 4096) {
    if (3 != arg7_1_size[1]) {
    if (32 != arg7_1_size[2]) {
    if (32 != arg7_1_size[3]) {
    if (3072 != arg7_1_stride[0]) {
    if (1 != arg7_1_stride[1]) {
    if (96 != arg7_1_stride[2]) {
    if (3 != arg7_1_stride[3]) {
}
static void check_input_1(
    if (9 != arg8_1_size[0]) {
}";

    #[test]
    fn the_checks_of_the_first_input_are_read() {
        let takes = Takes::read(SOURCE).unwrap();
        assert_eq!((takes.inputs, takes.outputs, takes.has_weights), (2, 1, true));
        assert_eq!(takes.dtype.as_deref(), Some("float32"));
        assert_eq!(takes.rows(), 16..=4096);
        assert_eq!(takes.dims, [16..=4096, 3..=3, 32..=32, 32..=32]);
        assert!(takes.are_images([3, 32, 32]) && !takes.are_images([3, 32, 16]));
        assert!(!takes.needs_proxy);
        assert_eq!(takes.order([3, 32, 32]), Some(Order::ChannelsLast));
        assert_eq!(takes.order([3, 16, 16]), None);
    }

    #[test]
    fn what_is_not_told_is_open() {
        let silent: String = SOURCE
            .lines()
            .filter(|line| !line.contains("if ("))
            .map(|line| format!("{line}\n"))
            .collect();
        let takes = Takes::read(&silent).unwrap();
        assert_eq!((takes.rows(), &*takes.dims), (1..=usize::MAX, &[][..]));
        assert_eq!(takes.order([3, 32, 32]), None);
        assert!(!takes.are_images([3, 32, 32]));
        assert_eq!(Takes::read("int main() {}"), None);
    }

    #[test]
    fn sizes_that_are_left_open_are_no_images() {
        for (from, to) in [
            ("if (32 != arg7_1_size[3]) {", ""),
            ("if (32 != arg7_1_size[2]) {", "if (arg7_1_size[2] < 2) {"),
            ("if (32 != arg7_1_size[3]) {", "if (32 != arg7_1_size[4]) {"),
        ] {
            assert!(!Takes::read(&SOURCE.replace(from, to)).unwrap().are_images([3, 32, 32]));
        }
        let last = SOURCE.replace("if (3 != arg7_1_stride[3]) {", "");
        assert_eq!(Takes::read(&last).unwrap().order([3, 32, 32]), None, "a step left open");
    }
}
