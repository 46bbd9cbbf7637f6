//! Which modules of its own crate each module uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};

/// A module by its path in the crate; the root has none.
pub(crate) type Module = Vec<String>;

/// For each module of a crate, the modules that it uses.
pub(crate) type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// Reads all files of a `src` folder.
pub(crate) fn of_crate(source: &Path) -> Result<Uses, String> {
    let mut paths = BTreeMap::new();
    read(source, &Vec::new(), &mut paths)?;
    let modules: BTreeSet<Module> = paths.keys().cloned().collect();
    let resolve = |(module, paths): (Module, Vec<Vec<String>>)| {
        let used = paths.iter().filter_map(|path| resolve(&module, path, &modules));
        let used = used.filter(|used| *used != module).collect();
        (module, used)
    };
    Ok(paths.into_iter().map(resolve).collect())
}

/// The paths that each file names.
fn read(
    folder: &Path,
    module: &Module,
    out: &mut BTreeMap<Module, Vec<Vec<String>>>,
) -> Result<(), String> {
    for path in crate::entries(folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let below = || module.iter().cloned().chain([name.clone()]).collect::<Module>();
        // Programs of their own are no modules, and tests may use what they like.
        if ["bin", "tests"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            read(&path, &below(), out)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let own = if ["mod", "lib", "main"].contains(&name.as_str()) {
                module.clone()
            } else {
                below()
            };
            let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text = std::fs::read_to_string(&path).map_err(|error| problem(&error))?;
            let file = syn::parse_file(&text).map_err(|error| problem(&error))?;
            let mut named = Named::default();
            named.visit_file(&file);
            out.entry(own).or_default().extend(named.0);
        }
    }
    Ok(())
}

/// The module that a path leads to, by its longest part that is one.
fn resolve(from: &Module, path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let up = path.iter().take_while(|part| *part == "super").count();
    let (mut base, rest) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (from.clone(), &path[1..]),
        "super" => (from[..from.len().checked_sub(up)?].to_vec(), &path[up..]),
        first => {
            let child: Module = from.iter().cloned().chain([first.to_owned()]).collect();
            // Another crate, or a name that is no module.
            if !modules.contains(&child) {
                return None;
            }
            (from.clone(), path)
        }
    };
    for part in rest {
        base.push(part.clone());
        if !modules.contains(&base) {
            base.pop();
            break;
        }
    }
    Some(base)
}

/// Paths in a file, but for what is compiled for tests only.
#[derive(Default)]
struct Named(Vec<Vec<String>>);

impl Named {
    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(path.ident.to_string()), &path.tree),
            syn::UseTree::Name(name) => self.0.push(with(name.ident.to_string())),
            syn::UseTree::Rename(name) => self.0.push(with(name.ident.to_string())),
            syn::UseTree::Glob(_) => self.0.push(before.to_vec()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(before, tree));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !for_tests(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !for_tests(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.0.push(path.segments.iter().map(|part| part.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let test = |list: &syn::MetaList| list.tokens.to_string().contains("test");
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(test)
    })
}
