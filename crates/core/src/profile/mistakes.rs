//! Finds all mistakes of a profile, where [`Profile::from_toml`] stops at the first one.

mod advice;
mod document;
#[cfg(test)]
mod tests;

use self::document::Document;
use super::{Field, Profile};

/// A mistake in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// Whether the profile can't be used. Otherwise it probably doesn't do what was meant.
    pub is_error: bool,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// The maximum number of mistakes that are reported.
const MAX: usize = 200;

/// What stands in for a field that is wrong or missing, so that the search goes on.
const SAMPLES: &[(&str, &str)] = &[
    ("id", "id = \"x\""),
    ("name", "name = \"x\""),
    ("documentation", "documentation = \"https://x.example\""),
    (
        "environments",
        "environments.x.base_url = \"https://x.example\"",
    ),
    ("endpoints", "endpoints.token = \"https://x.example/\""),
    (
        "grants",
        "grants.client-credentials.client_auth = [\"post\"]",
    ),
    ("client_auth", "client_auth = [\"none\"]"),
    ("kind", "kind = \"rejected\""),
    ("hint", "hint = \"x\""),
    ("individual", "individual = \"x\""),
    ("scope", "scope = \"x\""),
    ("admin_consent_scope", "admin_consent_scope = \"x\""),
    ("token", "token = \"https://x.example/\""),
    ("url", "url = \"https://x.example/\""),
    ("authorize", "authorize = \"https://x.example/\""),
    ("assertion", "assertion.algorithms = [\"RS256\"]"),
    ("algorithms", "algorithms = [\"RS256\"]"),
];

/// Finds the mistakes of a profile in TOML, by line.
///
/// If it finds no error, it also looks for what is allowed but probably not meant.
///
/// # Example
///
/// ```
/// use countersign_core::profile::find_mistakes;
///
/// let found = find_mistakes("id = \"acme\"\nname = 3\nendpoint.token = \"x\"\n");
/// assert_eq!((found[0].line, found[0].message.as_str()), (1, "`documentation` is missing"));
/// assert!(found.iter().all(|mistake| mistake.is_error && !mistake.fix.is_empty()));
/// ```
pub fn find_mistakes(text: &str) -> Vec<Mistake> {
    let mut document = match Document::parse(text) {
        Ok(document) => document,
        Err(found) => return found,
    };
    let mut found = Vec::new();
    let mut removed: Vec<String> = Vec::new();
    for _ in 0..MAX {
        let error = match document.read() {
            Ok(profile) => {
                if found.is_empty() {
                    found = advice::of(&profile, &document);
                }
                break;
            }
            Err(error) => error,
        };
        let (line, step) = document.locate(&error);
        let known = error
            .fields()
            .any(|field| removed.iter().any(|gone| gone == field));
        if !known {
            found.push(Mistake {
                line,
                is_error: true,
                message: error.message(),
                fix: error.fix(),
            });
        }
        let went_on = step.is_some_and(|step| {
            removed.push(step.name());
            document.repair(&step)
        });
        if !went_on {
            break;
        }
    }
    drop_consequences(&mut found);
    found.sort_by_key(|mistake| mistake.line);
    found.dedup();
    found
}

/// Drops errors about what is missing only because its name is misspelled.
fn drop_consequences(found: &mut Vec<Mistake>) {
    let misspelled = found.iter().filter_map(|mistake| {
        let (before, _) = mistake.message.split_once("unknown field ")?;
        let table = before.trim_end_matches([' ', ':']).trim_matches('`');
        let meant = mistake.fix.strip_prefix("write `")?.trim_end_matches('`');
        Some(match table {
            "" => format!("`{meant}`"),
            table => format!("`{table}.{meant}`"),
        })
    });
    let misspelled: Vec<_> = misspelled.collect();
    found.retain(|mistake| {
        let is_missing = mistake.message.contains("missing");
        !(is_missing
            && misspelled
                .iter()
                .any(|field| mistake.message.contains(field)))
    });
}

/// An error of reading a profile.
#[derive(Debug)]
struct ReadError {
    /// The byte where it is, if known.
    at: Option<usize>,
    why: String,
}

impl ReadError {
    /// Returns the words in backticks.
    fn fields(&self) -> impl Iterator<Item = &str> {
        self.why.split('`').skip(1).step_by(2)
    }

    /// Returns the name of the field that is missing, and the table that lacks it.
    fn missing(&self) -> Option<(&str, &str)> {
        let (before, name) = self.why.split_once("missing field `")?;
        let table = before.trim_end_matches([' ', ':']).trim_matches('`');
        Some((table, name.trim_end_matches('`')))
    }

    fn message(&self) -> String {
        if let Some((table, name)) = self.missing() {
            return match table {
                "" => format!("`{name}` is missing"),
                table => format!("`{table}.{name}` is missing"),
            };
        }
        let why = self.why.as_str();
        why.split("; did you mean ")
            .next()
            .unwrap_or(why)
            .to_owned()
    }

    fn fix(&self) -> String {
        if let Some((_, meant)) = self.why.split_once("did you mean ") {
            return format!("write {}", meant.trim_end_matches('?'));
        }
        if let Some((table, name)) = self.missing() {
            let path = format!("{table}.{name}");
            let about = about(path.trim_start_matches('.')).unwrap_or_default();
            return format!("add `{name}`: {about}");
        }
        if let Some((_, known)) = self.why.split_once("expected one of ") {
            return format!("write one of {known}");
        }
        if let Some((_, must)) = self.why.split_once(" it must ") {
            return format!("change it: it must {must}");
        }
        // Many messages of the engine end with what to do.
        let last = self
            .why
            .rsplit([':', ';'])
            .next()
            .unwrap_or_default()
            .trim();
        let verb = last.split(' ').next().unwrap_or_default();
        if self.why.len() > last.len()
            && [
                "add", "choose", "give", "name", "remove", "set", "use", "write",
            ]
            .contains(&verb)
        {
            return last.to_owned();
        }
        match self
            .fields()
            .find_map(|field| Some((field, described(field)?)))
        {
            Some((field, kind)) => match about(field) {
                Some(about) => format!("set `{field}` to {kind}: {about}"),
                None => format!("set `{field}` to {kind}"),
            },
            None => match self.fields().next() {
                Some(field) => format!("change or remove `{field}`"),
                None => "correct the profile as docs/profiles.md describes".to_owned(),
            },
        }
    }
}

/// Returns the field of the description that a path in a message is about.
fn field(path: &str) -> Option<&'static Field> {
    let parts: Vec<_> = path.split('.').collect();
    // Messages leave out the number of a row.
    let of_row: Vec<_> = match parts.split_first() {
        Some((first, rest)) if *first == "errors" => {
            [*first, "*"].iter().chain(rest).copied().collect()
        }
        _ => parts.clone(),
    };
    Field::at(&parts).or_else(|| Field::at(&of_row))
}

fn described(path: &str) -> Option<String> {
    field(path).map(|field| field.kind.describe())
}

fn about(path: &str) -> Option<&'static str> {
    let about = field(path).map(|field| field.about).or(match path {
        "environments" => Some("a table for each deployment, such as `[environments.production]`"),
        "endpoints" => Some("the URLs of the token service"),
        "grants" => Some("a table for each grant, such as `[grants.client-credentials]`"),
        _ => None,
    })?;
    Some(
        about
            .split(". ")
            .next()
            .unwrap_or(about)
            .trim_end_matches('.'),
    )
}

/// Reads a profile, and says where it fails.
fn read(read: Result<Profile, (usize, String)>) -> Result<Profile, ReadError> {
    let profile = read.map_err(|(at, why)| ReadError { at: Some(at), why })?;
    match profile.check() {
        Ok(()) => Ok(profile),
        Err(why) => Err(ReadError { at: None, why }),
    }
}
