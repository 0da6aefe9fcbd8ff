//! A response without a token, as the profile's table of errors sees it.

use serde_json::Value;

use super::{ServerError, scalar_text};
use crate::Response;
use crate::profile::pointer::is_same;
use crate::profile::{ErrorRow, Pointer, Pointers, ResponseRules};

/// A response without a token.
pub(super) struct Failure<'a> {
    response: &'a Response,
    /// The code and the message.
    pub(super) reported: ServerError,
    /// Whether one of them is where the profile says.
    pub(super) is_where_expected: bool,
    /// The JSON or the form in the body.
    document: Option<Value>,
}

impl<'a> Failure<'a> {
    pub(super) fn of(response: &'a Response, body: &[u8], rules: &ResponseRules) -> Self {
        Self::with(ServerError::of(response, body), response, body, rules)
    }

    /// Reads only what can't be a token, for a response that should have contained one.
    pub(super) fn besides_tokens(
        response: &'a Response,
        body: &[u8],
        rules: &ResponseRules,
    ) -> Self {
        let reported = ServerError::besides_tokens(response, body);
        Self::with(reported, response, body, rules)
    }

    fn with(
        reported: ServerError,
        response: &'a Response,
        body: &[u8],
        rules: &ResponseRules,
    ) -> Self {
        let document = ServerError::document(response, body);
        let found = |places: &Pointers| text_at(places, document.as_ref()?);
        let (code, text) = (found(&rules.error), found(&rules.error_description));
        Self {
            response,
            is_where_expected: code.is_some() || text.is_some(),
            reported: ServerError {
                // A message that repeats the code adds nothing.
                text: text
                    .or(reported.text)
                    .filter(|text| code.as_ref() != Some(text)),
                code: code.or(reported.code),
                is_page: reported.is_page,
            },
            document,
        }
    }

    /// Returns whether the response has a row's members and headers.
    pub(super) fn fits(&self, row: &ErrorRow) -> bool {
        let has_member = |(pointer, wanted): (&Pointer, &Value)| {
            let document = self.document.as_ref();
            let value = document.and_then(|document| pointer.find(document));
            value.is_some_and(|value| is_same(value, wanted))
        };
        let has_header = |(name, wanted): (&String, &String)| {
            let wanted = wanted.to_lowercase();
            let mut headers = self.response.headers.iter();
            headers.any(|(known, value)| {
                known.eq_ignore_ascii_case(name) && value.to_lowercase().contains(&wanted)
            })
        };
        row.members.iter().all(has_member) && row.headers.iter().all(has_header)
    }
}

/// Returns the first value that is a code or a message: a text or a number.
fn text_at(places: &Pointers, document: &Value) -> Option<String> {
    places.iter().find_map(|place| {
        let text = scalar_text(place.find(document)?)?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
}
