//! TOML texts, read field by field: a refusal names the field and its line, and never repeats a value.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::value::{self, StrDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// A value of a document, and where it stands.
pub(crate) struct Field<'t> {
    /// Its name from the top, such as `grants.jwt-bearer.client_auth`.
    pub(crate) path: String,
    pub(crate) value: DeValue<'t>,
    /// Where it begins in the text, in bytes.
    at: usize,
}

/// The fields of a table that has only some known ones; each is taken out as it is read.
pub(crate) struct Fields<'t> {
    table: DeTable<'t>,
    path: String,
    at: usize,
}

/// Why a document is refused.
pub(crate) struct Refusal {
    pub(crate) message: String,
    /// Where, in bytes; 0 where the document as a whole is to blame.
    pub(crate) at: usize,
}

/// The top of a document, which is a table without a name.
pub(crate) fn parse(text: &str) -> Result<Field<'_>, Refusal> {
    // The error's Display quotes the line, and with it perhaps a secret; its message does not.
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let message = match (error.message(), text.get(span.clone())) {
            // There it is a key's name and never a value.
            ("duplicate key", Some(name)) => format!("duplicate key `{name}`"),
            (message, _) => message.to_owned(),
        };
        let at = span.start;
        Refusal { message, at }
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

    pub(crate) fn refuse(&self, why: &str) -> Refusal {
        Refusal {
            message: format!("`{}` {why}", self.path),
            at: self.at,
        }
    }

    pub(crate) fn must_be(&self, what: &str) -> Refusal {
        self.refuse(&format!("must be {what}, and is of type {}", self.kind()))
    }

    /// The word for what the value is.
    pub(crate) fn kind(&self) -> &'static str {
        self.value.type_str()
    }

    pub(crate) fn text(self) -> Result<String, Refusal> {
        match self.value {
            DeValue::String(text) => Ok(text.into_owned()),
            _ => Err(self.must_be("text")),
        }
    }

    pub(crate) fn flag(self) -> Result<bool, Refusal> {
        let flag = self.value.as_bool();
        flag.ok_or_else(|| self.must_be("true or false"))
    }

    /// A whole number that is not negative.
    pub(crate) fn count(self) -> Result<u32, Refusal> {
        let number = self.whole().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.must_be("a whole number from 0 to 4294967295"))
    }

    pub(crate) fn whole(&self) -> Option<i64> {
        let number = self.value.as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    /// One of the words that a type knows.
    pub(crate) fn word<T: for<'w> Deserialize<'w>>(self) -> Result<T, Refusal> {
        let Some(word) = self.value.as_str() else {
            return Err(self.must_be("text"));
        };
        T::deserialize(StrDeserializer::<value::Error>::new(word))
            .map_err(|error| self.refuse(&format!("cannot be {word:?}: {error}")))
    }

    /// The items of an array.
    pub(crate) fn items(self) -> Result<impl Iterator<Item = Field<'t>>, Refusal> {
        match self.value {
            DeValue::Array(items) => Ok(items
                .into_iter()
                .map(move |item| Field::new(self.path.clone(), item))),
            _ => Err(self.must_be("an array")),
        }
    }

    /// The entries of a table, by name.
    pub(crate) fn entries(self) -> Result<impl Iterator<Item = (String, Field<'t>)>, Refusal> {
        let Fields { table, path, .. } = self.table()?;
        Ok(table.into_iter().map(move |(name, value)| {
            let name = name.into_inner().into_owned();
            (name.clone(), Field::new(join(&path, &name), value))
        }))
    }

    /// A table whose fields are these; another is refused.
    pub(crate) fn fields(self, known: &[&str]) -> Result<Fields<'t>, Refusal> {
        let fields = self.table()?;
        for name in fields.table.keys() {
            let (at, name) = (name.span().start, name.get_ref());
            if !known.contains(&name.as_ref()) {
                let path = join(&fields.path, name);
                let meant = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                let message = format!("`{path}` is not known here; {meant}");
                return Err(Refusal { message, at });
            }
        }
        Ok(fields)
    }

    fn table(self) -> Result<Fields<'t>, Refusal> {
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

    pub(crate) fn required(&mut self, name: &str) -> Result<Field<'t>, Refusal> {
        self.take(name).ok_or_else(|| self.missing(name))
    }

    /// Refuses the table where this field is not in it.
    pub(crate) fn present(&self, name: &str) -> Result<(), Refusal> {
        match self.table.contains_key(name) {
            true => Ok(()),
            false => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> Refusal {
        Refusal {
            message: format!("`{}` is missing", join(&self.path, name)),
            at: self.at,
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        self.take(name).map(Field::text).transpose()
    }

    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u32>, Refusal> {
        self.take(name).map(Field::count).transpose()
    }

    pub(crate) fn word<T: for<'w> Deserialize<'w>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Refusal> {
        self.take(name).map(Field::word).transpose()
    }

    /// A truth value, which is `usual` where it is not there.
    pub(crate) fn flag(&mut self, name: &str, usual: bool) -> Result<bool, Refusal> {
        self.take(name).map_or(Ok(usual), Field::flag)
    }

    /// An array, which is empty where it is not there.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        item: fn(Field<'t>) -> Result<T, Refusal>,
    ) -> Result<Vec<T>, Refusal> {
        match self.take(name) {
            Some(field) => field.items()?.map(item).collect(),
            None => Ok(Vec::new()),
        }
    }

    /// A table by names, which is empty where it is not there.
    pub(crate) fn named<T>(
        &mut self,
        name: &str,
        entry: fn(Field<'t>) -> Result<T, Refusal>,
    ) -> Result<BTreeMap<String, T>, Refusal> {
        let mut named = BTreeMap::new();
        if let Some(field) = self.take(name) {
            for (name, field) in field.entries()? {
                named.insert(name, entry(field)?);
            }
        }
        Ok(named)
    }
}

impl Refusal {
    /// The line of the text, counted from 1; none where the whole document is to blame.
    pub(crate) fn line(&self, text: &str) -> Option<usize> {
        (self.at > 0).then(|| line(text, self.at))
    }
}

/// The line of a byte, counted from 1.
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
