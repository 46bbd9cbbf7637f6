//! Packages that are installed.

use drs_core::text::counted;
use drs_packages::Store;

use super::check::Check;

const NAME: &str = "packages";

/// Whether what they say of themselves is as it was installed. Their files are digested by `drs expert verify`: there
/// may be gigabytes of them.
pub(super) fn check() -> Check {
    let store = match Store::of_user() {
        Ok(store) => store,
        Err(error) => {
            let mend = "packages need a home folder: let HOME name it";
            return Check::none(NAME, error.to_string(), mend);
        }
    };
    let root = store.root().display();
    match store.all() {
        Ok(all) if all.is_empty() => Check::ok(NAME, format!("none in {root}")),
        Ok(all) => Check::ok(NAME, format!("{} in {root}", counted(all.len(), "package"))),
        Err(error) => Check::bad(
            NAME,
            error.to_string(),
            "drs expert remove NAME removes the package; then install it again",
        ),
    }
}
