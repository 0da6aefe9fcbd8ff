//! Windows paths in double quotes, where TOML reads a backslash as the start of an escape.

pub(super) const HINT: &str =
    "write a Windows path in single quotes, as in 'C:\\keys\\app.pem', or with / instead of \\";

/// Returns whether the line of a syntax error has such a path.
pub(super) fn in_line(text: &str, at: usize) -> bool {
    let begin = text.get(..at).and_then(|before| before.rfind('\n'));
    let begin = begin.map_or(0, |feed| feed + 1);
    let line = text.get(begin..).unwrap_or_default();
    let line = line.lines().next().unwrap_or_default();
    let strings = line.split('"').skip(1);
    let mut starts = strings.map(|string| string.strip_prefix("file:").unwrap_or(string));
    starts.any(|path| has_drive(path, |c| c == '\\') || path.starts_with(r"\\"))
}

/// Returns whether a value is such a path with valid escapes: `"C:\temp\new.pem"` contains a tab
/// and a line feed.
pub(super) fn is_unescaped(value: &str) -> bool {
    let path = value.strip_prefix("file:").unwrap_or(value);
    has_drive(path, |c| c.is_ascii_control() || c == '\\')
        && path.contains(|c: char| c.is_ascii_control())
}

/// Returns whether a text begins with a drive, such as `C:`, and a character that fits.
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
    fn the_hint_for_a_windows_path_in_double_quotes_is_to_use_single_quotes() {
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
