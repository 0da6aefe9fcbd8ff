//! A token as environment variables: for a shell (`token --env`) and for a program (`exec`).

use countersign_core::{Extra, Token};

/// Returns the variables' names and values, `COUNTERSIGN_TOKEN` first.
pub(crate) fn of(token: &Token, extra: &Extra) -> Vec<(String, String)> {
    let mut all = vec![
        ("COUNTERSIGN_TOKEN".to_owned(), token.expose().to_owned()),
        (
            "COUNTERSIGN_TOKEN_TYPE".to_owned(),
            token.token_type().to_owned(),
        ),
    ];
    if let Some(end) = token.expires_at() {
        all.push(("COUNTERSIGN_EXPIRES_AT".to_owned(), end.to_string()));
    }
    for (name, value) in extra {
        let name = variable_name(name);
        // A vendor must not replace the token, or select another configuration.
        let ours = name == "COUNTERSIGN_CONFIG" || all.iter().any(|(known, _)| *known == name);
        if !ours {
            all.push((name, value.clone()));
        }
    }
    // A variable can't contain a NUL.
    all.retain(|(_, value)| !value.contains('\0'));
    all
}

/// Returns an `export` line for a POSIX shell.
///
/// In single quotes only the quote itself is special, so the `!` of a Salesforce token is safe.
pub(crate) fn export(name: &str, value: &str) -> String {
    format!("export {name}='{}'", value.replace('\'', r"'\''"))
}

fn variable_name(extra: &str) -> String {
    let letters = extra.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    });
    format!("COUNTERSIGN_{}", letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_quotes_what_is_special_to_a_shell() {
        assert_eq!(
            export("X", "00D!a'b$(id)`id`\\\n\""),
            "export X='00D!a'\\''b$(id)`id`\\\n\"'"
        );
    }

    #[test]
    fn variable_names_are_valid_in_every_shell() {
        assert_eq!(variable_name("instance_url"), "COUNTERSIGN_INSTANCE_URL");
        assert_eq!(variable_name("a-b;c é"), "COUNTERSIGN_A_B_C__");
    }
}
