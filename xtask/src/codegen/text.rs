//! Formats names and prose for each language.

/// Returns a word with its first letter in upper case.
pub(crate) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Returns a sentence with its first letter in lower case, unless it starts with an abbreviation.
pub(crate) fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => sentence.to_owned(),
    }
}

/// Wraps text at `width` characters, including a prefix before each line.
pub(crate) fn wrapped(text: &str, prefix: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{prefix}{word}")),
        }
    }
    lines
}

/// Formats paragraphs as a comment between `/**` and `*/`, on one line if it fits.
pub(crate) fn block(paragraphs: &[String], indent: &str, width: usize) -> String {
    if let [one] = paragraphs {
        let line = format!("{indent}/** {one} */");
        if line.chars().count() <= width {
            return line + "\n";
        }
    }
    let mut out = format!("{indent}/**\n");
    for (index, paragraph) in paragraphs.iter().enumerate() {
        if index > 0 {
            out.push_str(&format!("{indent} *\n"));
        }
        for line in wrapped(paragraph, &format!("{indent} * "), width) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out + &format!("{indent} */\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_keeps_abbreviations() {
        assert_eq!(lower("A bug of ours."), "a bug of ours.");
        assert_eq!(lower("The client was closed."), "the client was closed.");
        assert_eq!(lower("TLS failed."), "TLS failed.");
    }

    #[test]
    fn text_is_wrapped_at_the_width() {
        assert_eq!(
            wrapped("one two three", "// ", 10),
            ["// one two", "// three"]
        );
        let long = ["one two".to_owned(), "three".to_owned()];
        assert_eq!(block(&long[1..], "", 80), "/** three */\n");
        assert_eq!(
            block(&long, " ", 80),
            " /**\n  * one two\n  *\n  * three\n  */\n"
        );
    }
}
