//! A model before it is opened: its plugin and its files, copied and digested.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use drs_core::certificate::FileRecord;
use drs_core::lattice::Digest;
use drs_data::InputSpec;
use drs_plugins_api::Manifest;
use serde_json::Value;

use super::error::LoadError;
use super::found::Library;
use super::opening::Opening;
use super::pins::Pins;
use crate::config::ModelSpec;
use crate::copies::{Copies, place};

/// A model whose plugin and files were copied to a private folder, to be opened from there.
///
/// The plugin tells which files it will read ([`Plugin::files`](drs_plugins_api::Plugin::files)),
/// looking at copies of those that the configuration names. Pins are compared with the digests
/// of the copies.
pub struct Prepared {
    library: Library,
    opening: Opening,
    base: Base,
    config: Value,
    files: Vec<ModelFile>,
    copies: Arc<Copies>,
}

/// A file that a model is made of.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// As the configuration leads to it.
    pub path: PathBuf,
    /// Its place in the file system, by which files are compared.
    place: PathBuf,
    /// The digest of the copy that the model is opened with.
    pub sha256: Digest,
}

/// The folder that relative paths start from.
struct Base {
    /// As messages name it.
    shown: PathBuf,
    real: PathBuf,
    copy: PathBuf,
}

impl Prepared {
    /// Finds the plugin of a model, lets `list` ask it for the model's files, and copies all.
    ///
    /// `list` gets what the plugin is to be asked with, and gives what it says: paths among
    /// the copies, or `None` where it does not tell.
    ///
    /// # Errors
    /// If something is not found, not to be read, or not what experts.toml pins, or if `list` fails.
    pub fn new<E: From<LoadError>>(
        spec: &ModelSpec,
        base_dir: &Path,
        input: InputSpec,
        copies: &Arc<Copies>,
        list: impl FnOnce(&Self) -> Result<Option<Vec<PathBuf>>, E>,
    ) -> Result<Self, E> {
        let library = Library::find(spec, base_dir, copies)?;
        let base = Base::new(base_dir, copies)?;
        let pins = Pins::new(spec, base_dir);
        let opening = Opening {
            library: library.copy.clone(),
            sha256: library.sha256,
            config: spec.config.to_string(),
            base_dir: utf8(&base.copy, &base.shown)?,
            shape: input.shape.dims(),
            levels: input.quantum.levels(),
        };
        let (config, copies) = (spec.config.clone(), Arc::clone(copies));
        let mut model = Self { library, opening, base, config, files: Vec::new(), copies };
        pins.check_all(&model.copies)?;
        let named = model.named()?;
        model.files.clone_from(&named);
        model.opening.config = model.rewritten()?;
        if let Some(listed) = list(&model)? {
            model.files.clear();
            for path in listed {
                model.declare(&path, &named)?;
            }
            model.opening.config = model.rewritten()?;
        }
        model.files.iter().try_for_each(|file| pins.check(&file.path, file.sha256))?;
        Ok(model)
    }

    /// What to open the model with.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The library that was found, not its copy.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The files that the model is made of.
    #[must_use]
    pub fn files(&self) -> &[ModelFile] {
        &self.files
    }

    /// Whether a path is the copy of one of the model's files, or the plugin's.
    #[must_use]
    pub fn knows(&self, copy: &Path) -> bool {
        let file = self.copies.original(copy);
        copy == self.opening.library
            || file.is_some_and(|place| self.files.iter().any(|file| file.place == place))
    }

    /// The file that a path stands for, which may be that of a copy.
    #[must_use]
    pub fn original(&self, path: &Path) -> PathBuf {
        self.copies.original(path).unwrap_or_else(|| path.to_owned())
    }

    /// A plugin's words, with files in place of their copies.
    #[must_use]
    pub fn plain(&self, words: &str) -> String {
        let with = |words: String, copy: &Path, original: &Path| {
            words.replace(&copy.display().to_string(), &original.display().to_string())
        };
        let words = with(self.library.plain(words), &self.base.copy, &self.base.shown);
        with(words, &self.copies.files(), Path::new(""))
    }

    /// What the opened model says of itself, with files in place of their copies.
    ///
    /// # Errors
    /// If it is made of a file that was not declared.
    pub fn manifest(&self, told: Manifest) -> Result<Manifest, String> {
        let original = |file: PathBuf| {
            let real = self.base.copy.join(&file).canonicalize().unwrap_or(file.clone());
            let place = self.copies.original(&real);
            let declared = self.files.iter().find(|own| Some(&own.place) == place.as_ref());
            declared.map(|own| own.path.clone()).ok_or_else(|| {
                format!(
                    "that the model is made of {}, which the plugin did not declare before it was opened: list it in Plugin::files",
                    self.plain(&file.display().to_string())
                )
            })
        };
        let files = told.files.iter().cloned().map(original).collect::<Result<_, _>>()?;
        Ok(told.files(files))
    }

    /// The files' identities for certificates. Where they lie is not part of it, but where
    /// they lie from one another is: names start at the folder that holds them all.
    pub(crate) fn records(&self) -> Vec<FileRecord> {
        let mut folder = self.files.first().and_then(|file| file.place.parent());
        while let Some(common) = folder
            && !self.files.iter().all(|file| file.place.starts_with(common))
        {
            folder = common.parent();
        }
        let record = |file: &ModelFile| {
            let name = folder.and_then(|folder| file.place.strip_prefix(folder).ok());
            let parts = name.unwrap_or(&file.place).components();
            let parts: Vec<_> =
                parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            FileRecord { name: parts.join("/"), sha256: file.sha256 }
        };
        self.files.iter().map(record).collect()
    }

    /// The digest of the configuration, in which files stand for what they hold: the same
    /// wherever they lie.
    #[must_use]
    pub fn config_digest(&self) -> Digest {
        let placeless = strings(&self.config, &|text| {
            let place = place(&self.base.shown.join(text)).ok()?;
            let file = self.files.iter().find(|file| file.place == place)?;
            Some(file.sha256.to_string())
        });
        Digest::of(placeless.to_string().as_bytes())
    }

    /// The files that the configuration names, copied.
    fn named(&self) -> Result<Vec<ModelFile>, LoadError> {
        let paths = named_files(&self.config, &self.base.shown);
        paths.into_iter().map(|path| self.copied(path)).collect()
    }

    /// Adds a file that the plugin lists.
    fn declare(&mut self, listed: &Path, named: &[ModelFile]) -> Result<(), LoadError> {
        // Relative to the copies, as the plugin was asked; or one that it knows by itself.
        let path = self.base.copy.join(listed);
        let path = match path.strip_prefix(&self.base.copy) {
            Ok(rest) => self.base.shown.join(rest),
            Err(_) => self.copies.original(&path).unwrap_or(path),
        };
        let file = self.copied(path)?;
        if self.files.iter().any(|known| known.place == file.place) {
            return Ok(());
        }
        let is_named = named.iter().any(|named| named.place == file.place);
        // What runs already may import whatever it likes: to refuse it here would hide its digest only.
        if !is_named && !self.library.runs_already() && !self.may_belong(&file, named) {
            let problem = "a file of the model names it, but it lies elsewhere: such files must lie below the folder of the model; put it there, or name it in the configuration";
            return Err(LoadError::Elsewhere { path: file.path, problem });
        }
        self.files.push(file);
        Ok(())
    }

    /// Whether a file lies, after all links, where a model's files may name others.
    fn may_belong(&self, file: &ModelFile, named: &[ModelFile]) -> bool {
        let Ok(real) = file.place.canonicalize() else { return false };
        let real_folder = |named: &ModelFile| {
            named.place.canonicalize().ok().and_then(|real| real.parent().map(Path::to_owned))
        };
        real.starts_with(&self.base.real)
            || named.iter().any(|named| {
                named.place.parent().is_some_and(|folder| real.starts_with(folder))
                    || real_folder(named).is_some_and(|folder| real.starts_with(folder))
            })
    }

    fn copied(&self, path: PathBuf) -> Result<ModelFile, LoadError> {
        let sha256 = self.copies.add(&path)?;
        // It was there a moment ago.
        let place = place(&path)
            .map_err(|error| crate::copies::CopyError::Read { path: path.clone(), error })?;
        Ok(ModelFile { path, place, sha256 })
    }

    /// The configuration, with the copies' paths where a path in it would not lead to them:
    /// relative ones do by themselves, if they do not leave the folder.
    fn rewritten(&self) -> Result<String, LoadError> {
        let config = strings(&self.config, &|text| {
            let place = place(&self.base.shown.join(text)).ok()?;
            self.files.iter().find(|file| file.place == place)?;
            let copy = self.copies.of(&place).ok()?;
            let leads_there = self.base.copy.join(text) == copy;
            if leads_there { None } else { copy.to_str().map(str::to_owned) }
        });
        Ok(config.to_string())
    }
}

impl Base {
    fn new(shown: &Path, copies: &Copies) -> Result<Self, LoadError> {
        let failed = |error| LoadError::ModelFile { path: shown.to_owned(), error };
        let real = shown.canonicalize().map_err(failed)?;
        let copy = copies.of(&real.join("file")).map_err(failed)?;
        let copy = copy.parent().unwrap_or(&copy).to_owned();
        std::fs::create_dir_all(&copy).map_err(failed)?;
        Ok(Self { shown: shown.to_owned(), real, copy })
    }
}

/// A copy's path, or the error that names what was copied.
fn utf8(path: &Path, shown: &Path) -> Result<String, LoadError> {
    let problem = "its path is not valid UTF-8, in which configurations are written: rename it";
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| LoadError::Elsewhere { path: shown.to_owned(), problem })
}

/// The files that a configuration names: all its texts that lead to one from `base_dir`.
#[must_use]
pub fn named_files(config: &Value, base_dir: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    visit(config, &mut |text| {
        let path = base_dir.join(text);
        if !text.is_empty() && !paths.contains(&path) && path.is_file() {
            paths.push(path);
        }
    });
    paths
}

/// A JSON value with some of its texts replaced.
fn strings(value: &Value, replace: &impl Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::String(text) => replace(text).map_or_else(|| value.clone(), Value::String),
        Value::Array(items) => items.iter().map(|item| strings(item, replace)).collect(),
        Value::Object(fields) => {
            let field = |(key, value): (&String, _)| (key.clone(), strings(value, replace));
            Value::Object(fields.iter().map(field).collect())
        }
        other => other.clone(),
    }
}

/// All texts of a JSON value.
fn visit(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Object(fields) => fields.values().for_each(|value| visit(value, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
