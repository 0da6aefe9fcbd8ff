//! Deserializes a TOML document.
//!
//! The `toml` crate's own deserializer is three times larger in a program: for each type, it has
//! the code that reads it from a table, from a date, from a value with its position, and from an
//! array in the order of its fields. Here a struct is read from a table and from nothing else.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::meant;

/// Why a document is not of the expected type, and where.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    message: String,
    at: Option<usize>,
    /// The path to the field, the innermost key first.
    keys: Vec<String>,
}

impl Problem {
    /// Returns where the wrong part begins, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.0.at.unwrap_or(0)
    }

    /// Returns what is wrong, without the source, which may contain a secret.
    pub(crate) fn explain(&self) -> String {
        let Parts { message, keys, .. } = &*self.0;
        let why = match keys.as_slice() {
            [] => message.clone(),
            keys => {
                let path: Vec<_> = keys.iter().rev().map(String::as_str).collect();
                format!("`{}`: {message}", path.join("."))
            }
        };
        match meant(message) {
            Some(name) => {
                let why = why.split(", expected ").next().unwrap_or_default();
                format!("{why}; did you mean `{name}`?")
            }
            None => why,
        }
    }

    /// Adds the position, unless that of an inner part is known.
    fn within(mut self, span: &Range<usize>) -> Self {
        self.0.at.get_or_insert(span.start);
        self
    }

    fn below(mut self, key: Cow<'_, str>) -> Self {
        self.0.keys.push(key.into_owned());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())
    }
}

impl std::error::Error for Problem {}

impl serde::de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Box::new(Parts {
            message: message.to_string(),
            at: None,
            keys: Vec::new(),
        }))
    }
}

/// Reads a document.
pub(crate) fn read<'de, T: Deserialize<'de>>(table: Spanned<DeTable<'de>>) -> Result<T, Problem> {
    let span = table.span();
    T::deserialize(Node {
        value: DeValue::Table(table.into_inner()),
        span,
    })
}

struct Node<'de> {
    value: DeValue<'de>,
    span: Range<usize>,
}

impl<'de> From<Spanned<DeValue<'de>>> for Node<'de> {
    fn from(value: Spanned<DeValue<'de>>) -> Self {
        let span = value.span();
        let value = value.into_inner();
        Self { value, span }
    }
}

impl<'de> Node<'de> {
    fn is_not(&self, expected: &dyn serde::de::Expected) -> Problem {
        let found = match &self.value {
            DeValue::String(text) => Unexpected::Str(text),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => Unexpected::Signed(number),
                None => Unexpected::Other("integer"),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Unexpected::Float(number),
                Err(_) => Unexpected::Other("floating-point number"),
            },
            DeValue::Boolean(value) => Unexpected::Bool(*value),
            DeValue::Datetime(_) => Unexpected::Other("date"),
            DeValue::Array(_) => Unexpected::Seq,
            DeValue::Table(_) => Unexpected::Map,
        };
        Problem::invalid_type(found, expected).within(&self.span)
    }

    /// Visits anything but a table or an array.
    fn scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Self { value, span } = self;
        let visited = match value {
            DeValue::String(DeString::Owned(text)) => visitor.visit_string(text),
            DeValue::String(DeString::Borrowed(text)) => visitor.visit_borrowed_str(text),
            DeValue::Integer(number) => match integer(&number) {
                Some(number) => visitor.visit_i64(number),
                None => Err(Problem::custom("the integer is too large")),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Problem::custom("the number can't be read")),
            },
            DeValue::Boolean(value) => visitor.visit_bool(value),
            value => return Err(Self { value, span }.is_not(&visitor)),
        };
        visited.map_err(|problem| problem.within(&span))
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Implements methods for types that are neither tables nor arrays.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.scalar(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Problem;

    scalars! {
        deserialize_bool deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            DeValue::Array(_) => self.deserialize_seq(visitor),
            DeValue::Table(_) => self.deserialize_map(visitor),
            // For a template, whose own message says what it accepts instead of a table.
            DeValue::Datetime(_) => {
                let value = DeValue::Table(DeTable::new());
                Node { value, ..self }.deserialize_map(visitor)
            }
            _ => self.scalar(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Self { value, span } = self;
        let DeValue::Table(table) = value else {
            return Err(Self { value, span }.is_not(&visitor));
        };
        let members = Members {
            rest: table.into_iter(),
            value: None,
        };
        let visited = visitor.visit_map(members);
        visited.map_err(|problem| problem.within(&span))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Self { value, span } = self;
        let DeValue::Array(items) = value else {
            return Err(Self { value, span }.is_not(&visitor));
        };
        let visited = visitor.visit_seq(Items(items.into_iter()));
        visited.map_err(|problem| problem.within(&span))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.scalar(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Self { value, span } = self;
        let DeValue::String(text) = value else {
            return Err(Self { value, span }.is_not(&visitor));
        };
        let visited = visitor.visit_enum(text.into_deserializer());
        visited.map_err(|problem: Problem| problem.within(&span))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }
}

/// The members of a table.
struct Members<'de> {
    rest: <DeTable<'de> as IntoIterator>::IntoIter,
    value: Option<(DeString<'de>, Node<'de>)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        let span = key.span();
        let key = key.into_inner();
        let read = seed.deserialize(key.clone().into_deserializer());
        self.value = Some((key, value.into()));
        match read {
            Ok(key) => Ok(Some(key)),
            Err(problem) => Err(Problem::within(problem, &span)),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((key, value)) = self.value.take() else {
            return Err(Problem::custom("a value without a key"));
        };
        let span = value.span.clone();
        let read = seed.deserialize(value);
        read.map_err(|problem| problem.within(&span).below(key))
    }
}

/// The items of an array.
struct Items<'de>(<toml::de::DeArray<'de> as IntoIterator>::IntoIter);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let item = self.0.next();
        item.map(|item| seed.deserialize(Node::from(item)))
            .transpose()
    }
}
