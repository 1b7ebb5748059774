//! Imports point downward only: a module uses only the modules in its row, and files do not import
//! each other in circles.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each module, and the other modules of the crate that it may use.
const MODULES: [(&str, &str); 21] = [
    ("secret", ""),
    ("upcase", ""),
    ("text", "upcase"),
    ("environment", ""),
    ("wire", "secret text environment"),
    ("error", "text environment wire"),
    ("crypto", "secret text upcase wire"),
    ("export", ""),
    ("session", "secret error export wire crypto"),
    ("policy", "text wire"),
    ("channel_bindings", "error crypto"),
    ("credentials", "text crypto"),
    ("negotiation", "error wire session policy"),
    ("mic", "error wire crypto"),
    ("client", SIDES),
    ("server", SIDES),
    ("certificate", "channel_bindings"),
    ("spnego", "secret environment error wire session channel_bindings credentials client server"),
    ("inspect", "text environment wire spnego"),
    ("http", "environment error wire session channel_bindings credentials client server spnego"),
    // Only documentation. These are links.
    ("manual", "spnego"),
];

const SIDES: &str = "secret upcase text environment error export wire crypto session policy channel_bindings \
                     credentials negotiation mic";

/// External crates that must not spread, and the files that may name them.
const CRATES: [(&str, &str); 14] = [
    ("::http", "http/types"),
    ("base64", "http/header"),
    ("nom", "wire/read"),
    ("byteorder", "wire/write"),
    ("der", "spnego/emit"),
    ("des", "crypto/primitives"),
    ("md4", "crypto/primitives"),
    ("md5", "crypto/primitives"),
    ("rc4", "crypto/primitives"),
    ("rand", "environment/os"),
    ("sha2", "certificate"),
    ("subtle", "secret"),
    ("x509_cert", "certificate"),
    ("yore", "text/code_page/named"),
];

#[test]
fn no_module_imports_from_above() {
    let mut wrong = Vec::new();
    for (name, code) in source_files() {
        let module = name.split('/').next().unwrap();
        if module == "lib" {
            continue;
        }
        // Imports must be written one by one so that this test finds them.
        assert!(!code.contains("crate::{"), "{name}");
        let row = MODULES.iter().find(|(layer, _)| *layer == module);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{module} is in no layer"));
        for used in code.split("crate::").skip(1).map(first_name) {
            if used != module && !allowed.split(' ').any(|layer| layer == used) {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An edge leads from a file to each file that defines an item that it names. A file and the
/// modules around it form no edge.
#[test]
fn files_do_not_import_each_other_in_circles() {
    let files: BTreeMap<Vec<String>, String> =
        source_files().into_iter().map(|(name, code)| (module_path(&name), code)).collect();
    let tree = Tree::new(&files);
    let mut edges = BTreeMap::<&[String], BTreeSet<&[String]>>::new();
    for (file, code) in &files {
        for path in paths(code) {
            let Some(defining) = tree.defining_file(file, &path) else { continue };
            let is_around = defining.starts_with(file) || file.starts_with(defining);
            if !is_around {
                edges.entry(file).or_default().insert(defining);
            }
        }
    }
    assert!(!edges.is_empty(), "no edges are found");
    let mut done = BTreeSet::new();
    for file in edges.keys() {
        if let Some(circle) = circle(&edges, file, &mut Vec::new(), &mut done) {
            panic!("files import each other in a circle: {}", circle.join(" -> "));
        }
    }
}

/// Control experiment: the test above finds circles.
#[test]
fn circles_between_files_are_found() {
    let file = |name: &str, code: &str| (module_path(name), code.to_owned());
    let files: BTreeMap<_, _> = [
        file("lib", "mod a; mod b;"),
        file("a/mod", "mod one; pub use one::One;"),
        file("a/one", "use crate::b::{Two, other::Three}; fn f() { super::two() }"),
        file("b", "fn g(_: crate::a::One) {}"),
    ]
    .into();
    let tree = Tree::new(&files);
    let one = module_path("a/one");
    let found: Vec<_> = paths(&files[&one]).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::b::Two", "crate::b::other::Three", "super::two"]);
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    let defining = |from: &str, name: &str| tree.defining_file(&module_path(from), &path(name));
    assert_eq!(defining("b", "crate::a::One"), Some(&one[..]), "a re-export counts");
    assert_eq!(defining("a/one", "crate::b::Two"), Some(&module_path("b")[..]));
    assert_eq!(defining("a/one", "super::two"), Some(&module_path("a/mod")[..]));
    let (a, b) = (module_path("a/one"), module_path("b"));
    let edges = BTreeMap::from([(&a[..], BTreeSet::from([&b[..]])), (&b[..], [&a[..]].into())]);
    assert!(circle(&edges, &a, &mut Vec::new(), &mut BTreeSet::new()).is_some());
}

/// The modules of the crate by path, and the items that each re-exports from its children.
struct Tree<'a> {
    files: &'a BTreeMap<Vec<String>, String>,
    reexports: BTreeMap<(&'a [String], String), Vec<String>>,
}

impl<'a> Tree<'a> {
    fn new(files: &'a BTreeMap<Vec<String>, String>) -> Self {
        let mut reexports = BTreeMap::new();
        for (file, code) in files {
            for statement in code.split(';') {
                let Some((_, list)) = statement.split_once("use ") else { continue };
                for path in expand(list.trim()) {
                    let child = [&file[..], &path[..1]].concat();
                    if let ([_, .., name], true) = (&path[..], files.contains_key(&child)) {
                        reexports.insert((&file[..], name.clone()), path.clone());
                    }
                }
            }
        }
        Self { files, reexports }
    }

    /// The file that defines what a path names, seen from a file.
    fn defining_file(&self, from: &[String], path: &[String]) -> Option<&'a [String]> {
        let (mut at, mut rest) = match path.split_first()? {
            (first, rest) if first == "crate" => (Vec::new(), rest),
            (_, rest) => (from[..from.len().checked_sub(1)?].to_vec(), rest),
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                at.pop();
                rest = after;
                continue;
            }
            let child = [&at[..], core::slice::from_ref(name)].concat();
            if self.files.contains_key(&child) {
                (at, rest) = (child, after);
                continue;
            }
            let (file, _) = self.files.get_key_value(&at)?;
            let Some(reexported) = self.reexports.get(&(&file[..], name.clone())) else { break };
            let inner = [&["crate".to_owned()], &at[..], &reexported[..]].concat();
            return self.defining_file(from, &inner);
        }
        self.files.get_key_value(&at).map(|(file, _)| &file[..])
    }
}

/// `server/checks` is the module `server::checks`, `server/mod` is `server`, `lib` the crate.
fn module_path(name: &str) -> Vec<String> {
    let parts = name.split('/').filter(|part| *part != "mod" && *part != "lib");
    parts.map(str::to_owned).collect()
}

/// All paths of the code that start with `crate` or `super`, in `use` and elsewhere.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            let is_start = before.is_none_or(|c| !c.is_alphanumeric() && !"_:$".contains(c));
            if is_start {
                found.extend(expand(&code[at..]));
            }
        }
    }
    found
}

/// The paths at the start of a text: `a::{b, c::d}` is two.
fn expand(text: &str) -> Vec<Vec<String>> {
    let name = first_name(text.trim_start());
    let rest = text.trim_start()[name.len()..].trim_start();
    let name = [name.to_owned()];
    let Some(rest) = rest.strip_prefix("::") else { return vec![name.to_vec()] };
    let Some(list) = rest.trim_start().strip_prefix('{') else {
        return expand(rest).into_iter().map(|path| [&name[..], &path].concat()).collect();
    };
    let mut depth = 0;
    let end = list.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth < 0
    });
    let list = &list[..end.unwrap_or(list.len())];
    let mut items = vec![String::new()];
    for c in list.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == -1 => items.push(String::new()),
            c => items.last_mut().unwrap().push(c),
        }
    }
    let items = items.iter().filter(|item| !item.trim().is_empty());
    items.flat_map(|item| expand(item)).map(|path| [&name[..], &path].concat()).collect()
}

type Edges<'a> = BTreeMap<&'a [String], BTreeSet<&'a [String]>>;

fn circle<'a>(
    edges: &Edges<'a>,
    file: &'a [String],
    way: &mut Vec<&'a [String]>,
    done: &mut BTreeSet<&'a [String]>,
) -> Option<Vec<String>> {
    if let Some(at) = way.iter().position(|other| *other == file) {
        return Some(way[at..].iter().chain([&file]).map(|file| file.join("::")).collect());
    }
    if !done.insert(file) {
        return None;
    }
    way.push(file);
    let found =
        edges.get(file).into_iter().flatten().find_map(|next| circle(edges, next, way, done));
    way.pop();
    found
}

#[test]
fn external_crates_are_used_only_in_their_files() {
    let mut seen = 0;
    for (name, code) in source_files() {
        for (outside, user) in CRATES {
            let uses = code.lines().any(|line| {
                line.trim_start().starts_with(&format!("use {outside}::"))
                    || line.contains(&format!(" {outside}::"))
            });
            assert!(!uses || name == user, "{name} names {outside}");
            seen += usize::from(uses);
        }
    }
    assert_eq!(seen, CRATES.len(), "each crate is used in its place");
}

/// The name of each file below `src`, without its ending, and its code without comments.
fn source_files() -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&source);
    assert!(!files.is_empty(), "no files are found");
    let read = |file: &PathBuf| {
        let name = file.strip_prefix(&source).unwrap().with_extension("");
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        (name.to_str().unwrap().replace('\\', "/"), code.collect::<Vec<_>>().join("\n"))
    };
    files.iter().map(read).collect()
}

/// The name at the start of a path.
fn first_name(path: &str) -> &str {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    path.get(..end.unwrap_or(path.len())).unwrap()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
