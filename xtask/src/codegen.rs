//! `cargo xtask codegen`: writes the headers and the low layers of all languages from the source of the C ABI;
//! with `--check`, compares.

pub(crate) mod c;
pub(crate) mod model;
#[cfg(test)]
mod words;

use std::path::Path;

use crate::{root, table};

/// The headers, and the crates whose documentation they are.
const HEADERS: &[(&str, &str)] = &[
    ("crates/capi", "include/countersign.h"),
    ("crates/plugin", "include/countersign_plugin.h"),
];

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let check = match options {
        [] => false,
        ["--check"] => true,
        _ => return Err(format!("codegen does not know `{}`", options.join(" "))),
    };
    for file in files()? {
        agree(Path::new(&file.path), &file.text, check)?;
    }
    Ok(())
}

/// A generated file.
pub(crate) struct File {
    /// From the workspace's folder.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Everything that is generated.
fn files() -> Result<Vec<File>, String> {
    let mut all = Vec::new();
    for (folder, header) in HEADERS {
        all.push(File {
            path: (*header).to_owned(),
            text: generate(folder)?,
        });
    }
    Ok(all)
}

/// A header, as cbindgen makes it of a crate.
pub(crate) fn generate(folder: &str) -> Result<String, String> {
    let folder = root().join(folder);
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))?;
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_crate(&folder)
        .generate()
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    // cbindgen leaves blanks where a documentation line is empty.
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n") + "\n")
}

/// Writes a generated file, or says that it is not what it would be.
pub(crate) fn agree(path: &Path, wanted: &str, check: bool) -> Result<(), String> {
    let shown = path.display();
    let path = root().join(path);
    if std::fs::read_to_string(&path).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if check {
        return Err(format!(
            "{shown} is not what the code says: run cargo xtask codegen, and commit it"
        ));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{shown}: {error}"))?;
    }
    std::fs::write(&path, wanted).map_err(|error| format!("{shown}: {error}"))?;
    table::say(&format!("wrote {shown}\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_committed_is_what_the_code_says() {
        super::run(&["--check"]).unwrap();
    }
}
