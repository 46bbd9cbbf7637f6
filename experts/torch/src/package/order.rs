//! How the values of an input lie in memory.

use tch::{TchError, Tensor};

use crate::signed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    ChannelsFirst,
    ChannelsLast,
}

impl Order {
    /// The steps in memory from one channel, row and column to the next.
    pub(super) fn strides(self, [channels, height, width]: [usize; 3]) -> [usize; 3] {
        match self {
            Self::ChannelsFirst => [height * width, width, 1],
            Self::ChannelsLast => [1, width * channels, channels],
        }
    }

    /// The batch, its values in this order.
    ///
    /// With exactly these steps: compiled code compares them also where a dimension of size 1
    /// leaves them without meaning.
    pub(super) fn arranged(self, batch: &Tensor) -> Result<Tensor, TchError> {
        let size = batch.size();
        let dim = |at: usize| size.get(at).map_or(0, |&dim| usize::try_from(dim).unwrap_or(0));
        let shape = [dim(1), dim(2), dim(3)];
        let [channel, row, column] = self.strides(shape).map(signed);
        let input = signed(shape.iter().product());
        let values = match self {
            Self::ChannelsFirst => batch.f_contiguous()?,
            Self::ChannelsLast => batch.f_permute([0, 2, 3, 1])?.f_contiguous()?,
        };
        values.f_as_strided(&size, [input, channel, row, column], None)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn values_stay_and_steps_are_as_said() {
        for shape in [[2, 3, 4, 5], [1, 1, 4, 5], [3, 2, 1, 1]] {
            let values: i64 = shape.iter().product();
            let batch = Tensor::arange(values, (Kind::Float, Device::Cpu)).reshape(shape);
            for order in [Order::ChannelsFirst, Order::ChannelsLast] {
                let arranged = order.arranged(&batch).unwrap();
                assert_eq!(arranged, batch, "{order:?}");
                let dims = [1, 2, 3].map(|at: usize| usize::try_from(shape[at]).unwrap());
                let steps = order.strides(dims).map(|step| i64::try_from(step).unwrap());
                assert_eq!(arranged.stride()[1..], steps, "{order:?}");
            }
        }
    }
}
