//! The connections of a TOML text, each parsed on first use.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::{Settings, sections};
use crate::nearest::nearest;
use crate::{Error, ErrorKind};

/// The connections of a TOML text, each parsed only when it is selected.
///
/// A mistake in one connection is an error of that connection only. Selecting one of ten thousand
/// connections costs little more than finding it.
///
/// # Example
///
/// ```
/// use countersign_core::Connections;
///
/// let all = Connections::from_toml(r#"
///     [connections.good]
///     provider = "salesforce"
///
///     [connections.bad]
///     providr = "salesforce"
/// "#.to_owned())?;
/// assert_eq!(all.select("good")?.value("provider"), Some("salesforce"));
/// let error = all.select("bad").unwrap_err();
/// assert!(error.message().contains("did you mean `provider`?"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub struct Connections {
    kind: Kind,
    profiles: Vec<String>,
}

enum Kind {
    /// Tables with headers, which are parsed one by one.
    Sections {
        text: Zeroizing<String>,
        tables: BTreeMap<String, Vec<Range<usize>>>,
        unclear: Option<usize>,
    },
    /// Connections in any other form of TOML, parsed as a whole.
    Parsed(BTreeMap<String, Result<Settings, Error>>),
}

impl Connections {
    /// Finds the connections of a text, `[connections.NAME]`, and the list `profiles` before them.
    ///
    /// # Errors
    ///
    /// If there is anything else than `connections` and `profiles`. If the connections aren't tables with headers,
    /// the whole text is parsed, and any syntax error is an error.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Connections;
    ///
    /// let text = "[connections.sales]\nprovider = \"salesforce\"\n[connections.hr]\nprovider = \"docusign\"";
    /// let connections = Connections::from_toml(text.to_owned())?;
    /// assert_eq!(connections.names().count(), 2);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn from_toml(text: String) -> Result<Self, Error> {
        let text = Zeroizing::new(text);
        let cut = sections::cut(&text).and_then(|sections| {
            let top = &text[..sections.top.unwrap_or_default()];
            Some((super::profiles_of(top)?, sections))
        });
        let Some((profiles, sections)) = cut else {
            let (all, profiles) = super::parse_all(&text)?;
            let kind = Kind::Parsed(all);
            return Ok(Self { kind, profiles });
        };
        let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, span) in sections.named {
            tables.entry(name).or_default().push(span);
        }
        let kind = Kind::Sections {
            text,
            tables,
            unclear: sections.unclear,
        };
        Ok(Self { kind, profiles })
    }

    /// Returns the files and folders that the text lists in `profiles`, as they are written.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Connections;
    ///
    /// let text = "profiles = [\"acme.toml\"]\n[connections.a]\nprovider = \"acme\"\n";
    /// let connections = Connections::from_toml(text.to_owned())?;
    /// assert_eq!(connections.profiles(), ["acme.toml"]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn profiles(&self) -> &[String] {
        &self.profiles
    }

    /// Returns the names of all connections, in order.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Connections;
    ///
    /// let text = "[connections.b]\nprovider = \"acme\"\n[connections.a]\nprovider = \"acme\"";
    /// let all = Connections::from_toml(text.to_owned())?;
    /// assert_eq!(all.names().collect::<Vec<_>>(), ["a", "b"]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match &self.kind {
            Kind::Sections { tables, .. } => Box::new(tables.keys().map(String::as_str)),
            Kind::Parsed(all) => Box::new(all.keys().map(String::as_str)),
        }
    }

    /// Returns the settings of one connection.
    ///
    /// # Errors
    ///
    /// As [`Settings::select`], and as [`Settings::from_toml`] for this connection's table.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Connections;
    ///
    /// // A mistake in another connection is no error of this one.
    /// let text = "[connections.sales]\nprovider = \"salesforce\"\n[connections.hr]\nproviders = 1";
    /// let connections = Connections::from_toml(text.to_owned())?;
    /// assert_eq!(connections.select("sales")?.value("provider"), Some("salesforce"));
    /// assert!(connections.select("hr").is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn select(&self, name: &str) -> Result<Settings, Error> {
        match &self.kind {
            Kind::Parsed(all) => match all.get(name) {
                Some(found) => found.clone(),
                None => Err(none_of(name, self.names())),
            },
            Kind::Sections {
                text,
                tables,
                unclear,
            } => match tables.get(name) {
                Some(spans) => parse_one(text, name, spans),
                None => Err(match unclear {
                    Some(at) => none_but(name, text, *at),
                    None => none_of(name, self.names()),
                }),
            },
        }
    }
}

/// Parses the tables of one connection. Errors name the line in the whole text.
fn parse_one(text: &str, name: &str, spans: &[Range<usize>]) -> Result<Settings, Error> {
    let pieces = spans.iter().map(|span| &text[span.clone()]);
    let own = Zeroizing::new(pieces.collect::<String>());
    let line = |mut at: usize| {
        for span in spans {
            if at <= span.len() {
                return text[..span.start + at].matches('\n').count() + 1;
            }
            at -= span.len();
        }
        1
    };
    let (mut all, _) = super::parse_with(&own, line)?;
    match all.remove(name) {
        Some(settings) => settings,
        None => Err(Error::new(
            ErrorKind::Internal,
            format!("connection `{name}` was found but not parsed"),
        )),
    }
}

/// Returns the error for an unknown connection.
pub(super) fn none_of<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Error {
    /// The maximum number of names in the hint.
    const MAX_NAMES: usize = 20;
    let names: Vec<_> = names.collect();
    let meant = match nearest(name, names.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    let hint = match names.len() {
        0 => "add the connection: [connections.NAME]".to_owned(),
        count if count > MAX_NAMES => format!(
            "use one of the {count} connections, such as {}",
            names[..MAX_NAMES].join(", ")
        ),
        _ => format!("use one of: {}", names.join(", ")),
    };
    let message = format!("there is no connection `{name}`{meant}");
    Error::new(ErrorKind::Setting, message).with_hint(hint)
}

/// Returns the error for an unknown connection in a text whose structure is unclear from `at` on.
fn none_but(name: &str, text: &str, at: usize) -> Error {
    let line = text[..at].matches('\n').count() + 1;
    let message = format!(
        "line {line}: a table's header or a string does not end, so connection `{name}` was not found"
    );
    Error::new(ErrorKind::Setting, message).with_hint(format!(
        "in line {line}, close the bracket of the header, or the triple quotes of the string"
    ))
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\n[connections.good]\nprovider = \"x\"\n";

    fn read(text: &str) -> Connections {
        Connections::from_toml(text.to_owned()).unwrap()
    }

    #[test]
    fn a_mistake_in_one_connection_does_not_affect_the_others() {
        for (bad, line) in [
            ("[connections.bad]\nprovidr = \"x\"", None),
            ("[connections.bad]\nprovider = \"x", Some("line 2")),
            ("[connections.bad]\nprovider = \n", Some("line 2")),
            ("[connections.bad]\nscopes = [\"a\",", Some("line ")),
            ("[connections.bad]\nscopes = [[\n\"a\",", Some("line ")),
            (
                "[connections.bad]\nscopes = \"a\"\nscopes = \"b\"",
                Some("line 3"),
            ),
            (
                "[connections.bad]\nprovider = \"x\"\n[connections.bad]",
                Some("line 3"),
            ),
            ("[connections.bad]\nstore = \"C:\\Users\"", Some("line 2")),
            ("[connections.bad]\nextra = 1.5", None),
            ("[connections.bad] junk\nprovider = \"x\"", Some("line 1")),
        ] {
            let (before, after) = (format!("{GOOD}{bad}"), format!("{bad}{GOOD}"));
            let marked = format!("\u{feff}{after}");
            for text in [&before, &after, &marked] {
                let all = read(text);
                assert_eq!(
                    all.select("good").unwrap().value("provider"),
                    Some("x"),
                    "{text}"
                );
                let error = all.select("bad").expect_err(text);
                assert!(!error.message().contains("good"), "{error}");
            }
            if let Some(line) = line {
                let error = read(&after).select("bad").unwrap_err();
                assert!(error.message().starts_with(line), "{bad}: {error}");
            }
        }
    }

    #[test]
    fn profiles_are_listed_before_the_connections() {
        for (top, expected) in [
            ("", &[][..]),
            ("# profiles = [\"x\"]", &[]),
            ("profiles = []", &[]),
            (
                "# mine\nprofiles = [\n  \"a.toml\", # one\n  'b',\n]",
                &["a.toml", "b"],
            ),
            (
                "\u{feff}\"profiles\" = [\"[connections.x]\"]",
                &["[connections.x]"],
            ),
        ] {
            let text = format!("{top}\n{GOOD}[connections.bad]\nprovidr = 1\n");
            let all = read(&text);
            assert_eq!(all.profiles(), expected, "{text}");
            assert_eq!(all.select("good").unwrap().value("provider"), Some("x"));
            assert!(all.select("bad").is_err());
            let whole = read(&format!("{top}\nconnections.good.provider = \"x\""));
            assert_eq!(whole.profiles(), expected, "{top}");
        }
        for (top, why) in [
            ("profiles = \"a\"", "`profiles` must be an array of texts"),
            ("profiles = [1]", "`profiles` must be an array of texts"),
            ("profile = [\"a\"]", "did you mean `profiles`?"),
            ("profiles = [\"a\"", "line "),
        ] {
            let error = Connections::from_toml(format!("{top}\n{GOOD}")).unwrap_err();
            assert!(error.message().contains(why), "{top}: {error}");
        }
    }

    #[test]
    fn errors_name_the_line_of_an_unclosed_header_or_string() {
        for text in [
            "[connections.bad]\nprovider = \"\"\"x\n[connections.good]\nprovider = \"x\"",
            "[connections.bad]\n[connections.good\nprovider = \"x\"",
        ] {
            let error = read(text).select("good").expect_err(text);
            assert!(error.message().starts_with("line 2: "), "{error}");
            assert!(error.hint().unwrap().contains("line 2"), "{error:?}");
        }
    }

    #[test]
    fn text_that_looks_like_a_header_is_not_always_one() {
        let all = read(
            "# [connections.comment]\n[connections.a] # the first\nclient_id = \"\"\"\n[connections.x]\n\\\"\"\"\"\"\nclient_secret = '''\n\
             [connections.y]'''\nscopes = [\n  [\"connections\"], # ]\n  '[', \"]\\\"[\",\n]\n[connections.a.extra]\n\
             account_id = \"1\"\n [ \"connections\" . 'b.c' ]\nprovider = \"x\"\n[connections.\"d\\u0065\"]\nprovider = \"x\"\n",
        );
        assert_eq!(all.names().collect::<Vec<_>>(), ["a", "b.c", "de"]);
        let a = all.select("a").unwrap();
        assert_eq!(a.value("extra.account_id"), Some("1"));
        assert_eq!(a.value("client_id"), Some("[connections.x]\n\"\""));
        assert_eq!(a.value("scopes"), Some("connections [ ]\"["));
        all.select("b.c").unwrap();
        all.select("de").unwrap();
    }

    #[test]
    fn connections_in_any_other_form_are_read() {
        for text in [
            "connections.a.provider = \"x\"\nconnections.b = { providr = 1 }",
            "connections = { a = { provider = \"x\" }, b = 3 }",
            "[connections]\na.provider = \"x\"\nb.providr = \"x\"",
            "[connections]\na = { provider = \"x\" }\n[connections.b]\nprovidr = \"x\"",
        ] {
            let all = read(text);
            assert_eq!(
                all.select("a").unwrap().value("provider"),
                Some("x"),
                "{text}"
            );
            assert!(all.select("b").is_err(), "{text}");
            assert_eq!(all.names().collect::<Vec<_>>(), ["a", "b"]);
        }
        for text in [
            "[conections.a]\nprovider = \"x\"",
            "provider = \"x\"",
            "[[connections.a]]\nprovider = 1",
        ] {
            let result = Connections::from_toml(format!("{GOOD}{text}"));
            let result = result.and_then(|all| all.select("a").map(drop));
            assert!(result.is_err(), "{text}");
        }
        assert_eq!(read("").names().count(), 0);
        assert_eq!(read("# nothing\n\n").names().count(), 0);
    }

    /// Reading by sections must agree with parsing the whole text.
    #[test]
    fn sections_agree_with_the_parser() {
        let lines = [
            "[connections.a]",
            "[connections.b]",
            "[connections.a.extra]",
            "[connections.'c d']",
            "provider = \"x\"",
            "scopes = [",
            "\"a\",",
            "]",
            "client_id = \"\"\"",
            "\"\"\"",
            "client_id = '''",
            "'''",
            "# \"\"\"",
            "client_id = 'a\"'",
            "client_id = \"\\\"\"",
            "subject = \"#[\" # ]",
            "",
            "[[\"x\"]]",
        ];
        // Every text of a header and up to three more of these lines.
        let count = lines.len();
        for number in 0..4 * count.pow(3) {
            let pick = |place: u32| lines[number / count.pow(place) % count];
            let text = format!("{}\n{}\n{}\n{}\n", pick(3), pick(2), pick(1), pick(0));
            let Ok(whole) = Settings::from_toml(&text) else {
                continue;
            };
            let cut = read(&text);
            assert_eq!(
                cut.names().collect::<Vec<_>>(),
                whole.keys().collect::<Vec<_>>(),
                "{text}"
            );
            for (name, settings) in &whole {
                let one = cut.select(name).unwrap_or_else(|e| panic!("{e}: {text}"));
                for key in settings.keys() {
                    assert_eq!(one.value(key), settings.value(key), "{text}");
                }
                assert_eq!(one.keys().count(), settings.keys().count(), "{text}");
            }
        }
    }
}
