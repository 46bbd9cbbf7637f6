//! The end of a file, which describes it, before the parquet crate believes it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use drs_memory::Claim;
use parquet::file::reader::SerializedFileReader;

use super::kind::Kind;
use super::thrift::{self, Value};

/// Groups of columns in one another: images have two.
const DEPTH: usize = 64;

/// The length of what describes the file, and `PAR1`.
const TAIL: u64 = 8;

/// Opens a file whose description is sane. With what reading it holds of the budget of memory.
pub(super) fn open(path: &Path) -> Result<(SerializedFileReader<File>, Claim), String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let claim = check(&mut file)?;
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    Ok((reader, claim))
}

fn check(file: &mut File) -> Result<Claim, String> {
    let said = |error: std::io::Error| error.to_string();
    let size = file.seek(SeekFrom::End(0)).map_err(said)?;
    let damaged = || format!("is no parquet file, or a damaged one of {size} bytes");
    let start = size.checked_sub(TAIL).ok_or_else(damaged)?;
    file.seek(SeekFrom::Start(start)).map_err(said)?;
    let mut tail = [0; TAIL as usize];
    file.read_exact(&mut tail).map_err(said)?;
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let start = start.checked_sub(length).ok_or_else(damaged)?;
    let mut claim = drs_memory::claim(length.saturating_mul(1 + thrift::COST))
        .map_err(|error| error.to_string())?;
    file.seek(SeekFrom::Start(start)).map_err(said)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(said)?;
    let (described, found) = thrift::read(&bytes, Kind::File).map_err(|_| damaged())?;
    if found != bytes.len() {
        return Err(damaged());
    }
    let names = schema(described.list(2))?;
    claim.grow(names).map_err(|error| error.to_string())?;
    Ok(claim)
}

/// Whether groups of columns have the columns that they announce, and are no deeper than any need
/// to be. Gives the bytes that the names of all columns take, each with those of its groups.
fn schema(elements: &[Value<'_>]) -> Result<u64, String> {
    /// What a name takes beside its text.
    const NAME: u64 = 64;
    let mut bytes = 0u64;
    // The columns that a group still lacks, and the length of its name with those around it.
    let mut open: Vec<(usize, u64)> = Vec::new();
    for (place, element) in elements.iter().enumerate() {
        let name = element.bytes(4).map_or(0, |name| name.len() as u64) + NAME;
        let around = open.last().map_or(0, |(_, names)| *names);
        let names = around.saturating_add(name);
        bytes = bytes.saturating_add(names);
        if let Some((lacking, _)) = open.last_mut() {
            *lacking -= 1;
        }
        let children = element.int(5).unwrap_or(0);
        let left = elements.len() - place - 1;
        let children = usize::try_from(children).ok().filter(|count| *count <= left);
        let children = children.ok_or_else(|| {
            format!(
                "is damaged: a group of {} columns, {left} are left",
                element.int(5).unwrap_or(0)
            )
        })?;
        open.push((children, names));
        if open.len() > DEPTH {
            return Err(format!("its columns lie in groups more than {DEPTH} deep"));
        }
        while open.last().is_some_and(|(lacking, _)| *lacking == 0) {
            open.pop();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(name: &'static [u8], children: i64) -> Value<'static> {
        Value::Struct(vec![(4, Value::Bytes(name)), (5, Value::Int(children))])
    }

    #[test]
    fn groups_have_what_they_announce() {
        let whole =
            [element(b"root", 2), element(b"image", 1), element(b"bytes", 0), element(b"label", 0)];
        assert!(schema(&whole).is_ok_and(|bytes| bytes > 0));
        for children in [4, i64::from(i32::MAX), -1] {
            let error = schema(&[element(b"root", children), element(b"image", 0)]).unwrap_err();
            assert!(error.contains(&children.to_string()), "{error}");
        }
        let deep: Vec<_> = (0..1000).map(|place| element(b"a", i64::from(place < 999))).collect();
        assert!(schema(&deep).unwrap_err().contains("64 deep"));
    }

    #[test]
    fn long_names_count_in_every_column() {
        static LONG: [u8; 1000] = [b'a'; 1000];
        let wide: Vec<_> = std::iter::once(element(&LONG, 500))
            .chain(std::iter::repeat_n(element(b"b", 0), 500))
            .collect();
        assert!(schema(&wide).unwrap() > 500 * 1000);
    }
}
