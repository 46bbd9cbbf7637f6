//! Curves for TensorBoard.
//!
//! An event file is a row of records, each with its length and two masked
//! CRC-32C sums; a record is a protocol buffer of TensorFlow's `event.proto`.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use crc::{CRC_32_ISCSI, Crc};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// A file of events.
#[derive(Debug)]
pub struct Events(BufWriter<File>);

impl Events {
    /// A new file in `folder`, which TensorBoard reads together with earlier ones.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        let now = now();
        let path =
            folder.join(format!("events.out.tfevents.{:.0}.drs.{}", now, std::process::id()));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let mut events = Self(BufWriter::new(file));
        let version = Some("brain.Event:2".to_owned());
        events.record(&Event { wall_time: now, step: 0, file_version: version, summary: None })?;
        Ok(events)
    }

    /// Adds values at a step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add<'a>(
        &mut self,
        step: i64,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> anyhow::Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "the format has f32")]
        let value = |(tag, value): (&str, f64)| Value {
            tag: tag.to_owned(),
            simple_value: Some(value as f32),
        };
        let summary = Some(Summary { value: values.into_iter().map(value).collect() });
        self.record(&Event { wall_time: now(), step, file_version: None, summary })
    }

    fn record(&mut self, event: &Event) -> anyhow::Result<()> {
        let data = event.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        for part in [&length[..], &masked(&length), &data, &masked(&data)] {
            self.0.write_all(part)?;
        }
        Ok(self.0.flush()?)
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The sum as TFRecord files have it.
fn masked(data: &[u8]) -> [u8; 4] {
    let sum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(data);
    sum.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_tensorboard_s() {
        // Written by RecordWriter of TensorBoard 2.21.0.
        let expected = "1800000000000000a37f4b220900000000000029401a0d627261696e2e4576656e743a3263\
                        94a44f2b00000000000000861bc34b090000000000802a4010072a1e0a0b0a046c6f737315\
                        0000003f0a0f0a086163637572616379150000403f32847592";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut events = Events(BufWriter::new(File::create(&path).unwrap()));
        let value = |tag: &str, value| Value { tag: tag.to_owned(), simple_value: Some(value) };
        let values = vec![value("loss", 0.5), value("accuracy", 0.75)];
        let version = Some("brain.Event:2".to_owned());
        let summary = Some(Summary { value: values });
        for event in [
            Event { wall_time: 12.5, step: 0, file_version: version, summary: None },
            Event { wall_time: 13.25, step: 7, file_version: None, summary },
        ] {
            events.record(&event).unwrap();
        }
        let found: String =
            std::fs::read(&path).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, expected);
    }
}
