//! One line of JSON, taken apart without copying what is not kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::RecordFault;
use super::json::lone_surrogate;

/// The fields of a record. A key that comes twice counts once, with its last value, as in most JSON readers.
#[derive(Default)]
pub(super) struct Fields<'line> {
    pub(super) text: TextField,
    pub(super) id: Option<&'line str>,
    /// All other fields, in order.
    pub(super) others: Vec<(Cow<'line, str>, &'line str)>,
}

/// What was found under the text field's name.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextField {
    #[default]
    Missing,
    Null,
    /// The kind of value that stands there.
    NotAString(&'static str),
    /// The text is in the buffer.
    Read,
}

/// Names of the fields that do not go to the metadata.
#[derive(Clone, Copy)]
pub(super) struct FieldNames<'names> {
    pub(super) text: Option<&'names str>,
    pub(super) id: Option<&'names str>,
}

/// Parses `line` and appends its text to `text`, which the caller cuts back after a fault.
pub(super) fn parse<'line>(
    line: &'line str,
    names: FieldNames<'_>,
    text: &mut String,
) -> Result<Fields<'line>, (RecordFault, String)> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let seed = RecordSeed { names, text };
    let parsed = seed
        .deserialize(&mut deserializer)
        .and_then(|fields| deserializer.end().map(|()| fields));
    match parsed {
        Ok(Some(mut fields)) => {
            keep_last(&mut fields.others);
            Ok(fields)
        }
        Ok(None) => Err((
            RecordFault::NotAnObject,
            "the line is JSON but not an object".to_owned(),
        )),
        Err(error) => Err(fault_of(line, &error)),
    }
}

fn fault_of(line: &str, error: &serde_json::Error) -> (RecordFault, String) {
    let message = error.to_string();
    // serde_json words a missing partner in two ways; the text itself says it surely.
    match lone_surrogate(line) {
        Some(position) if position < error.column() && message.contains("hex escape") => {
            let escape = line.get(position..position + 6).unwrap_or_default();
            let detail = format!("`{escape}` at byte {position} is half of a surrogate pair");
            (RecordFault::LoneSurrogate, detail)
        }
        _ => (RecordFault::InvalidJson, message),
    }
}

fn keep_last(others: &mut Vec<(Cow<'_, str>, &str)>) {
    let mut order: Vec<usize> = (0..others.len()).collect();
    order.sort_by(|&one, &other| others[one].0.cmp(&others[other].0));
    let mut superseded: Vec<usize> = order
        .windows(2)
        .filter(|pair| others[pair[0]].0 == others[pair[1]].0)
        .map(|pair| pair[0])
        .collect();
    if superseded.is_empty() {
        return;
    }
    superseded.sort_unstable();
    let mut index = 0;
    others.retain(|_| {
        let is_kept = superseded.binary_search(&index).is_err();
        index += 1;
        is_kept
    });
}

struct RecordSeed<'names, 'text> {
    names: FieldNames<'names>,
    text: &'text mut String,
}

impl<'line> DeserializeSeed<'line> for RecordSeed<'_, '_> {
    type Value = Option<Fields<'line>>;

    fn deserialize<D: Deserializer<'line>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'line> Visitor<'line> for RecordSeed<'_, '_> {
    type Value = Option<Fields<'line>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'line>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        let text_start = self.text.len();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if Some(key.as_ref()) == self.names.text {
                self.text.truncate(text_start);
                fields.text = map.next_value_seed(TextSeed { text: self.text })?;
            } else if Some(key.as_ref()) == self.names.id {
                fields.id = Some(map.next_value::<&'line RawValue>()?.get());
            } else {
                fields
                    .others
                    .push((key, map.next_value::<&'line RawValue>()?.get()));
            }
        }
        Ok(Some(fields))
    }

    fn visit_seq<A: SeqAccess<'line>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Reads a key, borrowed where it holds no escape.
struct KeySeed;

impl<'line> DeserializeSeed<'line> for KeySeed {
    type Value = Cow<'line, str>;

    fn deserialize<D: Deserializer<'line>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'line> Visitor<'line> for KeySeed {
    type Value = Cow<'line, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'line str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Appends the text to the batch's buffer, or tells what stands there instead.
struct TextSeed<'text> {
    text: &'text mut String,
}

impl<'line> DeserializeSeed<'line> for TextSeed<'_> {
    type Value = TextField;

    fn deserialize<D: Deserializer<'line>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'line> Visitor<'line> for TextSeed<'_> {
    type Value = TextField;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.text.push_str(text);
        Ok(TextField::Read)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(TextField::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(TextField::NotAString("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(TextField::NotAString("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(TextField::NotAString("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(TextField::NotAString("a number"))
    }

    fn visit_seq<A: SeqAccess<'line>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(TextField::NotAString("a list"))
    }

    fn visit_map<A: MapAccess<'line>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(TextField::NotAString("an object"))
    }
}
