//! The fields of an error, derived from the functions that read them.

use super::model::{Function, Model, Type};

pub(crate) struct Field<'a> {
    /// The name, such as `oauth_error`.
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    /// The description, without the period at the end.
    about: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Status,
    Verdict,
    /// A text that every error has.
    Text,
    /// A text that may be absent.
    OptionalText,
    /// A number; 0 is absent.
    Number,
    /// Milliseconds; -1 is absent.
    Millis,
}

/// A language's words for what the C documentation expresses in C.
pub(crate) struct Idiom {
    /// Replaces NULL.
    pub(crate) null: &'static str,
    /// Replaces 0.
    pub(crate) zero: &'static str,
    /// Replaces -1.
    pub(crate) minus_one: &'static str,
    /// Replaces ", in milliseconds".
    pub(crate) unit: &'static str,
    /// The method that starts a login.
    pub(crate) start_login: &'static str,
}

pub(crate) fn fields(model: &Model) -> impl Iterator<Item = Field<'_>> {
    let all = model.exported();
    all.filter_map(|function| field(function.name.strip_prefix("csign_error_")?, function))
}

fn field<'a>(name: &'a str, function: &Function) -> Option<Field<'a>> {
    let text = function.docs.join(" ");
    let text = text.replace(" Borrowed until csign_error_free.", "");
    let kind = match &function.result {
        // Callbacks set this, not the library.
        _ if name == "callback_status" => return None,
        Type::Enum(name) if name == "csign_status" => Kind::Status,
        Type::Enum(_) => Kind::Verdict,
        Type::Number(_) if name.ends_with("_ms") => Kind::Millis,
        Type::Number(_) => Kind::Number,
        Type::Pointer { to, .. } if **to == Type::Char => match text.contains("; NULL ") {
            true => Kind::OptionalText,
            false => Kind::Text,
        },
        _ => return None,
    };
    // Omit what the function returns for an invalid handle, which can't happen in other languages.
    let about = match text.split_once("; CSIGN_") {
        Some((about, _)) => about.to_owned(),
        None => text.trim_end_matches('.').to_owned(),
    };
    Some(Field { name, kind, about })
}

impl Field<'_> {
    /// Returns the name without the unit.
    pub(crate) fn bare(&self) -> &str {
        self.name.trim_end_matches("_ms")
    }

    pub(crate) fn about(&self, idiom: &Idiom) -> String {
        let text = self
            .about
            .replace("; NULL ", &format!("; {} ", idiom.null))
            .replace("; 0 ", &format!("; {} ", idiom.zero))
            .replace("; -1 ", &format!("; {} ", idiom.minus_one))
            .replace(", in milliseconds", idiom.unit)
            .replace("csign_client_start_login", idiom.start_login);
        text + "."
    }
}
