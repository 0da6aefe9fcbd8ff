//! A token as environment variables: for a shell (`token --env`) and for a program (`exec`).

use countersign::{Extra, Token};

/// Names and values: `COUNTERSIGN_TOKEN` first, then what goes with it.
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
        // The vendor does not get to replace the token, or to point us at another configuration.
        let ours = name == "COUNTERSIGN_CONFIG" || all.iter().any(|(known, _)| *known == name);
        if !ours {
            all.push((name, value.clone()));
        }
    }
    // No system can pass a NUL.
    all.retain(|(_, value)| !value.contains('\0'));
    all
}

/// One line for a POSIX shell: in single quotes nothing is special but the quote itself, so that
/// the `!` of a Salesforce token stays what it is.
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
    fn a_shell_takes_nothing_of_a_value_for_its_own() {
        assert_eq!(
            export("X", "00D!a'b$(id)`id`\\\n\""),
            "export X='00D!a'\\''b$(id)`id`\\\n\"'"
        );
    }

    #[test]
    fn names_are_made_of_letters_that_every_shell_takes() {
        assert_eq!(variable_name("instance_url"), "COUNTERSIGN_INSTANCE_URL");
        assert_eq!(variable_name("a-b;c é"), "COUNTERSIGN_A_B_C__");
    }
}
