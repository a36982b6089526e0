//! No files of a crate import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use xtask::style::rust_code;

use super::{crate_folder, crate_names, files};

/// The path of a module that is a file, such as `["filter", "fact"]`.
type FileModule = Vec<String>;

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut found: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    for name in crate_names().into_iter().chain(["xtask".to_string()]) {
        for circle in import_circles(&modules_of(&name)) {
            found.insert((name.clone(), circle));
        }
    }
    let list: String = found.iter().map(|(name, files)| format!("{name}: {}\n", files.join(", "))).collect();
    assert!(found.is_empty(), "circles of imports:\n{list}");
}

/// Returns the files of a crate as modules, with their code. Tests and executables are left out.
fn modules_of(name: &str) -> Vec<(FileModule, String)> {
    let source = crate_folder(name).join("src");
    let mut modules = Vec::new();
    for path in files(&source, ".rs") {
        let relative = path.strip_prefix(&source).unwrap().with_extension("");
        let mut module: FileModule =
            relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        if module.len() == 1 && ["lib", "main"].contains(&module[0].as_str()) {
            module.clear();
        }
        let is_test = module.iter().any(|part| part.ends_with("tests"));
        if !is_test && module.first().is_none_or(|first| first != "bin") {
            modules.push((module, fs::read_to_string(&path).unwrap()));
        }
    }
    modules
}

/// Returns the groups of files that import each other, each sorted. The root of the crate declares
/// and re-exports all modules, so its own imports do not count.
fn import_circles(modules: &[(FileModule, String)]) -> Vec<Vec<String>> {
    let known: BTreeSet<&FileModule> = modules.iter().map(|(module, _)| module).collect();
    let mut imports: BTreeMap<&FileModule, BTreeSet<&FileModule>> = BTreeMap::new();
    for (module, text) in modules.iter().filter(|(module, _)| !module.is_empty()) {
        let code = without_tests(&rust_code(text));
        let imported = imported_paths(&code).into_iter().filter_map(|path| resolve(module, &path, &known));
        imports.insert(module, imported.filter(|other| *other != module && !other.is_empty()).collect());
    }
    let reachable: BTreeMap<&FileModule, BTreeSet<&FileModule>> =
        imports.keys().map(|module| (*module, reach(module, &imports))).collect();
    let mut circles = BTreeSet::new();
    for (module, others) in &reachable {
        let circle: Vec<String> = others
            .iter()
            .filter(|other| reachable.get(*other).is_some_and(|back| back.contains(module)))
            .map(|other| other.join("/"))
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// Returns all modules that a module reaches through imports.
fn reach<'a>(
    module: &'a FileModule,
    imports: &BTreeMap<&'a FileModule, BTreeSet<&'a FileModule>>,
) -> BTreeSet<&'a FileModule> {
    let mut reached = BTreeSet::new();
    let mut open = vec![module];
    while let Some(next) = open.pop() {
        for other in imports.get(next).into_iter().flatten() {
            if reached.insert(*other) {
                open.push(other);
            }
        }
    }
    reached
}

/// Returns the file that a path names: the longest known beginning of it.
fn resolve<'a>(
    module: &FileModule,
    path: &[String],
    known: &BTreeSet<&'a FileModule>,
) -> Option<&'a FileModule> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let (base, rest) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.clone(), &path[1..]),
        _ => (module[..module.len().saturating_sub(ups)].to_vec(), &path[ups..]),
    };
    let full: FileModule = base.into_iter().chain(rest.iter().cloned()).collect();
    (1..=full.len()).rev().find_map(|length| known.get(&full[..length].to_vec()).copied())
}

/// Removes each item that only tests compile.
pub(super) fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        rest = &after[item_length(after)..];
    }
    kept + rest
}

/// Returns the bytes of the item that begins here: up to a semicolon, or to its closing brace.
fn item_length(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (c == ';' || c == '}') {
            return at + 1;
        }
    }
    code.len()
}

/// Returns the paths of the crate that a file names: in `use` items, and within its code.
fn imported_paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let starts = ["crate::", "super::", "self::"];
    let mut rest = code;
    while let Some(at) = starts.iter().filter_map(|start| rest.find(start)).min() {
        let is_whole_word = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let text = &rest[at..];
        if is_whole_word {
            let end = text.find([';', '(', ')', '<', '>', ' ', '!', '.']).unwrap_or(text.len());
            let is_use = rest[..at].trim_end().ends_with("use");
            let end = if is_use { text.find(';').unwrap_or(text.len()) } else { end };
            expand(&[], &text[..end], &mut paths);
            rest = &text[end..];
        } else {
            rest = &text[1..];
        }
    }
    paths
}

/// Adds the paths of a `use` tree such as `crate::{a::{B, C}, d}`.
fn expand(prefix: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let (head, group) = match tree.split_once('{') {
        Some((head, group)) => (head, Some(group)),
        None => (tree.split(" as ").next().unwrap_or_default(), None),
    };
    let parts = head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(String::from);
    let path: Vec<String> = prefix.iter().cloned().chain(parts).collect();
    let Some(group) = group else {
        paths.push(path);
        return;
    };
    let mut depth = 0;
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let parts = group.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for part in parts.filter(|part| !part.trim().is_empty()) {
        expand(&path, part.trim(), paths);
    }
}

#[test]
fn circles_are_found_in_small_crates() {
    let check = |modules: &[(&str, &str)], expected: &[&[&str]]| {
        let modules: Vec<(FileModule, String)> = modules
            .iter()
            .map(|(path, text)| {
                let parts = path.split('/').filter(|part| !part.is_empty()).map(String::from);
                (parts.collect(), text.to_string())
            })
            .collect();
        assert_eq!(import_circles(&modules), expected, "{modules:?}");
    };
    check(&[("a", "use crate::b::B;"), ("b", "struct B;")], &[]);
    check(&[("a", "use crate::b::B;"), ("b", "use super::a::A;")], &[&["a", "b"]]);
    check(&[("a", "fn f() { crate::b::g() }"), ("b", "use crate::{c, a::{A, C}};")], &[&["a", "b"]]);
    check(&[("a", "// crate::b::g\nconst A: &str = \"crate::b::g\";"), ("b", "use crate::a;")], &[]);
    check(&[("a", "#[cfg(test)]\nmod tests { use crate::b; }"), ("b", "use crate::a;")], &[]);
    check(&[("a", "#[cfg(test)]\nmod a_tests;\nuse crate::b;"), ("b", "use crate::a;")], &[&["a", "b"]]);
    check(&[("", "use crate::a::A;"), ("a", "use crate::B;")], &[]);
    check(&[("a", "use self::c::C;"), ("a/c", "use super::A;")], &[&["a", "a/c"]]);
    check(
        &[("a", "use crate::b;"), ("b", "use crate::c;"), ("c", "use crate::a;"), ("d", "use crate::a;")],
        &[&["a", "b", "c"]],
    );
}
