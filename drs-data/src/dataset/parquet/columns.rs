//! Which columns hold images and labels.

use std::sync::Arc;

use parquet::file::metadata::FileMetaData;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

const IMAGES: [&str; 2] = ["image", "img"];
const LABELS: [&str; 3] = ["label", "labels", "fine_label"];
/// Where an image column keeps the encoded file.
const BYTES: &str = "bytes";
const HINT: &str = "--labels takes others, or none";

/// The columns of a file that are read.
#[derive(Debug)]
pub(super) struct Columns {
    schema: String,
    image: Arc<Type>,
    label: Option<Arc<Type>>,
    /// The names of the classes, if the hub's own notes are there.
    pub(super) classes: Option<Vec<String>>,
}

impl Columns {
    /// Finds them by their names, or by their kinds where they are the only ones.
    pub(super) fn of(file: &FileMetaData, with_labels: bool) -> Result<Self, String> {
        let schema = file.schema();
        let fields = schema.get_fields();
        let named = |names: &[&str]| {
            let of = |name: &&str| fields.iter().find(|field| field.name() == *name);
            names.iter().find_map(of).cloned()
        };
        let missing = |what: &str, names: &[&str]| {
            let found: Vec<&str> = fields.iter().map(|field| field.name()).collect();
            format!("no column of {what} ({}), found {}", names.join(" or "), found.join(", "))
        };
        let image = named(&IMAGES).or_else(|| only(fields.iter().filter(|f| is_image(f))).cloned());
        let image = image.ok_or_else(|| missing("images", &IMAGES))?;
        let notes = features(file);
        let label = named(&LABELS).or_else(|| {
            let classes = fields.iter().filter(|field| names(&notes, field.name()).is_some());
            only(classes).cloned()
        });
        if label.is_none() && with_labels {
            return Err(format!("{}; {HINT}", missing("labels", &LABELS)));
        }
        let classes = label.as_ref().and_then(|label| names(&notes, label.name()));
        let label = label.filter(|_| with_labels);
        Ok(Self { schema: schema.name().to_owned(), image, label, classes })
    }

    /// The column of images.
    pub(super) fn image_name(&self) -> &str {
        self.image.name()
    }

    /// The column of labels.
    pub(super) fn label_name(&self) -> Result<&str, String> {
        Ok(self.label.as_ref().ok_or("no labels are read")?.name())
    }

    /// The schema of the images alone.
    pub(super) fn image_alone(&self) -> Result<Type, String> {
        self.projection(&self.image)
    }

    /// The schema of the labels alone.
    pub(super) fn label_alone(&self) -> Result<Type, String> {
        self.projection(self.label.as_ref().ok_or("no labels are read")?)
    }

    fn projection(&self, field: &Arc<Type>) -> Result<Type, String> {
        let schema = Type::group_type_builder(&self.schema).with_fields(vec![Arc::clone(field)]);
        schema.build().map_err(|error| error.to_string())
    }

    /// The encoded image of a row.
    pub(super) fn image<'a>(&self, record: &'a Row) -> Result<&'a [u8], String> {
        match field(record, self.image.name()) {
            Some(Field::Bytes(bytes)) => Ok(bytes.data()),
            Some(Field::Group(group)) => {
                let bytes = group.get_column_iter().find_map(|(name, field)| match field {
                    Field::Bytes(bytes) if name == BYTES => Some(bytes.data()),
                    _ => None,
                });
                Ok(bytes.ok_or("the image has no `bytes`: the files that it names are not here")?)
            }
            other => Err(format!("the image is {}, expected encoded bytes", written(other))),
        }
    }

    /// The class of a row.
    pub(super) fn label(&self, record: &Row) -> Result<usize, String> {
        let label = self.label.as_ref().and_then(|column| field(record, column.name()));
        let class = match label {
            Some(Field::Long(class)) => usize::try_from(*class).ok(),
            Some(Field::Int(class)) => usize::try_from(*class).ok(),
            Some(Field::Short(class)) => usize::try_from(*class).ok(),
            Some(Field::Byte(class)) => usize::try_from(*class).ok(),
            Some(Field::ULong(class)) => usize::try_from(*class).ok(),
            Some(Field::UInt(class)) => usize::try_from(*class).ok(),
            Some(Field::UShort(class)) => Some(usize::from(*class)),
            Some(Field::UByte(class)) => Some(usize::from(*class)),
            _ => None,
        };
        let wrong = || format!("the label is {}, expected a class from 0; {HINT}", written(label));
        class.ok_or_else(wrong)
    }
}

fn field<'a>(record: &'a Row, column: &str) -> Option<&'a Field> {
    record.get_column_iter().find(|(name, _)| *name == column).map(|(_, field)| field)
}

fn written(field: Option<&Field>) -> String {
    field.map_or_else(|| "not there".to_owned(), ToString::to_string)
}

/// A struct as `datasets` writes images.
fn is_image(field: &Type) -> bool {
    field.is_group() && field.get_fields().iter().any(|field| field.name() == BYTES)
}

/// The one that there is, if there are not more.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// The hub's own notes on the columns, if they are there.
fn features(file: &FileMetaData) -> serde_json::Value {
    let notes = file.key_value_metadata().into_iter().flatten();
    let mut hub = notes.filter(|note| note.key == "huggingface");
    let text = hub.next().and_then(|note| note.value.as_deref());
    let note = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    note.map(|note| note["info"]["features"].clone()).unwrap_or_default()
}

/// The names of the classes in a column.
fn names(features: &serde_json::Value, column: &str) -> Option<Vec<String>> {
    let names = features[column]["names"].as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}
