//! Parquet files of a megabyte at most that ask for a hundred gigabytes, or for no end of nesting.
//! They are read by the real binary, which gets 4 GiB of address space.

#![cfg(target_os = "linux")]

use std::io::Write as _;

use drs_tests::{Halfspaces, Place, Run, built};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Address space of the binary, in KiB.
const SPACE: u64 = 4 << 20;

/// Thrift's compact protocol, in which Parquet describes itself.
#[derive(Clone)]
enum Thrift {
    I32(i32),
    I64(i64),
    Bytes(Vec<u8>),
    Structs(Vec<Thrift>),
    Texts(Vec<&'static str>),
    /// A list of none.
    Encodings,
    Struct(Vec<(u8, Thrift)>),
}

use Thrift::{Encodings, I32, I64, Struct, Structs, Texts};

fn number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn signed(value: i64, out: &mut Vec<u8>) {
    number((value << 1 ^ value >> 63) as u64, out);
}

impl Thrift {
    fn kind(&self) -> u8 {
        match self {
            I32(_) => 5,
            I64(_) => 6,
            Self::Bytes(_) => 8,
            Structs(_) | Texts(_) | Encodings => 9,
            Struct(_) => 12,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let head = |kind: u8, count: usize, out: &mut Vec<u8>| {
            out.push(0xf0 | kind);
            number(count as u64, out);
        };
        match self {
            I32(value) => signed(i64::from(*value), out),
            I64(value) => signed(*value, out),
            Self::Bytes(bytes) => {
                number(bytes.len() as u64, out);
                out.extend(bytes);
            }
            Structs(items) => {
                head(12, items.len(), out);
                items.iter().for_each(|item| item.write(out));
            }
            Texts(items) => {
                head(8, items.len(), out);
                items.iter().for_each(|item| text(item).write(out));
            }
            Encodings => head(5, 0, out),
            Struct(fields) => {
                let mut before = 0;
                for (place, value) in fields {
                    out.push((place - before) << 4 | value.kind());
                    value.write(out);
                    before = *place;
                }
                out.push(0);
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

fn text(text: &str) -> Thrift {
    Thrift::Bytes(text.as_bytes().to_vec())
}

const PLAIN: i32 = 0;
const LENGTHS: i32 = 6;
const PREFIXES: i32 = 7;
const DICTIONARY: i32 = 8;

const SNAPPY: i32 = 1;
const GZIP: i32 = 2;
const ZSTD: i32 = 6;

/// A page of data: what it says it is when it is unfolded, and its bytes.
fn page(values: i32, encoding: i32, unfolded: i32, data: &[u8]) -> Vec<u8> {
    let header = Struct(vec![(1, I32(values)), (2, I32(encoding)), (3, I32(3)), (4, I32(3))]);
    let page = vec![(1, I32(0)), (2, I32(unfolded)), (3, I32(data.len() as i32)), (5, header)];
    [Struct(page).bytes(), data.to_vec()].concat()
}

fn dictionary(values: i32, data: &[u8]) -> Vec<u8> {
    let (header, length) = (Struct(vec![(1, I32(values)), (2, I32(PLAIN))]), data.len() as i32);
    let page = vec![(1, I32(2)), (2, I32(length)), (3, I32(length)), (7, header)];
    [Struct(page).bytes(), data.to_vec()].concat()
}

/// A column of bytes.
fn column(repetition: i32) -> Thrift {
    Struct(vec![(1, I32(6)), (3, I32(repetition)), (4, text("image"))])
}

fn group(name: &str, children: i32) -> Thrift {
    Struct(vec![(3, I32(0)), (4, text(name)), (5, I32(children))])
}

/// A group of rows whose images are the bytes behind the first four of the file.
fn rows(codec: i32, length: usize, rows: i64) -> Thrift {
    let length = I64(length as i64);
    let chunk = Struct(vec![
        (1, I32(6)),
        (2, Encodings),
        (3, Texts(vec!["image"])),
        (4, I32(codec)),
        (5, I64(rows)),
        (6, length.clone()),
        (7, length),
        (9, I64(4)),
    ]);
    let column = Struct(vec![(2, I64(4)), (3, chunk)]);
    Struct(vec![(1, Structs(vec![column])), (2, I64(0)), (3, I64(rows))])
}

fn file(schema: Vec<Thrift>, groups: Vec<Thrift>, pages: &[u8]) -> Vec<u8> {
    let end = vec![(1, I32(1)), (2, Structs(schema)), (3, I64(1)), (4, Structs(groups))];
    let end = Struct(end).bytes();
    let length = (end.len() as u32).to_le_bytes();
    let bytes = [b"PAR1", pages, &end, &length, b"PAR1"].concat();
    assert!(bytes.len() <= 1 << 20, "{}", bytes.len());
    bytes
}

/// A file of one group.
fn pages(codec: i32, count: i64, pages: &[Vec<u8>]) -> Vec<u8> {
    let pages = pages.concat();
    file(vec![group("root", 1), column(0)], vec![rows(codec, pages.len(), count)], &pages)
}

/// An image as a plain column has it, or another value of this length.
fn image() -> Vec<u8> {
    value(&[&b"P5 32 32 255\n"[..], &[200; 1024]].concat())
}

fn value(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

fn certify(bytes: Vec<u8>) -> Run {
    let place = Place::new();
    let pool =
        Halfspaces { shape: [1, 32, 32], experts: vec![("near", 0.25, 0, 99.5)], router: None };
    place.write("experts.toml", pool.toml());
    place.write("a.parquet", bytes);
    let drs = built().join("drs");
    place.shell(&format!(
        "ulimit -v {SPACE}; exec {} --memory 512MiB certify --experts experts.toml --data a.parquet --labels none --n 100 --out o.tsv",
        drs.display()
    ))
}

/// An error in words, not an end by a signal.
#[track_caller]
fn refused(bytes: Vec<u8>, words: &[&str]) {
    let run = certify(bytes);
    assert!(run.code == 1 || run.code == 3, "{run}");
    for words in ["a.parquet"].iter().chain(words) {
        assert!(run.stderr.contains(words), "no {words:?}\n{run}");
    }
    assert!(!run.stderr.contains("panicked"), "{run}");
}

#[test]
fn a_file_that_asks_for_nothing_odd_is_certified() {
    let (image, length) = (image(), image().len() as i32);
    let plain = pages(0, 1, &[page(1, PLAIN, length, &image)]);
    assert!(certify(plain).succeeds().contains("1 input"));
    let zipped = gzipped(&image, 0);
    let zipped = pages(GZIP, 1, &[page(1, PLAIN, length, &zipped)]);
    assert!(certify(zipped).succeeds().contains("1 input"));
    let zstd = pages(ZSTD, 1, &[page(1, PLAIN, length, &zstd(&image, 0))]);
    assert!(certify(zstd).succeeds().contains("1 input"));
    // One image in three rows: indices of one bit, the same three times.
    let twice = pages(0, 3, &[dictionary(1, &image), page(3, DICTIONARY, 3, &[1, 6, 0])]);
    assert!(certify(twice).succeeds().contains("3 inputs"));
    let lengths = [delta(1, image.len() - 4), image[4..].to_vec()].concat();
    let lengths = pages(0, 1, &[page(1, LENGTHS, lengths.len() as i32, &lengths)]);
    assert!(certify(lengths).succeeds().contains("1 input"));
}

/// So many numbers, of which the first is told.
fn delta(count: u64, first: usize) -> Vec<u8> {
    let mut out = Vec::new();
    [128, 4, count].iter().for_each(|value| number(*value, &mut out));
    signed(first as i64, &mut out);
    out
}

fn gzipped(bytes: &[u8], zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    let block = vec![0; 1 << 20];
    (0..zeros >> 20).for_each(|_| encoder.write_all(&block).unwrap());
    encoder.finish().unwrap()
}

/// Zstandard by hand: a block as it is, then blocks of 128 KiB of zeros in four bytes each.
fn zstd(bytes: &[u8], zeros: usize) -> Vec<u8> {
    let block = |last: bool, kind: u32, size: usize| {
        (u32::from(last) | kind << 1 | (size as u32) << 3).to_le_bytes()[..3].to_vec()
    };
    let blocks = zeros >> 17;
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    out.extend(block(blocks == 0, 0, bytes.len()));
    out.extend(bytes);
    for place in 0..blocks {
        out.extend(block(place + 1 == blocks, 1, 1 << 17));
        out.push(0);
    }
    out
}

#[test]
fn groups_of_columns_without_end_are_refused() {
    for children in [i32::MAX, 2_000_000_000, -1] {
        let schema = vec![group("root", children), column(0)];
        refused(file(schema, Vec::new(), &[]), &["is damaged: a group of"]);
    }
    let deep = (0..100_000).map(|_| group("", 1)).chain([column(0)]).collect();
    refused(file(deep, Vec::new(), &[]), &["64 deep"]);
    // The name of a group is part of the names of all its columns.
    let wide = std::iter::repeat_n(column(0), 40_000);
    let wide = [group("root", 1), group(&"a".repeat(400_000), 40_000)].into_iter().chain(wide);
    refused(file(wide.collect(), Vec::new(), &[]), &["of memory", "--memory"]);
}

#[test]
fn rows_that_are_not_there_are_refused() {
    let page = page(1, PLAIN, image().len() as i32, &image());
    refused(pages(0, 1 << 60, std::slice::from_ref(&page)), &["it promises"]);
    // Each group as many as the file has bytes.
    let schema = || vec![group("root", 1), column(0)];
    let groups = std::iter::repeat_n(rows(0, page.len(), 100_000), 10_000);
    refused(file(schema(), groups.collect(), &page), &["it promises"]);
    let groups = std::iter::repeat_n(rows(0, page.len(), 1), 1_000);
    refused(file(schema(), groups.collect(), &page), &["it promises", "bytes of image"]);
    let list = file(vec![group("root", 1), column(2)], vec![rows(0, page.len(), 1)], &page);
    refused(list, &["is a list"]);
}

#[test]
fn pages_that_unfold_without_end_are_refused() {
    for codec in [0, SNAPPY, GZIP, ZSTD] {
        let huge = page(1, PLAIN, i32::MAX, &image());
        refused(pages(codec, 1, &[huge]), &["of memory", "--memory"]);
    }
    let bombs = [(GZIP, gzipped(&image(), 900 << 20)), (ZSTD, zstd(&image(), 30 << 30))];
    for (codec, bomb) in bombs {
        let lying = page(1, PLAIN, 2000, &bomb);
        refused(pages(codec, 1, &[lying]), &["says that it is 2000 bytes, and is more"]);
        let honest = page(1, PLAIN, 900 << 20, &bomb);
        refused(pages(codec, 1, &[honest]), &["of memory", "--memory"]);
    }
}

#[test]
fn values_that_are_not_there_are_refused() {
    let index = page(1, DICTIONARY, 3, &[1, 2, 0]);
    let lying = dictionary(i32::MAX, &image());
    refused(pages(0, 1, &[lying, index]), &["a dictionary of 2147483647 values"]);
    // One image of 500 KB in as many rows as there are bytes: 250 GB.
    let one = dictionary(1, &value(&vec![0; 500_000]));
    let mut run = vec![1];
    number(500_000 << 1, &mut run);
    run.push(0);
    let run = page(500_000, DICTIONARY, run.len() as i32, &run);
    refused(pages(0, 500_000, &[one, run]), &["of memory", "--memory"]);
    for count in [2, 1 << 40, u64::MAX >> 1] {
        let data = delta(count, 1);
        let page = page(i32::MAX, LENGTHS, data.len() as i32, &data);
        refused(pages(0, 1, &[page]), &["data of another number"]);
    }
    let prefixes = page(1, PREFIXES, 4, &[0; 4]);
    refused(pages(0, 1, &[prefixes]), &["DELTA_BYTE_ARRAY"]);
}
