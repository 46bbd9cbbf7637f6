//! The input of a model.

use super::{Dim, Element, Refusal, Signature, dynamic};
use crate::config::Layout;
use crate::signature::Port;

/// How the values of one input lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    ChannelsFirst,
    ChannelsLast,
    /// All values in one row, channels first.
    Flat,
}

impl Order {
    pub(super) fn dims(self, rows: usize, [channels, height, width]: [usize; 3]) -> Vec<usize> {
        match self {
            Self::ChannelsFirst => vec![rows, channels, height, width],
            Self::ChannelsLast => vec![rows, height, width, channels],
            Self::Flat => vec![rows, channels * height * width],
        }
    }

    /// Inputs with channels first, in this order.
    pub(super) fn arranged(
        self,
        floats: Vec<f32>,
        [channels, height, width]: [usize; 3],
    ) -> Vec<f32> {
        let plane = height * width;
        if self != Self::ChannelsLast || channels == 1 || plane == 1 {
            return floats;
        }
        let inputs = floats.chunks_exact(channels * plane);
        let pixels = inputs.flat_map(|input| {
            (0..plane).flat_map(move |pixel| input.iter().skip(pixel).step_by(plane))
        });
        pixels.copied().collect()
    }
}

/// The only input, of floats.
pub(super) fn the_one(signature: &Signature) -> Result<&Port, Refusal> {
    let [port] = &*signature.inputs else {
        return Err(Refusal {
            problem: format!(
                "{} inputs found ({}), expected one, of images",
                signature.inputs.len(),
                super::output::listed(&signature.inputs)
            ),
            remedy: "export the model with that input alone, or cut the file (`onnx.utils.extract_model`)".to_owned(),
        });
    };
    let problem = format!("its input is {port}, expected floats");
    let remedy = match port.element {
        Element::F32 | Element::F16 | Element::BF16 | Element::F64 | Element::Unknown => {
            return Ok(port);
        }
        Element::Integer(_) => {
            "noisy pixels lie below 0 and above 255, which such an input would cut off: export the model with a float input in [0, 1], its own scaling behind it (images as x / 255)"
        }
        _ => "export the model with a float input",
    };
    Err(Refusal { problem, remedy: remedy.to_owned() })
}

/// The shape of inputs, channels first: the model's own where it fixes sizes. And how they lie.
pub(super) fn layout(
    port: &Port,
    asked: Option<Layout>,
    expected: [usize; 3],
) -> Result<([usize; 3], Order), Refusal> {
    let [channels, height, width] = expected;
    let by_asked = match asked {
        Some(Layout::Nhwc) => Order::ChannelsLast,
        _ => Order::ChannelsFirst,
    };
    // A model that does not declare its input takes what experts.toml says.
    let Some(dims) = &port.dims else { return Ok((expected, by_asked)) };
    let fits = |dims: &[Dim], sizes: &[usize]| {
        let fit = |(dim, size): (&Dim, &usize)| !matches!(dim, Dim::Fixed(own) if own != size);
        dims.len() == sizes.len() && dims.iter().zip(sizes).all(fit)
    };
    let sizes = dims.get(1..).unwrap_or_default();
    let flat = |dim: &Dim| match dim {
        Dim::Fixed(found) => *found == channels * height * width,
        Dim::Free(_) => true,
    };
    // Channels first, as everywhere: another order cannot be asked for.
    if let ([dim], None | Some(Layout::Nchw)) = (sizes, asked)
        && flat(dim)
    {
        return Ok((expected, Order::Flat));
    }
    if sizes.len() != 3 {
        return Err(Refusal {
            problem: format!(
                "its input is {port}, expected [batch, {channels}, {height}, {width}] or [batch, {}]",
                channels * height * width
            ),
            remedy: "export the model with such an input, or correct [input] shape".to_owned(),
        });
    }
    let (first, last) = (fits(sizes, &expected), fits(sizes, &[height, width, channels]));
    let order = match asked {
        None if last && !first => Order::ChannelsLast,
        _ => by_asked,
    };
    // Where sizes differ from those of experts.toml, the host says so, by the model's own.
    let mut shape = expected;
    let own = match order {
        Order::ChannelsLast => [&sizes[2], &sizes[0], &sizes[1]],
        _ => [&sizes[0], &sizes[1], &sizes[2]],
    };
    for (size, dim) in shape.iter_mut().zip(own) {
        if let Dim::Fixed(fixed) = dim {
            *size = *fixed;
        }
    }
    Ok((shape, order))
}

/// The number of inputs in a run, where it is fixed.
pub(super) fn fixed_batch(port: &Port, shape: [usize; 3]) -> Result<Option<usize>, Refusal> {
    match port.dims.as_ref().and_then(|dims| dims.first()) {
        Some(Dim::Fixed(0)) => Err(Refusal {
            problem: format!("its input is {port}: a batch of no inputs"),
            remedy: dynamic(shape),
        }),
        Some(Dim::Fixed(size)) => Ok(Some(*size)),
        Some(Dim::Free(_)) | None => Ok(None),
    }
}

/// Whether a run of as many inputs as it must have fits into the budget of memory.
pub(super) fn affordable(
    shape: [usize; 3],
    fixed: Option<usize>,
    budget: u64,
) -> Result<(), Refusal> {
    let sizes = [fixed.unwrap_or(1), size_of::<f32>()];
    let mut sizes = shape.iter().chain(&sizes);
    let bytes = sizes.try_fold(1u64, |all, &size| all.checked_mul(size as u64));
    if bytes.is_some_and(|bytes| bytes <= budget) {
        return Ok(());
    }
    let at_once =
        fixed.map_or_else(|| "one of which".to_owned(), |fixed| format!("{fixed} of which"));
    Err(Refusal {
        problem: format!(
            "its inputs are {shape:?}, {at_once} are more than the budget of memory ({} MiB)",
            budget >> 20
        ),
        remedy: "the file may be damaged: export it again".to_owned(),
    })
}
