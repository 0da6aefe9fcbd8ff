//! A profile's TOML, of which fields can be taken away to find more than one mistake.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Mistake, ReadError, SAMPLES, read};
use crate::document;
use crate::profile::{Profile, TABLES};

/// A profile's TOML with its spans.
pub(super) struct Document<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

/// A part of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Key(String),
    Row(usize),
}

/// What to change so that the search goes on.
#[derive(Debug)]
pub(super) enum Repair {
    /// Take this field away. If it is required, a sample takes its place.
    Remove(Vec<Step>),
    /// Add a sample of the field to this table.
    Add(Vec<Step>, String),
}

/// A field: its path without rows, as messages have it; its path; and where its key and value are.
struct Entry {
    name: String,
    path: Vec<Step>,
    key: Range<usize>,
    value: Range<usize>,
}

impl Repair {
    /// Returns the name of the field, as messages have it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Remove(path) => joined(path),
            Self::Add(path, name) => match joined(path) {
                table if table.is_empty() => name.clone(),
                table => format!("{table}.{name}"),
            },
        }
    }
}

impl<'a> Document<'a> {
    /// Parses the text, or returns its mistakes of syntax.
    pub(super) fn parse(text: &'a str) -> Result<Self, Vec<Mistake>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { text, table });
        }
        let mistakes = errors.into_iter().map(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let message = document::explain(text, &error);
            let fix = match message.strip_prefix("duplicate key ") {
                Some(key) => format!("keep only one {key}"),
                None => "correct the syntax (https://toml.io); texts are in quotes".to_owned(),
            };
            Mistake {
                line: document::line(text, at),
                is_error: true,
                message,
                fix,
            }
        });
        Err(mistakes.collect())
    }

    /// Reads the profile.
    pub(super) fn read(&self) -> Result<Profile, ReadError> {
        let profile = document::only_tables(self.table.get_ref(), TABLES).and_then(|()| {
            let read = document::read(self.table.clone());
            read.map_err(|problem| (problem.at(), problem.explain()))
        });
        read(profile)
    }

    /// Returns the line of an error, and what to change to go on.
    pub(super) fn locate(&self, error: &ReadError) -> (usize, Option<Repair>) {
        let entries = self.entries();
        if let Some((table, name)) = error.missing() {
            let lacks = |entry: &&Entry| {
                entry.name == table
                    && !entries.iter().any(|other| {
                        other.path.len() == entry.path.len() + 1
                            && other.path.starts_with(&entry.path)
                            && other.path.last() == Some(&Step::Key(name.to_owned()))
                    })
            };
            let rows = entries.iter().filter(|entry| {
                table != "errors" || matches!(entry.path.last(), Some(Step::Row(_)))
            });
            let (at, path) = match rows.into_iter().find(lacks) {
                Some(entry) => (self.start(entry, &entries), entry.path.clone()),
                None => (0, Vec::new()),
            };
            return (self.line(at), Some(Repair::Add(path, name.to_owned())));
        }
        if let Some(at) = error.at {
            // The innermost field that contains it.
            let around = entries.iter().filter(|entry| {
                entry.key.contains(&at) || entry.value.contains(&at) || entry.value.start == at
            });
            let innermost = around.max_by_key(|entry| entry.path.len());
            return (
                self.line(at),
                innermost.map(|entry| Repair::Remove(entry.path.clone())),
            );
        }
        // The first field of the message that is there, or else the table that lacks it.
        let named = error
            .fields()
            .find_map(|field| entries.iter().find(|it| it.name == field));
        if let Some(entry) = named {
            return (
                self.line(self.start(entry, &entries)),
                Some(Repair::Remove(entry.path.clone())),
            );
        }
        let Some(field) = error.fields().next() else {
            return (1, None);
        };
        let around = entries.iter().filter(|entry| {
            field
                .strip_prefix(entry.name.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        });
        let table = around.max_by_key(|entry| entry.path.len());
        let at = table.map_or(0, |entry| self.start(entry, &entries));
        let (path, name) = match table {
            Some(entry) => (entry.path.clone(), &field[entry.name.len() + 1..]),
            None => match field.split_once('.') {
                Some((table, name)) => (vec![Step::Key(table.to_owned())], name),
                None => (Vec::new(), field),
            },
        };
        (self.line(at), Some(Repair::Add(path, name.to_owned())))
    }

    /// Changes the document. Returns whether it could.
    pub(super) fn repair(&mut self, repair: &Repair) -> bool {
        match repair {
            Repair::Remove(path) => self.remove(path),
            Repair::Add(path, name) => self.add(path, name),
        }
    }

    /// Returns the line of a field, if it is there.
    pub(super) fn line_of(&self, name: &str, row: Option<usize>) -> usize {
        let entries = self.entries();
        let of_row = |entry: &&Entry| row.is_none_or(|row| entry.path.contains(&Step::Row(row)));
        let found = entries
            .iter()
            .filter(of_row)
            .find(|entry| entry.name == name);
        found.map_or(1, |entry| self.line(self.start(entry, &entries)))
    }

    fn line(&self, at: usize) -> usize {
        document::line(self.text, at)
    }

    /// Returns where a field begins: its key, or the first field of a row.
    fn start(&self, entry: &Entry, entries: &[Entry]) -> usize {
        let inside = entries
            .iter()
            .filter(|other| other.path.starts_with(&entry.path));
        let first = inside
            .map(|other| other.key.start)
            .filter(|at| *at > 0)
            .min();
        match entry.path.last() {
            Some(Step::Key(_)) if entry.key.start > 0 || entry.key.end > 0 => entry.key.start,
            _ => first.unwrap_or(entry.value.start),
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        of_table(self.table.get_ref(), &mut Vec::new(), &mut entries);
        entries
    }

    fn remove(&mut self, path: &[Step]) -> bool {
        // An item of an array goes with its array, and a row of a table with its table.
        let keys = path.iter().rposition(|step| matches!(step, Step::Key(_)));
        let Some(last) = keys else { return false };
        let Step::Key(key) = &path[last] else {
            return false;
        };
        let Some(table) = table_at(self.table.get_mut(), &path[..last]) else {
            return false;
        };
        let Some(found) = table
            .keys()
            .find(|known| known.get_ref() == key.as_str())
            .cloned()
        else {
            return false;
        };
        table.remove(&found);
        if is_required(&path[..last], key) {
            return self.add(&path[..last], key);
        }
        true
    }

    fn add(&mut self, path: &[Step], name: &str) -> bool {
        // A table that isn't there has a sample of its own.
        if table_at(self.table.get_mut(), path).is_none() {
            return match path {
                [Step::Key(table)] => self.add(&[], table),
                _ => false,
            };
        }
        let Some((_, sample)) = SAMPLES.iter().find(|(known, _)| *known == name) else {
            return false;
        };
        let (Ok(sample), Some(table)) =
            (DeTable::parse(sample), table_at(self.table.get_mut(), path))
        else {
            return false;
        };
        for (key, value) in sample.into_inner() {
            if table.contains_key(&key) {
                return false;
            }
            table.insert(key, value);
        }
        true
    }
}

fn is_required(table: &[Step], key: &str) -> bool {
    let table = joined(table);
    let path = if table.is_empty() {
        key.to_owned()
    } else {
        format!("{table}.{key}")
    };
    super::field(&path).is_some_and(|field| field.required)
        || crate::profile::fields::TABLES.contains(&path.as_str())
}

fn joined(path: &[Step]) -> String {
    let keys = path.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Row(_) => None,
    });
    keys.collect::<Vec<_>>().join(".")
}

fn of_table(table: &DeTable<'_>, path: &mut Vec<Step>, entries: &mut Vec<Entry>) {
    for (key, value) in table {
        path.push(Step::Key(key.get_ref().to_string()));
        of_value(key.span(), value, path, entries);
        path.pop();
    }
}

fn of_value(
    key: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    path: &mut Vec<Step>,
    entries: &mut Vec<Entry>,
) {
    entries.push(Entry {
        name: joined(path),
        path: path.clone(),
        key,
        value: value.span(),
    });
    match value.get_ref() {
        DeValue::Table(table) => of_table(table, path, entries),
        DeValue::Array(items) => {
            for (row, item) in items.iter().enumerate() {
                if matches!(item.get_ref(), DeValue::Table(_)) {
                    path.push(Step::Row(row));
                    of_value(0..0, item, path, entries);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}

fn table_at<'a, 'b>(table: &'b mut DeTable<'a>, path: &[Step]) -> Option<&'b mut DeTable<'a>> {
    let mut table = table;
    let mut steps = path.iter();
    while let Some(step) = steps.next() {
        let Step::Key(key) = step else { return None };
        let (_, value) = table
            .iter_mut()
            .find(|(known, _)| known.get_ref() == key.as_str())?;
        let mut value = value.get_mut();
        if let DeValue::Array(rows) = value {
            let Some(Step::Row(row)) = steps.next() else {
                return None;
            };
            value = rows.get_mut(*row)?.get_mut();
        }
        table = match value {
            DeValue::Table(inner) => inner,
            _ => return None,
        };
    }
    Some(table)
}
