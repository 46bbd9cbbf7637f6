//! 100,000 damaged bodies for each wire: every one is read or refused, none stops the reader.

use drs_core::lattice::{Quantum, Shape};
use drs_data::InputSpec;
use drs_serve::probe;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const BODIES: usize = 100_000;

fn spec() -> InputSpec {
    InputSpec { shape: Shape::new([1, 2, 2]).unwrap(), quantum: Quantum::EIGHT_BIT, resize: None }
}

/// Some bytes changed, cut out, doubled or put in.
fn damaged(good: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut body = good.to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..body.len().max(1)).min(body.len());
        match random.random_range(0..5) {
            0 if at < body.len() => body[at] ^= 1 << random.random_range(0..8),
            1 if at < body.len() => body[at] = random.random(),
            2 => body.truncate(at),
            3 => {
                let end = random.random_range(at..=body.len());
                let piece: Vec<u8> = body.drain(at..end).collect();
                let to = random.random_range(0..=body.len());
                body.splice(to..to, piece);
            }
            _ => body.insert(at, *b"{}[],:\"0-9e\xff".get(random.random_range(0..12)).unwrap()),
        }
    }
    body
}

const JSON: &[u8] = br#"{"id":"a","parameters":{"seed":1,"radius":0.5},"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,2,2],"parameters":{"binary_data_size":4}}],"outputs":[{"name":"radius","parameters":{"binary_data":true}}]}"#;

#[test]
fn rest() {
    let with_data = br#"{"inputs":[{"name":"image","datatype":"FP32","shape":[1,1,2,2],"data":[[[[0,0.5],[1,0.25]]]]}]}"#;
    assert_eq!(probe::rest(with_data, None, spec()), Ok(1));
    let binary: Vec<u8> = [JSON, &[1, 2, 3, 4]].concat();
    let length = JSON.len().to_string();
    assert_eq!(probe::rest(&binary, Some(length.as_bytes()), spec()), Ok(1));
    let mut random = StdRng::seed_from_u64(1);
    let mut refused = 0;
    for round in 0..BODIES {
        let outcome = if round % 2 == 0 {
            probe::rest(&damaged(with_data, &mut random), None, spec())
        } else {
            let header = if random.random_bool(0.9) {
                length.clone()
            } else {
                random.random_range(0..400).to_string()
            };
            probe::rest(&damaged(&binary, &mut random), Some(header.as_bytes()), spec())
        };
        refused += usize::from(outcome.is_err_and(|told| !told.is_empty()));
    }
    assert!(refused > BODIES / 2, "{refused} refused");
}

#[test]
fn grpc() {
    // model_name "drs", an input `image` UINT8 [1, 1, 2, 2], and its bytes.
    let mut good = b"\x0a\x03drs".to_vec();
    let input = b"\x0a\x05image\x12\x05UINT8\x1a\x04\x01\x01\x02\x02";
    good.extend_from_slice(&[0x2a, u8::try_from(input.len()).unwrap()]);
    good.extend_from_slice(input);
    good.extend_from_slice(&[0x3a, 4, 1, 2, 3, 4]);
    assert_eq!(probe::grpc(&good, spec()), Ok(1));
    let mut random = StdRng::seed_from_u64(2);
    let mut refused = 0;
    for _ in 0..BODIES {
        refused += usize::from(probe::grpc(&damaged(&good, &mut random), spec()).is_err());
    }
    assert!(refused > BODIES / 2, "{refused} refused");
}
