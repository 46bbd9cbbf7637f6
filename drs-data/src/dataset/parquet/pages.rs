//! The pages of a column, before the parquet crate unfolds them.
//!
//! A page tells how large it is when it is unfolded, and how many values it has. Both are believed
//! by decoders, and compressed data of some kinds may be any number of times larger.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

use drs_memory::Claim;
use flate2::read::MultiGzDecoder;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::Page;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::RowGroupReader;

use super::kind::Kind;
use super::thrift::{self, Stop, Value};

/// Headers are read in parts of so many bytes; a page's statistics may be longer.
const WINDOW: u64 = 1 << 12;

/// What a value of a dictionary takes.
const VALUE: u64 = 64;

/// The columns of a group that are called so, or are in a group that is.
pub(super) fn columns<'a>(
    group: &'a RowGroupMetaData,
    name: &str,
) -> impl Iterator<Item = (usize, &'a ColumnChunkMetaData)> {
    let is_in = move |column: &ColumnChunkMetaData| {
        column.column_path().parts().first().is_some_and(|first| first == name)
    };
    group.columns().iter().enumerate().filter(move |(_, column)| is_in(column))
}

/// Claims what reading a column of a group takes at once.
///
/// # Errors
/// If it is a list, lies outside the file, or a page is not what it says.
pub(super) fn check(
    mut file: &File,
    group: &dyn RowGroupReader,
    name: &str,
) -> Result<Claim, String> {
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let mut claim = Claim::default();
    for (place, column) in columns(group.metadata(), name) {
        if column.column_descr().max_rep_level() > 0 {
            return Err(format!("the column {name} is a list, expected one value in each row"));
        }
        let (start, length) = column.byte_range();
        let end = start.checked_add(length).filter(|end| *end <= size);
        let end = end.ok_or_else(|| {
            format!("is damaged: {length} bytes at byte {start}, it has {size} bytes")
        })?;
        let Found { cost, delta } = chunk(&mut file, start, end, column.compression())?;
        claim.grow(cost).map_err(|error| error.to_string())?;
        if delta {
            lengths(group, place)?;
        }
    }
    Ok(claim)
}

/// What is found in a column of a group.
#[derive(Default)]
struct Found {
    /// Bytes of memory.
    cost: u64,
    /// Whether a page tells by itself how many values it has.
    delta: bool,
}

fn chunk(
    file: &mut &File,
    start: u64,
    end: u64,
    compression: Compression,
) -> Result<Found, String> {
    let (mut at, mut largest, mut found) = (start, 0, Found::default());
    while at < end {
        let (length, page) = header(file, at, end)?;
        at += length;
        if page.compressed > end - at {
            let left = end - at;
            return Err(format!(
                "is damaged: a page of {} bytes at byte {at}, {left} are left",
                page.compressed
            ));
        }
        // Each value may be as long as the page.
        if page.prefixes {
            return Err("images and labels in the encoding DELTA_BYTE_ARRAY are not read: write the file in PLAIN".to_owned());
        }
        found.delta |= page.lengths;
        largest = largest.max(page.unfolded.saturating_add(page.compressed));
        if let Some(values) = page.dictionary {
            if values > page.unfolded {
                return Err(format!(
                    "is damaged: a dictionary of {values} values in {} bytes",
                    page.unfolded
                ));
            }
            found.cost = found.cost.saturating_add(page.unfolded + VALUE * values);
        }
        // Nothing is unfolded for which there is no room.
        drop(drs_memory::claim(found.cost.saturating_add(largest)).map_err(|e| e.to_string())?);
        page.check_unfolded(file, at, compression)?;
        at += page.compressed;
    }
    found.cost = found.cost.saturating_add(largest);
    Ok(found)
}

/// The header of the page at this place, and its length.
fn header(file: &mut &File, at: u64, end: u64) -> Result<(u64, Header), String> {
    let mut window = WINDOW;
    loop {
        let count = window.min(end - at);
        let _claim = drs_memory::claim(count.saturating_mul(1 + thrift::COST))
            .map_err(|error| error.to_string())?;
        let bytes = part(file, at, count).map_err(|error| error.to_string())?;
        match thrift::read(&bytes, Kind::Page) {
            Ok((value, length)) => {
                let header = Header::of(&value);
                let header = header.ok_or_else(|| format!("is damaged: no page at byte {at}"))?;
                return Ok((length as u64, header));
            }
            Err(Stop::Short) if count < end - at => window = window.saturating_mul(4),
            Err(_) => return Err(format!("is damaged: no page at byte {at}")),
        }
    }
}

fn part(file: &mut &File, at: u64, count: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a page says of itself.
struct Header {
    unfolded: u64,
    compressed: u64,
    /// Bytes before the compressed ones.
    levels: u64,
    is_compressed: bool,
    /// In the encoding DELTA_LENGTH_BYTE_ARRAY.
    lengths: bool,
    /// In the encoding DELTA_BYTE_ARRAY.
    prefixes: bool,
    /// The number of values, if it is a dictionary.
    dictionary: Option<u64>,
}

impl Header {
    /// By the numbers of Parquet's schema (parquet.thrift); `None` if they are not there.
    fn of(page: &Value<'_>) -> Option<Self> {
        let size = |value: i64| u64::try_from(value).ok();
        let (first, dictionary, second) = (page.field(5), page.field(7), page.field(8));
        let levels = match second {
            Some(header) => {
                let levels = |number| size(header.int(number).unwrap_or(0));
                levels(5)?.checked_add(levels(6)?)?
            }
            None => 0,
        };
        let told = [first.and_then(|page| page.int(2)), second.and_then(|page| page.int(4))];
        let has = |encoding: i32| told.iter().flatten().any(|told| *told as i32 == encoding);
        let dictionary = match dictionary {
            Some(header) => Some(size(header.int(1).unwrap_or(0))?),
            None => None,
        };
        Some(Self {
            unfolded: size(page.int(2)?)?,
            compressed: size(page.int(3)?)?,
            levels,
            is_compressed: second.and_then(|header| header.int(7)) != Some(0),
            lengths: has(6),
            prefixes: has(7),
            dictionary,
        })
    }

    /// Unfolds what may be any number of times larger than the page says, and keeps none of it.
    fn check_unfolded(
        &self,
        file: &mut &File,
        at: u64,
        compression: Compression,
    ) -> Result<(), String> {
        let Some(compressed) = self.compressed.checked_sub(self.levels) else {
            return Err(format!("is damaged: the page at byte {at} is shorter than its levels"));
        };
        let mut data = || -> io::Result<_> {
            file.seek(SeekFrom::Start(at + self.levels))?;
            Ok((*file).take(compressed))
        };
        let most = self.unfolded.saturating_add(1);
        let count = |reader: &mut dyn Read| io::copy(&mut reader.take(most), &mut io::sink());
        let found = match compression {
            _ if !self.is_compressed || compressed == 0 => return Ok(()),
            Compression::GZIP(_) => {
                data().and_then(|data| count(&mut MultiGzDecoder::new(io::BufReader::new(data))))
            }
            Compression::ZSTD(_) => data().and_then(|data| count(&mut zstd::Decoder::new(data)?)),
            // All others are unfolded into as much as the page says, or not at all.
            _ => return Ok(()),
        };
        let found = found.map_err(|error| format!("the page at byte {at}: {error}"))?;
        if found > self.unfolded {
            return Err(format!(
                "is damaged: the page at byte {at} says that it is {} bytes, and is more",
                self.unfolded
            ));
        }
        Ok(())
    }
}

/// Whether pages that begin with the number of their values have so many.
fn lengths(group: &dyn RowGroupReader, place: usize) -> Result<(), String> {
    let descr = group.metadata().column(place).column_descr_ptr();
    let rows = u64::try_from(group.metadata().num_rows()).unwrap_or(0);
    let mut pages = group.get_column_page_reader(place).map_err(|error| error.to_string())?;
    while let Some(page) = pages.get_next_page().map_err(|error| error.to_string())? {
        let (bytes, levels) = match &page {
            Page::DataPage { buf, encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY, .. } => {
                let has_levels = descr.max_def_level() > 0;
                // Their length, and themselves.
                let length = buf.first_chunk().map_or(0, |head| u32::from_le_bytes(*head));
                (buf, if has_levels { 4 + length as usize } else { 0 })
            }
            Page::DataPageV2 {
                buf,
                encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => (buf, *def_levels_byte_len as usize + *rep_levels_byte_len as usize),
            _ => continue,
        };
        let values = bytes.get(levels..).and_then(count);
        if values.is_none_or(|values| values > rows.min(page.num_values().into())) {
            return Err(format!(
                "is damaged: a page of {} values has data of another number",
                page.num_values()
            ));
        }
    }
    Ok(())
}

/// The third number in a row: how many values there are, behind the sizes of blocks.
fn count(bytes: &[u8]) -> Option<u64> {
    let mut numbers = bytes.iter();
    let mut number = 0;
    for _ in 0..3 {
        number = 0;
        for shift in (0..70).step_by(7) {
            let byte = *numbers.next()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                break;
            }
        }
    }
    Some(number)
}
