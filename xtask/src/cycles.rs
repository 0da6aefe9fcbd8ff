//! `cargo xtask cycles`: finds dependency cycles between the modules of a crate.
//!
//! A module uses another one if its source names it: in a `use`, or in a path that starts with
//! `crate`, `self` or `super`. A re-exported name belongs to the module that defines it. Unit tests
//! don't count.
//!
//! The rule holds at every level: the children of one module, each together with everything below
//! it, use each other without a cycle. A module and its own children may use each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{root, table};

/// A module's path in its crate; empty for the root.
type Module = Vec<String>;

/// Which child of a module uses which other child, with an example of modules in them.
type Uses<'a> = BTreeMap<(&'a str, &'a str), (&'a Module, &'a Module)>;

pub(crate) fn run() -> Result<(), String> {
    let crates = crates()?;
    let mut cycles = Vec::new();
    for (name, source) in &crates {
        let found = Modules::read(source)?.cycles();
        cycles.extend(found.iter().map(|cycle| format!("{name}: {cycle}")));
    }
    if cycles.is_empty() {
        table::say(&format!("cycles: none in {} crates\n", crates.len()));
        return Ok(());
    }
    Err(format!(
        "{} cycles between modules:\n  {}",
        cycles.len(),
        cycles.join("\n  ")
    ))
}

/// Returns the name and root file of every crate under `crates/`, and of `xtask`.
fn crates() -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("crates"), root().join("xtask")];
    while let Some(folder) = folders.pop() {
        if folder.join("Cargo.toml").is_file() {
            let name = folder.strip_prefix(root()).unwrap_or(&folder);
            let source = ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file));
            let source = source.into_iter().find(|file| file.is_file());
            found.extend(source.map(|file| (name.display().to_string(), file)));
        }
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let entries = entries.flatten().map(|entry| entry.path());
        folders.extend(entries.filter(|path| path.is_dir() && !path.ends_with("src")));
    }
    found.sort();
    Ok(found)
}

/// The modules of one crate.
#[derive(Default)]
struct Modules {
    all: BTreeMap<Module, Contents>,
}

#[derive(Default)]
struct Contents {
    /// The path that each imported name refers to.
    imports: BTreeMap<String, Vec<String>>,
    /// Every path that the module names, relative to the crate's root.
    paths: Vec<Vec<String>>,
}

impl Modules {
    fn read(root_file: &Path) -> Result<Self, String> {
        let mut modules = Self::default();
        let folder = root_file.parent().unwrap_or(root_file);
        modules.read_file(root_file, folder, &Vec::new())?;
        Ok(modules)
    }

    /// Reads a module's file, and its children's files in `folder`.
    fn read_file(&mut self, file: &Path, folder: &Path, module: &Module) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
        let tokens: TokenStream = text.parse().map_err(|error| failed(&error))?;
        for child in self.read_tokens(tokens, module) {
            let inner = folder.join(&child);
            let beside = folder.join(format!("{child}.rs"));
            let file = match beside.is_file() {
                true => beside,
                false => inner.join("mod.rs"),
            };
            self.read_file(&file, &inner, &below(module, child))?;
        }
        Ok(())
    }

    /// Records the paths in a module's tokens. Returns the children that have their own files.
    fn read_tokens(&mut self, tokens: TokenStream, module: &Module) -> Vec<String> {
        self.all.entry(module.clone()).or_default();
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut children = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let next = at + 1;
            at = match &tokens[at] {
                TokenTree::Punct(mark) if mark.as_char() == '#' => match tokens.get(next) {
                    Some(attribute) if is_for_tests(attribute) => end_of_item(&tokens, next + 1),
                    _ => next,
                },
                TokenTree::Ident(word) if word == "use" => {
                    let end = end_of_item(&tokens, at);
                    self.read_use(&tokens[next..end], &[], module);
                    end
                }
                TokenTree::Ident(word) if word == "mod" => match tokens.get(next..next + 2) {
                    Some([TokenTree::Ident(child), TokenTree::Group(body)]) => {
                        let child = below(module, child.to_string());
                        self.read_tokens(body.stream(), &child);
                        next + 2
                    }
                    Some([TokenTree::Ident(child), _]) => {
                        children.push(child.to_string());
                        next + 2
                    }
                    _ => next,
                },
                TokenTree::Ident(word) if word == "crate" || word == "self" || word == "super" => {
                    let (path, end) = path(&tokens, at);
                    if path.len() > 1 {
                        self.record(&path, module);
                    }
                    end
                }
                TokenTree::Group(group) => {
                    children.extend(self.read_tokens(group.stream(), module));
                    next
                }
                _ => next,
            };
        }
        children
    }

    /// Records what a `use` imports; `before` is the path in front of its braces.
    fn read_use(&mut self, tokens: &[TokenTree], before: &[String], module: &Module) {
        let (words, end) = path(tokens, 0);
        let mut full = before.to_vec();
        full.extend(words);
        match tokens.get(end) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                for one in inner.split(is_comma).filter(|one| !one.is_empty()) {
                    self.read_use(one, &full, module);
                }
            }
            other => {
                if full.last().is_some_and(|last| last == "self") {
                    full.pop();
                }
                let renamed = match (other, tokens.get(end + 1)) {
                    (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(name)))
                        if word == "as" =>
                    {
                        Some(name.to_string())
                    }
                    _ => None,
                };
                let Some(name) = renamed.or_else(|| full.last().cloned()) else {
                    return;
                };
                self.record(&full, module);
                let target = absolute(&full, module).unwrap_or_default();
                let contents = self.all.entry(module.clone()).or_default();
                contents.imports.insert(name, target);
            }
        }
    }

    fn record(&mut self, path: &[String], module: &Module) {
        let contents = self.all.entry(module.clone()).or_default();
        contents.paths.extend(absolute(path, module));
    }

    /// Returns the module that defines what this path names; `None` if it is in another crate.
    fn definer(&self, path: &[String], depth: usize) -> Option<Module> {
        let mut module = Module::new();
        for (index, name) in path.iter().enumerate() {
            let child = below(&module, name.clone());
            if self.all.contains_key(&child) {
                module = child;
                continue;
            }
            return match self.all.get(&module).and_then(|it| it.imports.get(name)) {
                // A name from another crate, or a re-export of itself.
                Some(target) if target.is_empty() || depth == 0 => None,
                Some(target) => {
                    let rest = path[index + 1..].iter().cloned();
                    let target: Vec<_> = target.iter().cloned().chain(rest).collect();
                    self.definer(&target, depth - 1)
                }
                None => Some(module),
            };
        }
        Some(module)
    }

    /// Describes each group of siblings that depend on each other in a cycle.
    fn cycles(&self) -> Vec<String> {
        let mut levels: BTreeMap<Module, Uses<'_>> = BTreeMap::new();
        for (user, contents) in &self.all {
            for path in &contents.paths {
                let Some(used) = self.definer(path, 16) else {
                    continue;
                };
                let common = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
                let (Some(from), Some(_)) = (user.get(common), used.get(common)) else {
                    continue;
                };
                let parent = user[..common].to_vec();
                // The borrow must outlive `used`.
                if let Some((used, _)) = self.all.get_key_value(&used) {
                    let uses = levels.entry(parent).or_default();
                    uses.entry((from, &used[common])).or_insert((user, used));
                }
            }
        }
        let mut found = Vec::new();
        for (parent, uses) in &levels {
            let edges: BTreeSet<_> = uses.keys().copied().collect();
            for circle in circles(&edges) {
                let inside = uses
                    .iter()
                    .filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
                let examples: Vec<_> = inside
                    .map(|(_, (user, used))| format!("{} uses {}", shown(user), shown(used)))
                    .collect();
                let members: Vec<_> = circle.into_iter().collect();
                found.push(format!(
                    "{} {{{}}}\n    {}",
                    shown(parent),
                    members.join(", "),
                    examples.join("\n    ")
                ));
            }
        }
        found
    }
}

/// Returns the groups of nodes that all reach each other.
fn circles<'a>(edges: &BTreeSet<(&'a str, &'a str)>) -> Vec<BTreeSet<&'a str>> {
    let nodes: BTreeSet<_> = edges.iter().map(|(from, _)| *from).collect();
    let reached = |start: &'a str| {
        let mut seen = BTreeSet::new();
        let mut left = vec![start];
        while let Some(node) = left.pop() {
            let next = edges.iter().filter(|(from, _)| *from == node);
            left.extend(next.map(|(_, to)| *to).filter(|to| seen.insert(*to)));
        }
        seen
    };
    let reached: BTreeMap<_, _> = nodes.iter().map(|node| (*node, reached(node))).collect();
    let both = |a: &str, b: &str| {
        reached[a].contains(b) && reached.get(b).is_some_and(|of| of.contains(a))
    };
    let mut groups: Vec<BTreeSet<_>> = Vec::new();
    for node in &nodes {
        if !both(node, node) || groups.iter().any(|group| group.contains(node)) {
            continue;
        }
        groups.push(
            nodes
                .iter()
                .copied()
                .filter(|other| both(node, other))
                .collect(),
        );
    }
    groups
}

/// Returns the words of the path that starts at `at`, and the index of its end.
fn path(tokens: &[TokenTree], at: usize) -> (Vec<String>, usize) {
    let mut words = Vec::new();
    let mut end = at;
    // A leading `::`.
    while is_colons(tokens, end) {
        end += 2;
    }
    while let Some(TokenTree::Ident(word)) = tokens.get(end) {
        words.push(word.to_string());
        end += 1;
        if !is_colons(tokens, end) {
            break;
        }
        end += 2;
    }
    (words, end)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon =
        |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
    tokens
        .get(at..at + 2)
        .is_some_and(|two| two.iter().all(is_colon))
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',')
}

/// Reports whether an attribute is `[cfg(test)]`.
fn is_for_tests(attribute: &TokenTree) -> bool {
    let text = attribute.to_string();
    text.split_whitespace().collect::<String>() == "[cfg(test)]"
}

/// Returns where the item at `at` ends: after its `;` or, unless it is a `use`, its braces.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let mut is_use = false;
    let left = tokens[at..].iter().position(|token| match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) => !is_use && group.delimiter() == Delimiter::Brace,
        TokenTree::Ident(word) => {
            is_use |= word == "use";
            false
        }
        TokenTree::Literal(_) => false,
    });
    left.map_or(tokens.len(), |left| at + left + 1)
}

/// Returns a path relative to the crate's root; `None` unless it starts with a keyword for it.
fn absolute(path: &[String], module: &Module) -> Option<Vec<String>> {
    let mut from = match path.first()?.as_str() {
        "crate" => Module::new(),
        "self" | "super" => module.clone(),
        _ => return None,
    };
    let mut rest = path;
    while let Some(word) = rest.first() {
        match word.as_str() {
            "crate" | "self" => {}
            "super" => drop(from.pop()),
            _ => break,
        }
        rest = &rest[1..];
    }
    from.extend(rest.iter().cloned());
    Some(from)
}

fn below(module: &Module, child: String) -> Module {
    let mut path = module.clone();
    path.push(child);
    path
}

fn shown(module: &Module) -> String {
    match module.is_empty() {
        true => "crate".to_owned(),
        false => module.join("::"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(source: &str) -> Vec<String> {
        let mut modules = Modules::default();
        modules.read_tokens(source.parse().unwrap(), &Vec::new());
        modules.cycles()
    }

    #[test]
    fn cycles_through_re_exports_are_found() {
        let found = cycles(
            "pub use crate::low::{Low, self as _}; pub use crate::high::High;
            mod low { use crate::{High as Top, Unknown}; #[cfg(test)] mod tests {} }
            mod high { mod inner { fn make() -> super::super::Low { crate::Low::new() } } }",
        );
        assert_eq!(
            found,
            ["crate {high, low}\n    high::inner uses low\n    low uses high"]
        );
    }

    #[test]
    fn parents_children_and_tests_are_no_cycle() {
        let found = cycles(
            "mod parent { use self::child::Child; mod child { use super::Parent; } }
            mod low { #[cfg(test)] mod tests { use crate::high::{High}; } }
            #[cfg(test)] use crate::{high::A, low::B};
            mod high { use crate::low::Low; use std::fmt; use other::{crate_of as low}; }",
        );
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn cycles_below_another_module_are_found() {
        let found =
            cycles("mod a { mod b { use super::c::C; } mod c { const X: u8 = crate::a::b::X; } }");
        assert_eq!(found, ["a {b, c}\n    a::b uses a::c\n    a::c uses a::b"]);
    }
}
