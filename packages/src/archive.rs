//! The zip file: written the same way each time, read with suspicion.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::digests::{self, Digests, Entry, SIGNATURE};
use crate::error::PackageError;
use crate::key::{self, PublicKey};
use crate::manifest::{self, Manifest};
use crate::pool_file;

/// Bytes of the files of a package, at the most.
pub const MOST_BYTES: u64 = 8 << 30;

/// Bytes of `digests.json`, and of a signature.
const MOST_DIGESTS: u64 = 8 << 20;
const MOST_SIGNATURE: u64 = 4096;

/// A package in a file, its manifest read and found to be the one that its digests name.
pub struct Package {
    path: PathBuf,
    archive: ZipArchive<File>,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What is in it.
    pub digests: Digests,
    /// Whether it holds anything that is run: native code, TorchScript, what AOTInductor has compiled.
    pub holds_code: bool,
    /// Its identity: the digest of `digests.json`.
    pub identity: Digest,
    digests_text: Vec<u8>,
    signature: Option<String>,
}

impl Package {
    /// Opens one. Its other files are looked at when they are [taken](Self::unpack).
    ///
    /// # Errors
    /// If it cannot be read, is no package, or is not what its digests say.
    pub fn open(path: &Path) -> Result<Self, PackageError> {
        let file = File::open(path).map_err(PackageError::file("read", path))?;
        Self::read(path, file).map_err(PackageError::package(path))
    }

    fn read(path: &Path, file: File) -> Result<Self, String> {
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let none = |error: zip::result::ZipError| {
            format!("no package: {error}; expected a file that drs expert pack made")
        };
        let mut archive = ZipArchive::new(file).map_err(none)?;
        let digests_text = small(&mut archive, digests::FILE, MOST_DIGESTS)?;
        let digests = Digests::read(&digests_text)?;
        let total = digests.total().filter(|&total| total <= MOST_BYTES.min(length));
        if total.is_none() {
            return Err(format!(
                "{}: more bytes than the package has, or may have ({MOST_BYTES})",
                digests::FILE
            ));
        }
        let signed = archive.index_for_name(SIGNATURE).is_some();
        // Nothing but what the digests list, once each.
        let extra = 1 + usize::from(signed);
        if archive.len() != digests.files.len() + extra {
            return Err(format!(
                "{} files found, but {} has {} and itself",
                archive.len(),
                digests::FILE,
                digests.files.len()
            ));
        }
        let signature =
            signed.then(|| small(&mut archive, SIGNATURE, MOST_SIGNATURE)).transpose()?;
        let signature = signature.map(|text| {
            String::from_utf8(text).map_err(|_| format!("{SIGNATURE}: expected a text"))
        });
        let entry = digests.files.get(manifest::FILE).copied();
        let entry = entry.ok_or_else(|| format!("{}: not in it", manifest::FILE))?;
        let text = listed(&mut archive, manifest::FILE, entry)?;
        let manifest = Manifest::read(&text)?;
        let named = manifest.variants.iter().map(|variant| variant.library.as_str());
        let experts = manifest.experts().and_then(Path::to_str);
        if let Some(missing) = named.chain(experts).find(|file| !digests.files.contains_key(*file))
        {
            return Err(format!("{}: it names {missing}, which is not in it", manifest::FILE));
        }
        let holds_code =
            !manifest.variants.is_empty() || of_pool(&mut archive, &manifest, &digests)?;
        Ok(Self {
            path: path.to_owned(),
            archive,
            holds_code,
            manifest,
            identity: Digest::of(&digests_text),
            digests,
            digests_text,
            signature: signature.transpose()?,
        })
    }

    /// Whether it says that somebody signed it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// The key that its signature names, if it names one: not checked yet.
    #[must_use]
    pub fn signer(&self) -> Option<PublicKey> {
        self.signature.as_deref().and_then(key::signer)
    }

    /// Whether this key signed it.
    ///
    /// # Errors
    /// If it did not, or nobody did.
    pub fn check_signature(&self, key: &PublicKey) -> Result<(), PackageError> {
        let none = || "not signed".to_owned();
        let checked = self.signature.as_ref().ok_or_else(none);
        let checked = checked.and_then(|signature| {
            key.check(signature, &self.digests_text, [SIGNATURE, digests::FILE])
        });
        checked.map_err(PackageError::package(&self.path))
    }

    /// Whether all that is in it is what its digests say; nothing is written.
    ///
    /// # Errors
    /// If something is not.
    pub fn check_contents(&mut self) -> Result<(), PackageError> {
        self.each(|_, reader, entry| {
            copy(reader, &mut io::sink(), entry).map_err(|e| e.to_string())
        })
    }

    /// Writes its files, and `digests.json` with its signature, into a folder that is empty.
    ///
    /// # Errors
    /// If something cannot be written, or is not what its digests say.
    pub fn unpack(&mut self, folder: &Path) -> Result<(), PackageError> {
        self.each(|name, reader, entry| {
            let to = folder.join(name);
            let parent = to.parent().unwrap_or(folder);
            let mut write = || -> io::Result<()> {
                std::fs::create_dir_all(parent)?;
                let mut file = File::create_new(&to)?;
                copy(reader, &mut file, entry)?;
                settle(&file)
            };
            write().map_err(|error| error.to_string())
        })?;
        let own = [
            (digests::FILE, Some(self.digests_text.as_slice())),
            (SIGNATURE, self.signature.as_ref().map(String::as_bytes)),
        ];
        for (name, bytes) in own {
            let Some(bytes) = bytes else { continue };
            let to = folder.join(name);
            let write = || -> io::Result<()> {
                let mut file = File::create_new(&to)?;
                file.write_all(bytes)?;
                settle(&file)
            };
            write().map_err(PackageError::file("write", &to))?;
        }
        Ok(())
    }

    /// Its files one by one, those that the digests list.
    fn each(
        &mut self,
        mut take: impl FnMut(&str, &mut dyn Read, Entry) -> Result<(), String>,
    ) -> Result<(), PackageError> {
        for (name, entry) in &self.digests.files {
            let mut one = || -> Result<(), String> {
                let mut file = stored(&mut self.archive, name)?;
                take(name, &mut file, *entry).map_err(|problem| format!("{name}: {problem}"))
            };
            one().map_err(PackageError::package(&self.path))?;
        }
        Ok(())
    }

    /// The same package with another signature, or none, written to a file.
    pub(crate) fn resigned<W: Write + Seek>(
        &mut self,
        to: W,
        signature: Option<&str>,
    ) -> Result<(), PackageError> {
        let (path, digests_text) = (self.path.clone(), self.digests_text.clone());
        let mut archive = Archive::new(to);
        let failed = |error: io::Error| error.to_string();
        self.each(|name, reader, entry| {
            archive.begin(name).map_err(failed)?;
            copy(reader, &mut archive.0, entry).map_err(failed)
        })?;
        archive.end(&digests_text, signature).map_err(PackageError::file("write", path))
    }

    /// What is to be signed: `digests.json`.
    #[must_use]
    pub fn to_sign(&self) -> &[u8] {
        &self.digests_text
    }
}

/// A file of the archive whose bytes are there as they are.
fn stored<'a>(
    archive: &'a mut ZipArchive<File>,
    name: &str,
) -> Result<zip::read::ZipFile<'a, File>, String> {
    let file = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    // No compression: nothing small becomes large. No links: a name means a file.
    if file.compression() != CompressionMethod::Stored || file.encrypted() {
        return Err(format!("{name}: compressed or encrypted, expected its bytes as they are"));
    }
    if !file.is_file() || file.is_symlink() {
        return Err(format!("{name}: a folder or a link, expected a file"));
    }
    Ok(file)
}

/// A small file of the archive.
fn small(archive: &mut ZipArchive<File>, name: &str, most: u64) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut limited = stored(archive, name)?.take(most + 1);
    limited.read_to_end(&mut text).map_err(|error| format!("{name}: {error}"))?;
    if text.len() as u64 > most {
        return Err(format!("{name}: longer than {most} bytes"));
    }
    Ok(text)
}

/// A small text of the archive, which is what the digests say.
fn listed(archive: &mut ZipArchive<File>, name: &str, entry: Entry) -> Result<Vec<u8>, String> {
    let text = small(archive, name, manifest::MOST_BYTES)?;
    if text.len() as u64 == entry.bytes && Digest::of(&text) == entry.sha256 {
        return Ok(text);
    }
    Err(format!("{name}: not the file that {} lists", digests::FILE))
}

/// Whether a pool has models that are code. Its plugins must be there for each platform that it names.
fn of_pool(
    archive: &mut ZipArchive<File>,
    manifest: &Manifest,
    digests: &Digests,
) -> Result<bool, String> {
    let Some(pool) = &manifest.pool else { return Ok(false) };
    let entry = digests.files.get(&pool.experts).copied();
    let entry = entry.ok_or_else(|| format!("{}: not in it", pool.experts))?;
    let text = listed(archive, &pool.experts, entry)?;
    let text = std::str::from_utf8(&text).map_err(|error| format!("{}: {error}", pool.experts))?;
    let needs = pool_file::look(text).map_err(|problem| format!("{}: {problem}", pool.experts))?;
    if let Some(plugin) = needs.plugins.first().filter(|_| manifest.variants.is_empty()) {
        return Err(format!(
            "{}: the plugin {plugin} does not come with drs, and is not in the package either",
            pool.experts
        ));
    }
    Ok(needs.code)
}

/// Copies what an entry describes; fails if it is anything else.
fn copy(
    reader: &mut (impl Read + ?Sized),
    writer: &mut impl Write,
    entry: Entry,
) -> io::Result<()> {
    // One byte more would show.
    let mut limited = reader.take(entry.bytes.saturating_add(1));
    let found = digested(&mut limited, writer)?;
    let problem = match found.bytes.cmp(&entry.bytes) {
        Ordering::Greater => format!("longer than its {} bytes", entry.bytes),
        Ordering::Less => format!("shorter than its {} bytes", entry.bytes),
        Ordering::Equal if found.sha256 != entry.sha256 => {
            format!("its sha256 is another than {} says", digests::FILE)
        }
        Ordering::Equal => return Ok(()),
    };
    Err(io::Error::other(problem))
}

/// Whether a file is what an entry describes.
pub(crate) fn is(file: &mut File, entry: Entry) -> io::Result<bool> {
    Ok(digested(file, &mut io::sink())? == entry)
}

/// The digest and the length of a file.
pub(crate) fn digest_of(path: &Path) -> Result<Entry, PackageError> {
    let found = File::open(path).and_then(|mut file| digested(&mut file, &mut io::sink()));
    found.map_err(PackageError::file("read", path))
}

/// Copies everything, and tells what it was.
fn digested(reader: &mut (impl Read + ?Sized), writer: &mut impl Write) -> io::Result<Entry> {
    let (mut sha256, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(Entry { sha256: Digest(sha256.finalize().into()), bytes });
        }
        bytes += read as u64;
        sha256.update(&buffer[..read]);
        writer.write_all(&buffer[..read])?;
    }
}

/// On the disk, and not to be changed.
fn settle(file: &File) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)?;
    file.sync_all()
}

/// A zip file that depends on its contents alone.
struct Archive<W: Write + Seek>(ZipWriter<W>);

impl<W: Write + Seek> Archive<W> {
    fn new(to: W) -> Self {
        Self(ZipWriter::new(to))
    }

    fn begin(&mut self, name: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(false);
        self.0.start_file(name, options).map_err(io::Error::other)
    }

    fn end(mut self, digests: &[u8], signature: Option<&str>) -> io::Result<()> {
        self.begin(digests::FILE)?;
        self.0.write_all(digests)?;
        if let Some(signature) = signature {
            self.begin(SIGNATURE)?;
            self.0.write_all(signature.as_bytes())?;
        }
        self.0.finish().map_err(io::Error::other)?.flush()
    }
}

/// Writes a package of files, each by its path in it; the same files give the same bytes.
///
/// # Errors
/// If a file cannot be read, or may not be in a package.
pub fn write<W: Write + Seek>(
    to: W,
    manifest: &Manifest,
    files: &BTreeMap<String, PathBuf>,
) -> Result<Digests, PackageError> {
    let wrong = |problem: String| PackageError::Refused(problem);
    let text = manifest.text().map_err(wrong)?;
    let mut archive = Archive::new(to);
    let mut entries = BTreeMap::new();
    let mut add = |name: &str, from: &mut dyn Read| -> io::Result<()> {
        archive.begin(name)?;
        let entry = digested(from, &mut archive.0)?;
        entries.insert(name.to_owned(), entry);
        Ok(())
    };
    let failed = |path: &Path| PackageError::file("pack", path.to_owned());
    add(manifest::FILE, &mut Cursor::new(text)).map_err(failed(Path::new(manifest::FILE)))?;
    for (name, path) in files {
        let mut file = File::open(path).map_err(PackageError::file("read", path))?;
        add(name, &mut file).map_err(failed(path))?;
    }
    let digests = Digests::new(entries).map_err(wrong)?;
    let text = digests.text().map_err(wrong)?;
    archive.end(&text, None).map_err(failed(Path::new(digests::FILE)))?;
    Ok(digests)
}
