//! Where a value is in a response: JSON pointers.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::Value;

/// Where a value is in a JSON document: a JSON pointer such as `/data/0/id` (RFC 6901), or the name
/// of a member of the outermost object, which doesn't begin with a slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Pointer(String);

/// One or more pointers. The first one that leads to a value counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers(Vec<Pointer>);

impl Pointer {
    /// Returns the pointer as it is written in the profile.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value in a document.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        match self.0.starts_with('/') {
            true => document.pointer(&self.0),
            false => document.as_object()?.get(&self.0),
        }
    }

    /// Returns the name of the outermost object's member, and the pointer within its value.
    pub(crate) fn split(&self) -> (String, &str) {
        let Some(path) = self.0.strip_prefix('/') else {
            return (self.0.clone(), "");
        };
        let end = path.find('/').unwrap_or(path.len());
        (unescaped(&path[..end]), &path[end..])
    }

    /// Returns the names and indices on the way to the value.
    pub(crate) fn steps(&self) -> Vec<String> {
        match self.0.strip_prefix('/') {
            Some(path) => path.split('/').map(unescaped).collect(),
            None => vec![self.0.clone()],
        }
    }

    /// Checks the syntax.
    pub(super) fn check(&self) -> Result<(), String> {
        let shown: String = self.0.chars().take(64).collect();
        if self.0.is_empty() || self.0 == "/" {
            return Err(format!("`{shown}` names no member of the response"));
        }
        if let Some(rest) = self.0.strip_prefix("$.") {
            return Err(format!(
                "`{shown}` is not a JSON pointer: write `/{}`",
                rest.replace('.', "/")
            ));
        }
        let escapes = self.0.split('~').skip(1);
        let is_pointer = self.0.starts_with('/');
        match is_pointer && !escapes.clone().all(|rest| rest.starts_with(['0', '1'])) {
            true => Err(format!(
                "`{shown}` is not a JSON pointer: write `~0` for `~`, and `~1` for `/` in a name"
            )),
            false => Ok(()),
        }
    }
}

impl Pointers {
    /// Returns whether the profile says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pointer> {
        self.0.iter()
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pointers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self
            .0
            .iter()
            .map(|pointer| format!("`{pointer}`"))
            .collect();
        f.write_str(&all.join(" or "))
    }
}

impl<'de> Deserialize<'de> for Pointers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Pointers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON pointer or a list of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Pointers, E> {
                Ok(Pointers(vec![Pointer(text.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Pointers, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                match all.is_empty() {
                    true => Err(A::Error::invalid_length(0, &self)),
                    false => Ok(Pointers(all)),
                }
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

/// Returns whether a value of a document is the one that a profile names. Numbers are equal if
/// their values are.
pub(crate) fn is_same(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Number(value), Value::Number(wanted)) => {
            value == wanted || value.as_f64() == wanted.as_f64()
        }
        (value, wanted) => value == wanted,
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointer(text: &str) -> Pointer {
        Pointer(text.to_owned())
    }

    #[test]
    fn pointers_lead_through_objects_and_arrays() {
        let document = json!({"a": [{"b/c": 1}, {"~": 2}], "x.y": 3, "": {"": 4}});
        for (text, found) in [
            ("/a/0/b~1c", Some(1)),
            ("/a/1/~0", Some(2)),
            ("x.y", Some(3)),
            ("/x.y", Some(3)),
            ("//", Some(4)),
            ("/a/2", None),
            ("/a/-", None),
            ("/a/00", None),
            ("/a/b", None),
            ("a/0", None),
            ("/x.y/z", None),
        ] {
            let pointer = pointer(text);
            let value = pointer.find(&document).and_then(Value::as_i64);
            assert_eq!(value, found, "{text}");
            let (name, rest) = pointer.split();
            let value = document
                .get(&name)
                .and_then(|inner| inner.pointer(rest))
                .and_then(Value::as_i64);
            assert_eq!(value, found, "{text}");
        }
        assert_eq!(pointer("/a~1b/0").steps(), ["a/b", "0"]);
        assert_eq!(pointer("a/b").steps(), ["a/b"]);
    }

    #[test]
    fn other_syntax_is_rejected() {
        for text in ["", "/", "/a~", "/a~2b", "$.data.token"] {
            assert!(pointer(text).check().is_err(), "{text}");
        }
        for text in ["a", "/a", "/a~0~1b", "//", "a~b", "data.token"] {
            assert!(pointer(text).check().is_ok(), "{text}");
        }
    }

    #[test]
    fn values_are_compared_by_type() {
        assert!(is_same(&json!(1.0), &json!(1)));
        assert!(is_same(&json!("ok"), &json!("ok")));
        for (value, wanted) in [
            (json!("1"), json!(1)),
            (json!("true"), json!(true)),
            (json!(null), json!(false)),
            (json!([true]), json!(true)),
        ] {
            assert!(!is_same(&value, &wanted), "{value} {wanted}");
        }
    }
}
