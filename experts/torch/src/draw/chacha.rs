//! ChaCha12 (Bernstein 2008) in tensor operations: one key stream per row.
//!
//! The four words of a state's row are one tensor, so a double round is some
//! fifty operations on the device however many streams there are.

use tch::{Kind, Tensor};

const ROUNDS: usize = 12;
/// "expand 32-byte k"
const CONSTANTS: [i32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// The first `blocks` blocks of 16 words of each stream, `[streams, 16 · blocks]`.
///
/// `keys` is `[streams, 8]` and `nonces` `[streams, 2]`, low word first, both
/// i32 with the bits of the unsigned words; so is the answer. The 64-bit block
/// counter starts at 0.
pub(super) fn key_streams(keys: &Tensor, nonces: &Tensor, blocks: i64) -> Tensor {
    let (device, streams) = (keys.device(), keys.size()[0]);
    let spread = |words: Tensor| words.expand([4, streams, blocks], false);
    // [streams, 4] becomes [4, streams, 1].
    let column = |words: Tensor| words.transpose(0, 1).unsqueeze(2);
    let counters = Tensor::arange(blocks, (Kind::Int, device)).expand([1, streams, blocks], false);
    let nonces = column(nonces.shallow_clone()).expand([2, streams, blocks], false);
    let start = [
        spread(Tensor::from_slice(&CONSTANTS).to_device(device).reshape([4, 1, 1])),
        spread(column(keys.narrow(1, 0, 4))),
        spread(column(keys.narrow(1, 4, 4))),
        Tensor::cat(&[&counters, &counters.zeros_like(), &nonces], 0),
    ];
    let [mut a, mut b, mut c, mut d] = start.each_ref().map(Tensor::copy);
    for _ in 0..ROUNDS / 2 {
        quarter_rounds(&mut a, &mut b, &mut c, &mut d);
        // Diagonals become columns, and columns again.
        (b, c, d) = (b.roll([-1], [0]), c.roll([-2], [0]), d.roll([-3], [0]));
        quarter_rounds(&mut a, &mut b, &mut c, &mut d);
        (b, c, d) = (b.roll([1], [0]), c.roll([2], [0]), d.roll([3], [0]));
    }
    let words = [a, b, c, d].into_iter().zip(&start).map(|(word, start)| word + start);
    let state = Tensor::cat(&words.collect::<Vec<_>>(), 0);
    // Where there is one block, a reshape alone would be a view with odd strides.
    state.permute([1, 2, 0]).contiguous().reshape([streams, 16 * blocks])
}

fn quarter_rounds(a: &mut Tensor, b: &mut Tensor, c: &mut Tensor, d: &mut Tensor) {
    step(a, b, d, 16);
    step(c, d, b, 12);
    step(a, b, d, 8);
    step(c, d, b, 7);
}

/// `sum += addend; mixed = (mixed ^ sum) <<< bits`, modulo 2³².
fn step(sum: &mut Tensor, addend: &Tensor, mixed: &mut Tensor, bits: i64) {
    // Signed additions wrap in libtorch, on every device.
    let _ = sum.g_add_(addend);
    let _ = mixed.bitwise_xor_tensor_(sum);
    let high = mixed.bitwise_left_shift_tensor_scalar(bits);
    // Shifting right repeats the sign bit: what it shifts in is masked off.
    let low = mixed.bitwise_right_shift_tensor_scalar(32 - bits);
    *mixed = low.bitwise_and((1 << bits) - 1).bitwise_or_tensor(&high);
}
