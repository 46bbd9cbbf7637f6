//! `drs expert keygen` and `sign`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use drs_packages::{PublicKey, Signer, generate};
use drs_progress::out;

use crate::args::{KeygenArgs, SignArgs};
use crate::ask::{can_ask, line};

/// The ending of packages.
const PACKAGE: &str = "drsx";
/// Where the password of a key is found where nobody can be asked.
const PASSWORD: &str = "DRS_KEY_PASSWORD";

pub(crate) fn keygen(args: &KeygenArgs) -> anyhow::Result<()> {
    let public = args.out.with_extension("pub");
    let password = match args.no_password {
        true => None,
        false => Some(new_password()?),
    };
    let (public_text, secret) = generate(password).map_err(|problem| anyhow!(problem))?;
    // The secret key first, readable by its owner alone.
    write_new(&args.out, &secret, true)?;
    write_new(&public, &public_text, false)?;
    let key: PublicKey = public_text.parse().map_err(|problem: String| anyhow!(problem))?;
    out!("{}: the secret key. Keep it, and tell nobody", args.out.display())?;
    out!("{}: the public key, {key}. Tell everybody", public.display())?;
    Ok(())
}

pub(crate) fn sign(args: &SignArgs) -> anyhow::Result<()> {
    let signer = signer(&args.key)?;
    for file in &args.files {
        if file.extension().is_some_and(|ending| ending == PACKAGE) {
            signer.sign_package(file)?;
        } else {
            sign_beside(&signer, file)?;
        }
        out!("{}: signed by {}", file.display(), signer.key)?;
    }
    Ok(())
}

/// A signature in a file of its own, as minisign makes them.
fn sign_beside(signer: &Signer, file: &Path) -> anyhow::Result<()> {
    let (text, _claim) = drs_memory::read_file(file).with_context(|| file.display().to_string())?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let signature = signer.sign(&text, &name).map_err(|problem| anyhow!(problem))?;
    let mut beside = file.as_os_str().to_owned();
    beside.push(".minisig");
    std::fs::write(&beside, signature).with_context(|| Path::new(&beside).display().to_string())
}

/// The secret key in a file.
pub(super) fn signer(path: &Path) -> anyhow::Result<Signer> {
    let (text, _claim) = drs_memory::read_text(path).with_context(|| path.display().to_string())?;
    let ask = || password().map_err(|problem| format!("{problem:#}"));
    Signer::read(&text, ask).map_err(|problem| anyhow!("{}: {problem}", path.display()))
}

fn write_new(path: &Path, text: &str, secret: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let problem = || {
        let path: PathBuf = path.to_owned();
        format!("{}: a key is never overwritten", path.display())
    };
    let mut file = options.open(path).with_context(problem)?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}

fn password() -> anyhow::Result<String> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(_) if can_ask() => line("password of the key (it is shown as you type): "),
        Err(_) => bail!("the key has a password: set {PASSWORD}, or run this in a terminal"),
    }
}

fn new_password() -> anyhow::Result<String> {
    let password = match std::env::var(PASSWORD) {
        Ok(password) => password,
        Err(_) if can_ask() => line("a password for the key (it is shown as you type): ")?,
        Err(_) => bail!("no password: set {PASSWORD}, or give --no-password"),
    };
    match password.is_empty() {
        true => bail!("the password is empty: give --no-password if that is meant"),
        false => Ok(password),
    }
}
