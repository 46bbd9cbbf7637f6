//! Noise drawn on the device.
//!
//! The algorithm is that of [`drs_plugins_api::Draws`], in tensor operations of
//! integers only: every device gives the very integers that the host would
//! have drawn, so a certificate can be replayed with either.

mod chacha;

use std::sync::OnceLock;

use drs_plugins_api::{Draws, Error, NoiseTable, OPEN};
use tch::{Device, Kind, TchError, Tensor};

use crate::constant::Constant;
use crate::explain::device_error;

/// Values that one ChaCha block decides (16 bits each), or open ones (64 bits).
const VALUES_PER_BLOCK: u64 = 32;
const OPEN_PER_BLOCK: u64 = 8;

/// The noise of one expert on one device.
#[derive(Default)]
pub(crate) struct DeviceNoise {
    table: OnceLock<Table>,
}

impl DeviceNoise {
    /// The noisy inputs `[padded rows, values]` as i16, on `device`.
    pub(crate) fn noisy_inputs(&self, draws: &Draws<'_>, device: Device) -> Result<Tensor, Error> {
        let table = self.table.get_or_init(|| Table::new(draws.noise(), device));
        let _no_grad = tch::no_grad_guard();
        noisy_inputs(table, draws, device).map_err(|error| device_error(&error))
    }
}

/// A noise table on a device.
struct Table {
    cells: Constant,
    /// Of each cell's bits: the number of thresholds below them, and up to them.
    below: Constant,
    up_to: Constant,
    /// Low halves of the thresholds, in the order of signed numbers.
    thresholds: Constant,
    /// Halvings that search the fullest cell.
    halvings: u32,
    lowest: i64,
}

impl Table {
    fn new(noise: NoiseTable<'_>, device: Device) -> Self {
        let high = noise.thresholds_high;
        let count = |bits: u32| high.partition_point(|&threshold| threshold < bits) as i64;
        let below: Vec<i64> = (0..1 << 16).map(count).collect();
        let up_to: Vec<i64> = (1..=1 << 16).map(count).collect();
        let fullest = below.iter().zip(&up_to).map(|(below, up_to)| up_to - below).max();
        let thresholds: Vec<i64> = noise.thresholds_low.iter().map(|&low| ordered(low)).collect();
        let constant = |tensor: Tensor| Constant::from(tensor.to_device(device));
        Self {
            cells: constant(Tensor::from_slice(noise.cells)),
            below: constant(Tensor::from_slice(&below)),
            up_to: constant(Tensor::from_slice(&up_to)),
            thresholds: constant(Tensor::from_slice(&thresholds)),
            halvings: fullest.map_or(0, |fullest| (fullest as u64).next_power_of_two().ilog2() + 1),
            lowest: noise.lowest.into(),
        }
    }
}

fn noisy_inputs(table: &Table, draws: &Draws<'_>, device: Device) -> Result<Tensor, TchError> {
    let values = signed(draws.values());
    let addresses = Addresses::new(draws, device)?;
    let noise = noise(table, &addresses, values)?;
    let inputs: Vec<i16> = draws.segments().iter().flat_map(|s| s.input).copied().collect();
    let inputs = Tensor::f_from_slice(&inputs)?.f_to_device(device)?.f_reshape([-1, values])?;
    let noisy = inputs.f_index_select(0, &addresses.segment)?.f_add(&noise)?;
    let padding = signed(draws.padded_rows() - draws.rows());
    noisy.f_constant_pad_nd([0, 0, 0, padding])
}

/// Of each draw: key, nonce and segment.
struct Addresses {
    keys: Tensor,
    nonces: Tensor,
    segment: Tensor,
}

impl Addresses {
    fn new(draws: &Draws<'_>, device: Device) -> Result<Self, TchError> {
        let (mut keys, mut nonces, mut segments) = (Vec::new(), Vec::new(), Vec::new());
        for (index, segment) in (0i64..).zip(draws.segments()) {
            let words = segment.key.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word));
            let words: Vec<i32> = words.collect();
            for draw in (segment.first..).take(segment.rows) {
                let nonce = draw.wrapping_mul(2);
                keys.extend_from_slice(&words);
                nonces.extend([nonce as u32 as i32, (nonce >> 32) as i32]);
                segments.push(index);
            }
        }
        let placed = |tensor: Tensor| tensor.f_to_device(device);
        Ok(Self {
            keys: placed(Tensor::f_from_slice(&keys)?.f_reshape([-1, 8])?)?,
            nonces: placed(Tensor::f_from_slice(&nonces)?.f_reshape([-1, 2])?)?,
            segment: placed(Tensor::f_from_slice(&segments)?)?,
        })
    }

    /// The nonces of the second streams: odd where the first are even.
    fn odd_nonces(&self) -> Result<Tensor, TchError> {
        let one = Tensor::f_from_slice(&[1i32, 0])?.f_to_device(self.nonces.device())?;
        self.nonces.f_bitwise_or_tensor(&one)
    }
}

/// The noise of each draw, `[draws, values]` as i16.
fn noise(table: &Table, addresses: &Addresses, values: i64) -> Result<Tensor, TchError> {
    let draws = addresses.segment.size()[0];
    let blocks = whole_blocks(values, VALUES_PER_BLOCK);
    let bits = chacha::key_streams(&addresses.keys, &addresses.nonces, blocks)
        .f_view_dtype(Kind::Int16)?
        .f_narrow(1, 0, values)?
        .f_to_kind(Kind::Int)?
        .f_bitwise_and(0xffff)?
        .f_reshape([-1])?;
    let mut noise = table.cells.f_index_select(0, &bits)?;

    let open = noise.f_eq(i64::from(OPEN))?.f_reshape([draws, values])?;
    let order = open.f_cumsum(1, Kind::Int64)?;
    let most = order.f_amax([1], false)?.f_max()?.f_int64_value(&[])?;
    if most > 0 {
        let blocks = whole_blocks(most, OPEN_PER_BLOCK);
        let rest = chacha::key_streams(&addresses.keys, &addresses.odd_nonces()?, blocks)
            .f_view_dtype(Kind::Int64)?
            .f_bitwise_xor(i64::MIN)?; // as `ordered`
        let place = open.f_reshape([-1])?.f_nonzero()?.f_squeeze_dim(1)?;
        let row = place.f_divide_scalar_mode(values, "floor")?;
        let number = order.f_reshape([-1])?.f_index_select(0, &place)?.f_sub_scalar(1)?;
        let at = row.f_mul_scalar(rest.size()[1])?.f_add(&number)?;
        let rest = rest.f_reshape([-1])?.f_index_select(0, &at)?;
        let bits = bits.f_index_select(0, &place)?;
        let value = thresholds_up_to(table, &bits, &rest)?.f_add_scalar(table.lowest)?;
        noise = noise.f_index_copy_(0, &place, &value.f_to_kind(Kind::Int16)?)?;
    }
    noise.f_reshape([draws, values])
}

/// How many thresholds are at most bits·2⁶⁴ + rest, by halving.
fn thresholds_up_to(table: &Table, bits: &Tensor, rest: &Tensor) -> Result<Tensor, TchError> {
    let mut left = table.below.f_index_select(0, bits)?;
    let mut right = table.up_to.f_index_select(0, bits)?;
    let last = table.thresholds.size()[0] - 1;
    for _ in 0..table.halvings {
        let middle = left.f_add(&right)?.f_bitwise_right_shift_tensor_scalar(1)?;
        let threshold = table.thresholds.f_index_select(0, &middle.f_clamp_max(last)?)?;
        let searching = left.f_lt_tensor(&right)?;
        let above = threshold.f_le_tensor(rest)?.f_logical_and(&searching)?;
        let next = middle.f_add_scalar(1)?;
        right = right.f_where_self(&above, &middle.f_minimum(&right)?)?;
        left = next.f_where_self(&above, &left)?;
    }
    Ok(left)
}

/// Signed numbers in the order of unsigned ones.
fn ordered(unsigned: u64) -> i64 {
    (unsigned ^ (1 << 63)) as i64
}

/// Whole blocks that hold so many items.
fn whole_blocks(items: i64, per_block: u64) -> i64 {
    items.unsigned_abs().div_ceil(per_block).cast_signed()
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
