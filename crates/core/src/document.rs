//! Reads TOML field by field. Errors name the field and its line, and never contain a value.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::value::{self, StrDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// A value of a document, with its position.
pub(crate) struct Field<'t> {
    /// Its full name, such as `grants.jwt-bearer.client_auth`.
    pub(crate) path: String,
    pub(crate) value: DeValue<'t>,
    /// Its offset in the text, in bytes.
    at: usize,
}

/// The fields of a table, all of them known. Reading a field removes it.
pub(crate) struct Fields<'t> {
    table: DeTable<'t>,
    path: String,
    at: usize,
}

/// Why a document is rejected.
pub(crate) struct Rejection {
    pub(crate) message: String,
    /// The offset of the mistake, in bytes. 0 if it is about the whole document.
    pub(crate) at: usize,
}

/// Parses a document. Returns its top-level table, which has no name.
pub(crate) fn parse(text: &str) -> Result<Field<'_>, Rejection> {
    // The error's Display quotes the line, which may contain a secret. Its message doesn't.
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let message = match (error.message(), text.get(span.clone())) {
            // The span of this error is a key, never a value.
            ("duplicate key", Some(name)) => format!("duplicate key `{name}`"),
            (message, _) => message.to_owned(),
        };
        let at = span.start;
        Rejection { message, at }
    })?;
    Ok(Field {
        path: String::new(),
        value: DeValue::Table(table.into_inner()),
        at: 0,
    })
}

impl<'t> Field<'t> {
    fn new(path: String, value: Spanned<DeValue<'t>>) -> Self {
        Self {
            at: value.span().start,
            path,
            value: value.into_inner(),
        }
    }

    pub(crate) fn reject(&self, why: &str) -> Rejection {
        Rejection {
            message: format!("`{}` {why}", self.path),
            at: self.at,
        }
    }

    pub(crate) fn must_be(&self, what: &str) -> Rejection {
        self.reject(&format!("must be {what}, but is of type {}", self.kind()))
    }

    /// Returns the name of the value's type.
    pub(crate) fn kind(&self) -> &'static str {
        self.value.type_str()
    }

    pub(crate) fn text(self) -> Result<String, Rejection> {
        match self.value {
            DeValue::String(text) => Ok(text.into_owned()),
            _ => Err(self.must_be("text")),
        }
    }

    pub(crate) fn flag(self) -> Result<bool, Rejection> {
        let flag = self.value.as_bool();
        flag.ok_or_else(|| self.must_be("true or false"))
    }

    /// Reads a whole number that is not negative.
    pub(crate) fn count(self) -> Result<u32, Rejection> {
        let number = self.whole().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.must_be("a whole number from 0 to 4294967295"))
    }

    pub(crate) fn whole(&self) -> Option<i64> {
        let number = self.value.as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    /// Reads one of the words of a type.
    pub(crate) fn word<T: for<'w> Deserialize<'w>>(self) -> Result<T, Rejection> {
        let Some(word) = self.value.as_str() else {
            return Err(self.must_be("text"));
        };
        T::deserialize(StrDeserializer::<value::Error>::new(word))
            .map_err(|error| self.reject(&format!("cannot be {word:?}: {error}")))
    }

    /// Reads the items of an array.
    pub(crate) fn items(self) -> Result<impl Iterator<Item = Field<'t>>, Rejection> {
        match self.value {
            DeValue::Array(items) => Ok(items
                .into_iter()
                .map(move |item| Field::new(self.path.clone(), item))),
            _ => Err(self.must_be("an array")),
        }
    }

    /// Reads the entries of a table, by name.
    pub(crate) fn entries(self) -> Result<impl Iterator<Item = (String, Field<'t>)>, Rejection> {
        let Fields { table, path, .. } = self.table()?;
        Ok(table.into_iter().map(move |(name, value)| {
            let name = name.into_inner().into_owned();
            (name.clone(), Field::new(join(&path, &name), value))
        }))
    }

    /// Reads a table, and rejects fields that are not in `known`.
    pub(crate) fn fields(self, known: &[&str]) -> Result<Fields<'t>, Rejection> {
        let fields = self.table()?;
        for name in fields.table.keys() {
            let (at, name) = (name.span().start, name.get_ref());
            if !known.contains(&name.as_ref()) {
                let path = join(&fields.path, name);
                let meant = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("expected one of {}", known.join(", ")),
                };
                let message = format!("`{path}` is not known here; {meant}");
                return Err(Rejection { message, at });
            }
        }
        Ok(fields)
    }

    fn table(self) -> Result<Fields<'t>, Rejection> {
        match self.value {
            DeValue::Table(table) => Ok(Fields {
                table,
                path: self.path,
                at: self.at,
            }),
            _ => Err(self.must_be("a table")),
        }
    }
}

impl<'t> Fields<'t> {
    pub(crate) fn take(&mut self, name: &str) -> Option<Field<'t>> {
        let value = self.table.remove(name)?;
        Some(Field::new(join(&self.path, name), value))
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<Field<'t>, Rejection> {
        self.take(name).ok_or_else(|| self.missing(name))
    }

    /// Returns an error if the table doesn't have this field.
    pub(crate) fn present(&self, name: &str) -> Result<(), Rejection> {
        match self.table.contains_key(name) {
            true => Ok(()),
            false => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> Rejection {
        Rejection {
            message: format!("`{}` is missing", join(&self.path, name)),
            at: self.at,
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Rejection> {
        self.take(name).map(Field::text).transpose()
    }

    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u32>, Rejection> {
        self.take(name).map(Field::count).transpose()
    }

    pub(crate) fn word<T: for<'w> Deserialize<'w>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Rejection> {
        self.take(name).map(Field::word).transpose()
    }

    /// Reads a boolean, by default `default`.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> Result<bool, Rejection> {
        self.take(name).map_or(Ok(default), Field::flag)
    }

    /// Reads an array, by default an empty one.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        item: fn(Field<'t>) -> Result<T, Rejection>,
    ) -> Result<Vec<T>, Rejection> {
        match self.take(name) {
            Some(field) => field.items()?.map(item).collect(),
            None => Ok(Vec::new()),
        }
    }

    /// Reads a table by name, by default an empty one.
    pub(crate) fn named<T>(
        &mut self,
        name: &str,
        entry: fn(Field<'t>) -> Result<T, Rejection>,
    ) -> Result<BTreeMap<String, T>, Rejection> {
        let mut named = BTreeMap::new();
        if let Some(field) = self.take(name) {
            for (name, field) in field.entries()? {
                named.insert(name, entry(field)?);
            }
        }
        Ok(named)
    }
}

impl Rejection {
    /// Returns the line, counted from 1, or `None` if the mistake is about the whole document.
    pub(crate) fn line(&self, text: &str) -> Option<usize> {
        (self.at > 0).then(|| line(text, self.at))
    }
}

/// Returns the line of a byte, counted from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before.filter(|byte| **byte == b'\n').count() + 1
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}
