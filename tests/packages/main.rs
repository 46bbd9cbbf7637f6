//! Packages, from one user to another, through the real binary.
#![cfg(unix)]

mod certificates;
mod linked;
mod shipped;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use drs_packages::TARGET;
use drs_tests::{Place, built, example};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// A `drs` in a folder of its own, with the plugin `onnx` beside it and nothing else.
fn bare(place: &Place) -> PathBuf {
    let folder = place.path("bin");
    fs::create_dir(&folder).unwrap();
    for file in ["drs", "libdrs_expert_onnx.so"] {
        let (from, to) = (built().join(file), folder.join(file));
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop)).unwrap();
    }
    folder.join("drs")
}

/// A user with a home of their own.
struct User<'a> {
    drs: &'a Path,
    home: PathBuf,
}

impl<'a> User<'a> {
    fn new(place: &Place, drs: &'a Path, name: &str) -> Self {
        let home = place.path(name);
        fs::create_dir_all(&home).unwrap();
        Self { drs, home }
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(self.drs);
        command.args(args.split_whitespace()).current_dir(&self.home).env("HOME", &self.home);
        command.env_remove("DRS_PLUGIN_PATH").env_remove("XDG_DATA_HOME");
        command
    }

    #[track_caller]
    fn drs(&self, args: &str) -> String {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "drs {args}: {said}");
        String::from_utf8(stdout).unwrap()
    }

    #[track_caller]
    fn refused(&self, args: &str, words: &str) {
        let Output { status, stderr, .. } = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert!(!status.success() && said.contains(words), "drs {args}: {said}");
    }

    /// What is there of packages, but for the lock.
    fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.home.join(".local")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => drop(
                        found.insert(path.strip_prefix(&self.home).unwrap().display().to_string()),
                    ),
                }
            }
        }
        found.remove(".local/share/drs/packages/lock");
        found
    }
}

/// The shipped pool, packed and signed by a publisher: the package, and the key.
fn published(publisher: &User<'_>, version: &str) -> (PathBuf, String) {
    let pool = example();
    let package = publisher.home.join(format!("pool-{version}.drsx"));
    publisher.drs(&format!(
        "expert pack {} --name fashion --version {version} --license MIT --no-check --out {}",
        pool.display(),
        package.display()
    ));
    if !publisher.home.join("p.key").exists() {
        publisher.drs("expert keygen --no-password --out p.key");
    }
    publisher.drs(&format!("expert sign --key p.key {}", package.display()));
    let key = fs::read_to_string(publisher.home.join("p.pub")).unwrap();
    (package, key.lines().last().unwrap().to_owned())
}

#[test]
fn a_pool_goes_from_its_publisher_to_another_user() {
    let place = Place::new();
    let drs = bare(&place);
    let (publisher, user) = (User::new(&place, &drs, "publisher"), User::new(&place, &drs, "user"));
    let (package, key) = published(&publisher, "1.0.0");
    let again = publisher.home.join("again.drsx");
    fs::copy(&package, &again).unwrap();
    let (package, _) = published(&publisher, "1.0.0");
    // But for the time of the signature.
    let contents = |path: &Path| {
        let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
        let mut text = Vec::new();
        std::io::copy(&mut archive.by_name("digests.json").unwrap(), &mut text).unwrap();
        text
    };
    assert_eq!(contents(&package), contents(&again));

    let package = package.display();
    user.refused(&format!("expert install {package}"), "--trust RW");
    assert_eq!(user.files(), BTreeSet::new());
    user.drs(&format!("expert install {package} --trust {key}"));
    let image = example().join("images/01-ankle-boot.png");
    let route = |pool: &str| {
        let text = user.drs(&format!("route {pool} --n 500 --seed 3 --json {}", image.display()));
        let record: Value = serde_json::from_str(&text).unwrap();
        record["certificate"]["verdict"].clone()
    };
    let expected = route(&format!("--experts {}", example().join("experts.toml").display()));
    assert_eq!(route("--pool fashion"), expected);
    assert_eq!(route("--pool fashion@1.0"), expected);
    fs::write(user.home.join("mine.toml"), "pool = \"fashion@=1.0.0\"\n").unwrap();
    assert_eq!(route("--experts mine.toml"), expected);
    user.refused(&format!("route --pool fashion@2 {}", image.display()), "not installed");
    user.refused(
        &format!("route --pool fashion --experts a {}", image.display()),
        "cannot be used",
    );

    let told: Value = serde_json::from_str(&user.drs("expert info fashion --json")).unwrap();
    assert_eq!(told["key"], key.as_str());
    assert_eq!(told["manifest"]["pool"]["model"].as_array().unwrap().len(), 4);
    let list = user.drs("expert list");
    assert!(list.contains("fashion      1.0.0      pool, signed by RW"), "{list}");
    assert!(user.drs("expert verify").contains("every file is as it was installed"));
    user.drs("expert remove fashion");
    let left: Vec<String> = user.files().into_iter().collect();
    assert_eq!(left, [".local/share/drs/packages/keys.json"]);
    user.refused("expert info fashion", "not installed");
    assert!(user.drs("expert forget fashion").contains("no key is believed"));
}

#[test]
fn a_choice_that_is_left_to_the_machine_is_the_user_s() {
    let place = Place::new();
    let drs = bare(&place);
    let user = User::new(&place, &drs, "publisher");
    let pool = user.home.join("pool");
    fs::create_dir(&pool).unwrap();
    for file in ["router.onnx", "s025.onnx", "s050.onnx", "s100.onnx"] {
        fs::copy(example().join(file), pool.join(file)).unwrap();
    }
    let text = fs::read_to_string(example().join("experts.toml")).unwrap();
    let text = text.replacen("plugin = \"onnx\"", "plugin = \"auto\"", 2);
    fs::write(pool.join("experts.toml"), text).unwrap();
    user.drs("expert pack pool --name mine --version 1.0.0 --license MIT --no-check");
    user.drs("expert install mine-1.0.0.drsx --allow-unsigned");
    let told: Value = serde_json::from_str(&user.drs("expert info mine --json")).unwrap();
    let models = told["manifest"]["pool"]["model"].as_array().unwrap();
    let plugins: Vec<&str> = models.iter().map(|model| model["plugin"].as_str().unwrap()).collect();
    assert_eq!(plugins, ["auto", "auto", "onnx", "onnx"]);
    let folder = Path::new(told["folder"].as_str().unwrap());
    let packed = fs::read_to_string(folder.join("experts.toml")).unwrap();
    assert_eq!(packed.matches("plugin = \"auto\"").count(), 2, "{packed}");
}

#[test]
fn a_plugin_is_installed_with_consent_and_found_by_name() {
    let place = Place::new();
    let drs = bare(&place);
    let (publisher, user) = (User::new(&place, &drs, "publisher"), User::new(&place, &drs, "user"));
    let library = publisher.home.join("libdrs_expert_misbehaving.so");
    fs::copy(built().join("libdrs_expert_misbehaving.so"), &library).unwrap();
    publisher.drs("expert keygen --no-password --out p.key");
    publisher.drs(
        "expert pack libdrs_expert_misbehaving.so --name mischief --version 0.1.0 --license MIT",
    );
    publisher.drs("expert sign --key p.key mischief-0.1.0.drsx");
    let key = fs::read_to_string(publisher.home.join("p.pub")).unwrap();
    let package = publisher.home.join("mischief-0.1.0.drsx");
    let install =
        format!("expert install {} --trust {}", package.display(), key.lines().last().unwrap());
    fs::write(
        user.home.join("experts.toml"),
        "[input]\nshape = [1, 28, 28]\nquantum = \"1/255\"\n[[expert]]\nname = \"a\"\nplugin = \"misbehaving\"\nconfig = { how = \"behave\" }\n",
    )
    .unwrap();
    let image = example().join("images/01-ankle-boot.png");
    let route = format!("route --experts experts.toml --method one:a --n 100 {}", image.display());
    user.refused(&route, "\"misbehaving\" not found");
    user.refused(&install, "--allow-native");
    user.drs(&format!("{install} --allow-native"));
    user.drs(&route);
    // What was changed since is not loaded.
    let told: Value = serde_json::from_str(&user.drs("expert info mischief --json")).unwrap();
    let folder = Path::new(told["folder"].as_str().unwrap());
    let installed = folder.join(format!("native/{TARGET}/libdrs_expert_misbehaving.so"));
    let mut bytes = fs::read(&installed).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(&installed).unwrap();
    fs::write(&installed, bytes).unwrap();
    user.refused(&route, "was changed since it was installed");
    user.refused("expert verify", "");
    user.drs(&format!("expert install {} --allow-native", package.display()));
    user.drs(&route);
}

#[test]
fn an_install_that_is_killed_leaves_all_or_nothing() {
    let place = Place::new();
    let drs = bare(&place);
    let (publisher, user) = (User::new(&place, &drs, "publisher"), User::new(&place, &drs, "user"));
    let (package, key) = published(&publisher, "1.0.0");
    let install = format!("expert install {} --trust {key}", package.display());
    let began = std::time::Instant::now();
    user.drs(&install);
    let whole = began.elapsed();
    let right = user.files();
    let mut rng = StdRng::seed_from_u64(1);
    let (mut there, mut absent) = (0, 0);
    for _ in 0..200 {
        let _ = user.command("expert remove fashion").output().unwrap();
        let mut child = user.command(&install).output_later();
        std::thread::sleep(whole.mul_f64(rng.random_range(0.0..1.2)).min(Duration::from_secs(2)));
        child.kill().unwrap();
        child.wait().unwrap();
        let info = user.command("expert info fashion").output().unwrap();
        if info.status.success() {
            there += 1;
            assert!(user.drs("expert verify").contains("every file is as it was installed"));
        } else {
            absent += 1;
            let said = String::from_utf8_lossy(&info.stderr).into_owned();
            assert!(said.contains("not installed"), "{said}");
        }
    }
    assert!(there > 10 && absent > 10, "{there} there, {absent} absent");
    // Whatever was left goes with the next change.
    user.drs(&install);
    assert_eq!(user.files(), right);
}

#[test]
fn several_installs_at_once_all_succeed() {
    let place = Place::new();
    let drs = bare(&place);
    let (publisher, user) = (User::new(&place, &drs, "publisher"), User::new(&place, &drs, "user"));
    let packages: Vec<_> =
        ["1.0.0", "1.0.1", "1.1.0"].iter().map(|version| published(&publisher, version)).collect();
    let children: Vec<_> = packages
        .iter()
        .cycle()
        .take(9)
        .map(|(package, key)| {
            let args =
                format!("expert install {} --trust {key} --allow-downgrade", package.display());
            user.command(&args).output_later()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let verified = user.drs("expert verify");
    assert_eq!(verified.lines().count(), 3, "{verified}");
}

#[test]
fn an_index_serves_installs_updates_and_locked_pools() {
    let place = Place::new();
    let drs = bare(&place);
    let (publisher, user) = (User::new(&place, &drs, "publisher"), User::new(&place, &drs, "user"));
    let (first, key) = published(&publisher, "1.0.0");
    let made = |packages: &str| {
        publisher.drs(&format!("expert index public --name lab --key p.key {packages}"))
    };
    assert!(made(&first.display().to_string()).contains("the index lab, serial 1"));
    assert!(made("").contains("serial 1, as it was"));
    let public = publisher.home.join("public");
    let index = public.display();
    // Its key is asked for once; who believes it believes it for its own packages.
    user.refused(&format!("expert install fashion --index {index}"), "--trust-index RW");
    user.refused("expert install fashion", "which index has it?");
    assert_eq!(user.files(), BTreeSet::new());
    user.drs(&format!("expert install fashion --index {index} --trust-index {key}"));
    let told: Value = serde_json::from_str(&user.drs("expert info fashion --json")).unwrap();
    assert_eq!(told["key"], key.as_str());
    assert_eq!(told["index"], index.to_string());
    fs::write(user.home.join("pool.toml"), "pool = \"fashion@1\"\n").unwrap();
    assert!(user.drs("expert lock pool.toml").contains("fashion 1.0.0"));
    let lock = fs::read_to_string(user.home.join("drs.lock")).unwrap();
    assert!(lock.contains(told["identity"].as_str().unwrap()) && lock.contains(&key), "{lock}");

    let old = place.path("old");
    let copied = Command::new("cp").arg("-r").arg(&public).arg(&old).status().unwrap();
    assert!(copied.success());
    assert!(user.drs("expert update").contains("fashion 1.0.0 is the newest"));
    let (second, _) = published(&publisher, "1.1.0");
    let (third, _) = published(&publisher, "2.0.0");
    assert!(made(&format!("{} {}", second.display(), third.display())).contains("serial 2"));
    let updated = user.drs("expert update fashion");
    assert!(
        updated.contains("fashion 1.0.0 → 1.1.0") && updated.contains("2.0.0 is there too"),
        "{updated}"
    );
    let replayed =
        format!("expert install fashion@2 --index {} --trust-index {key}", old.display());
    user.refused(&replayed, "serial 1 found, but serial 2 was seen before");

    // The pool stays what it was, here and on another machine.
    let image = example().join("images/01-ankle-boot.png");
    let route = format!("route --experts pool.toml --n 500 --seed 3 --json {}", image.display());
    let certified = |user: &User<'_>| {
        let record: Value = serde_json::from_str(&user.drs(&route)).unwrap();
        record["certificate"]["verdict"].clone()
    };
    let expected = certified(&user);
    let checked = user.command("expert lock pool.toml --check").output().unwrap();
    assert!(!checked.status.success(), "1.1.0 would be written");
    let other = User::new(&place, &drs, "other");
    for file in ["pool.toml", "drs.lock"] {
        fs::copy(user.home.join(file), other.home.join(file)).unwrap();
    }
    other.refused(&route, "fashion 1.0.0 is not installed");
    let settings = other.home.join(".config/drs");
    fs::create_dir_all(&settings).unwrap();
    let text = format!("[indexes]\nlab = {{ at = \"{index}\", key = \"{key}\" }}\n");
    fs::write(settings.join("config.toml"), text).unwrap();
    other.drs("expert install --locked pool.toml");
    assert_eq!(certified(&other), expected);
    // The newest is there beside it, for whoever asks for that.
    other.drs("expert install fashion");
    assert!(other.drs("expert list").contains("2.0.0"));
    assert_eq!(certified(&other), expected);
    fs::remove_file(other.home.join("drs.lock")).unwrap();
    other.drs("expert lock pool.toml");
    let lock = fs::read_to_string(other.home.join("drs.lock")).unwrap();
    assert!(lock.contains("version = \"1.0.0\""), "pool.toml wants 1: {lock}");
}

/// Starts, and does not wait.
trait Later {
    fn output_later(&mut self) -> std::process::Child;
}

impl Later for Command {
    fn output_later(&mut self) -> std::process::Child {
        use std::process::Stdio;
        self.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}
