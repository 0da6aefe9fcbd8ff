//! Windows paths between double quotes, where TOML takes a backslash for the beginning of an escape.

pub(super) const HINT: &str = "write a Windows path between single quotes, as in 'C:\\keys\\app.pem', or with / in place of \\";

/// Whether the line of a syntax error has such a path.
pub(super) fn in_line(text: &str, at: usize) -> bool {
    let begin = text.get(..at).and_then(|before| before.rfind('\n'));
    let begin = begin.map_or(0, |feed| feed + 1);
    let line = text.get(begin..).unwrap_or_default();
    let line = line.lines().next().unwrap_or_default();
    let strings = line.split('"').skip(1);
    let mut starts = strings.map(|string| string.strip_prefix("file:").unwrap_or(string));
    starts.any(|path| has_drive(path, |c| c == '\\') || path.starts_with(r"\\"))
}

/// Whether a value is such a path whose escapes were all valid: `"C:\temp\new.pem"` has a tab in it
/// and a line feed.
pub(super) fn is_unescaped(value: &str) -> bool {
    let path = value.strip_prefix("file:").unwrap_or(value);
    has_drive(path, |c| c.is_ascii_control() || c == '\\')
        && path.contains(|c: char| c.is_ascii_control())
}

/// Whether a text begins like `C:` and one of these.
fn has_drive(path: &str, then: impl Fn(char) -> bool) -> bool {
    let mut first = path.chars();
    first.next().is_some_and(|c| c.is_ascii_alphabetic())
        && first.next() == Some(':')
        && first.next().is_some_and(then)
}

#[cfg(test)]
mod tests {
    use super::HINT;
    use crate::Settings;

    #[test]
    fn a_windows_path_between_double_quotes_is_told_about_single_quotes() {
        for value in [
            r#""C:\Users\app\key.pem""#,
            r#""c:\keys\app.pem""#,
            r#""C:\temp\new.pem""#,
            r#""file:C:\tokens""#,
            r#""file:D:\apps\tokens""#,
            r#""\\server\share\key.pem""#,
            r#"'x' # "C:\Users"
store = "D:\x""#,
        ] {
            for setting in ["private_key_file", "store", "ca_file"] {
                let text = format!("[connections.a]\n{setting} = {value}\n");
                let error = Settings::from_toml(&text).expect_err(&text);
                assert_eq!(error.hint(), Some(HINT), "{text}: {error}");
            }
        }
        for fine in [
            r"'C:\temp\new.pem'",
            r#""C:\\temp\\new.pem""#,
            r#""C:/temp/new.pem""#,
            "\"-----BEGIN PRIVATE KEY-----\\nMII\\n\"",
            "\"a:\\tb\"",
        ] {
            let read = Settings::from_toml(&format!("[connections.a]\nclient_secret = {fine}\n"));
            assert!(fine.contains(":\\t") || read.is_ok(), "{fine}");
        }
        let error = Settings::from_toml("[connections.a]\nscopes = \"\\q\"").unwrap_err();
        assert_eq!(error.hint(), None, "{error}");
    }
}
