//! ImageFolder, one folder per class; or one folder of images.

use std::path::{Path, PathBuf};

use drs_core::text::counted;

use super::classes::some;
use super::walk::{Entries, below, entries, is_image, name};
use super::{Example, Labels, OpenOptions, idx, parts};
use crate::error::DataError;
use crate::{InputSpec, read_image};

/// The table of labels that tiny ImageNet has beside its images.
const TABLE: &str = "val_annotations.txt";
/// The list of its classes.
const SYNSETS: &str = "wnids.txt";

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    spec: InputSpec,
    /// Class folders; or the classes of the table, where a list beside it tells them.
    classes: Option<Vec<String>>,
    /// Without a class if all images are in one folder.
    files: Vec<(Option<usize>, PathBuf)>,
    /// Where labels are, if not in the folders' names.
    table: Option<PathBuf>,
    /// What was found and is not used.
    note: Option<String>,
}

impl Folder {
    /// Classes and files in the order of their names, as torchvision sorts them.
    pub(super) fn open(
        path: &Path,
        spec: InputSpec,
        options: &OpenOptions,
    ) -> Result<Self, DataError> {
        let Entries { folders, files: rest } = entries(path)?;
        let (hidden, folders): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|folder| is_hidden(&name(folder)));
        let loose: Vec<PathBuf> = rest.into_iter().filter(|file| is_image(file)).collect();
        // As data sets are often packed: a folder for each part, classes within.
        if loose.is_empty()
            && let Some(part) = parts::find(path, &folders, &options.split)?
        {
            return Self::open(&part, spec, options);
        }
        let mut classes = Vec::new();
        let mut files = Vec::new();
        let mut filled = Vec::new();
        for folder in folders {
            let images = below(&folder, is_image)?;
            if !images.is_empty() {
                filled.push(folder.clone());
            }
            files.extend(images.into_iter().map(|file| (Some(classes.len()), file)));
            classes.push(name(&folder));
        }
        // Seen only now, where folders beside the parts hold no image.
        if loose.is_empty()
            && parts::are(&filled, &options.split)
            && let Some(part) = parts::find(path, &filled, &options.split)?
        {
            return Self::open(&part, spec, options);
        }
        let skipped = (!hidden.is_empty()).then(|| {
            let names: Vec<String> = hidden.iter().map(|folder| name(folder)).collect();
            format!("hidden folders are no classes and were left out: {}", some(&names))
        });
        let folder = |classes, files| Self {
            path: path.to_owned(),
            spec,
            classes,
            files,
            table: None,
            note: skipped.clone(),
        };
        let unlabelled = |files: Vec<PathBuf>| {
            let files = files.into_iter().map(|file| (None, file)).collect();
            folder(None, files).with_table(options)
        };
        match &filled[..] {
            [] if loose.is_empty() => Err(nothing(path, &options.split, classes.len())),
            [] => unlabelled(loose),
            [all] if loose.is_empty() && parts::is_for_all(all) => {
                unlabelled(files.into_iter().map(|(_, file)| file).collect())
            }
            _ => {
                let has_image = |class: &usize| files.iter().any(|(of, _)| *of == Some(*class));
                let empty: Vec<&String> =
                    (0..classes.len()).filter(|c| !has_image(c)).map(|c| &classes[c]).collect();
                let empty = (!empty.is_empty()).then(|| {
                    format!(
                        "class folders without an image are classes of which there is no input: {}",
                        some(&empty)
                    )
                });
                let loose = (!loose.is_empty()).then(|| {
                    format!("{} beside the class folders left out, as torchvision does: without a class", counted(loose.len(), "image"))
                });
                let notes: Vec<String> =
                    [skipped.clone(), empty, loose].into_iter().flatten().collect();
                let note = (!notes.is_empty()).then(|| notes.join("; "));
                Ok(Self { note, ..folder(Some(classes), files) })
            }
        }
    }

    /// Images that are not in class folders need labels from elsewhere, if any are asked for.
    fn with_table(self, options: &OpenOptions) -> Result<Self, DataError> {
        if options.labels != Labels::Own {
            return Ok(self);
        }
        // The images may be given without the folder around them.
        let around = self.path.parent().filter(|_| parts::is_for_all(&self.path));
        let mut places = vec![self.path.as_path()];
        places.extend(around);
        let table = places.iter().map(|place| place.join(TABLE)).find(|table| table.is_file());
        let Some(table) = table else { return Err(self.without_labels(&places)) };
        let list = table.parent().and_then(Path::parent).map(|folder| folder.join(SYNSETS));
        let classes = list.and_then(|list| std::fs::read_to_string(list).ok()).map(|text| {
            let mut classes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            classes.sort();
            classes
        });
        let told = format!("labels are those of {}", table.display());
        let note = Some(self.note.iter().cloned().chain([told]).collect::<Vec<_>>().join("; "));
        Ok(Self { classes, table: Some(table), note, ..self })
    }

    fn without_labels(&self, places: &[&Path]) -> DataError {
        let is_table = |file: &PathBuf| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("csv" | "tsv" | "txt"))
        };
        let files = places.iter().filter_map(|place| entries(place).ok());
        let tables = files.flat_map(|entries| entries.files).filter(is_table);
        let tables: Vec<String> = tables.map(|file| file.display().to_string()).collect();
        let beside = if tables.is_empty() {
            String::new()
        } else {
            format!(" (beside them: {})", some(&tables))
        };
        let problem = format!(
            "{} without class folders found, so without labels: give their labels with --labels FILE{beside}, or go without by --labels none",
            counted(self.len(), "image")
        );
        DataError::new(&self.path, problem)
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    pub(super) fn table(&self) -> Option<&Path> {
        self.table.as_deref()
    }

    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The path below the data set's folder.
    pub(super) fn name(&self, index: usize) -> String {
        let file = self.files.get(index).map(|(_, file)| file.as_path()).unwrap_or(&self.path);
        file.strip_prefix(&self.path).unwrap_or(file).display().to_string()
    }

    pub(super) fn label(&self, index: usize) -> Option<usize> {
        self.files.get(index).and_then(|(label, _)| *label)
    }

    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let (label, file) = self.files.get(index).ok_or_else(|| {
            DataError::new(&self.path, format!("no input {index}, it holds {}", self.len()))
        })?;
        let image = read_image(file, self.spec)?;
        Ok(Example::of(index, *label, image, self.name(index)))
    }
}

/// Whether tools leave such folders behind, beside the data.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}

fn nothing(path: &Path, split: &str, class_folders: usize) -> DataError {
    let found = match class_folders {
        0 => "neither a class folder nor an image".to_owned(),
        count => format!("{} without an image", counted(count, "class folder")),
    };
    let prefixes = idx::prefixes(path);
    if !prefixes.is_empty() {
        return DataError::new(
            path,
            format!(
                "no {split}-images-idx3-ubyte, found IDX files of {}: --split {} takes these",
                some(&prefixes),
                prefixes[0]
            ),
        );
    }
    DataError::new(
        path,
        format!(
            "no data set of split {split}: {found} found, expected one folder of images per class, or such files (.jpg, .png and what else torchvision takes); IDX files ({split}-images-idx3-ubyte, t10k- for test, or .gz); the files of CIFAR, STL-10, SVHN or CIFAR-10-C; {split}*.parquet; images.npy and labels.npy; or an .npz file with both"
        ),
    )
}
