//! A `tokenizer.json` in parts that take little room: a vocabulary of 250,000 tokens and its merges are 150 MB as JSON values
//! and 15 MB as here. Not here: what the parts mean.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// A merge: ids of the left token, the right one, and both together.
pub(in super::super) type Merge = (u32, u32, u32);

/// The parts of a tokenizer.
#[derive(Debug, Default)]
pub(in super::super) struct Parts {
    /// Everything but `model.vocab` and `model.merges`.
    pub frame: Value,
    /// The vocabulary; none where `model.vocab` is neither a table nor a list.
    pub vocabulary: Option<Vocabulary>,
    /// The merges, or what is wrong with them; none where `model.merges` is no list.
    pub merges: Option<Result<Vec<Merge>, String>>,
}

impl Parts {
    /// Reads the text of a JSON object; none where it has no `model`.
    ///
    /// # Errors
    /// The message of the JSON parser.
    pub(in super::super) fn read(json: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        let mut parts: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(json)?;
        let Some(model) = parts.remove("model") else {
            return Ok(None);
        };
        let mut read = Self {
            frame: values(parts)?,
            ..Self::default()
        };
        if !model.get().starts_with('{') {
            read.frame["model"] = serde_json::from_str(model.get())?;
            return Ok(Some(read));
        }
        let mut model: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(model.get())?;
        if let Some(vocabulary) = model.remove("vocab") {
            let found: Option<Vocabulary> = serde_json::from_str(vocabulary.get())?;
            read.vocabulary = found;
        }
        if let Some(merges) = model.remove("merges")
            && merges.get().starts_with('[')
        {
            let reader = MergesReader(read.vocabulary.as_ref());
            read.merges =
                Some((&mut serde_json::Deserializer::from_str(merges.get())).deserialize_seq(reader)?);
        }
        read.frame["model"] = values(model)?;
        Ok(Some(read))
    }

    /// The parts of a value.
    ///
    /// # Errors
    /// None that a value could cause.
    pub(in super::super) fn of(json: &Value) -> Result<Self, serde_json::Error> {
        let mut frame = serde_json::Map::new();
        for (key, value) in json
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| *key != "model")
        {
            frame.insert(key.clone(), value.clone());
        }
        let Some(model) = json["model"].as_object() else {
            frame.insert("model".to_owned(), json["model"].clone());
            return Ok(Self {
                frame: frame.into(),
                ..Self::default()
            });
        };
        let others = model
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "vocab" | "merges"));
        let others: serde_json::Map<String, Value> =
            others.map(|(key, value)| (key.clone(), value.clone())).collect();
        frame.insert("model".to_owned(), others.into());
        let vocabulary = Option::<Vocabulary>::deserialize(&json["model"]["vocab"])?;
        let merges = match &json["model"]["merges"] {
            merges @ Value::Array(_) => Some(merges.deserialize_seq(MergesReader(vocabulary.as_ref()))?),
            _ => None,
        };
        Ok(Self {
            frame: frame.into(),
            vocabulary,
            merges,
        })
    }
}

fn values(parts: BTreeMap<Cow<'_, str>, &RawValue>) -> Result<Value, serde_json::Error> {
    let values = parts
        .into_iter()
        .map(|(key, value)| Ok((key.into_owned(), serde_json::from_str(value.get())?)));
    values
        .collect::<Result<serde_json::Map<String, Value>, serde_json::Error>>()
        .map(Value::Object)
}

/// Tokens and their ids. Memory: 12 to 20 bytes a token beside its text.
#[derive(Debug, Default)]
pub(in super::super) struct Vocabulary {
    /// All tokens, one after the other.
    text: String,
    /// Where each ends, and its id.
    tokens: Vec<(u32, u32)>,
    /// Numbers of tokens and 1, by hash; 0 where there is none.
    slots: Vec<u32>,
    /// Whether it was written as a table of tokens and ids, not as a list.
    pub is_table: bool,
}

impl Vocabulary {
    /// The id of a token.
    pub(in super::super) fn get(&self, token: &str) -> Option<u32> {
        let slot = self.slot_of(token)?;
        let number = self.slots[slot].checked_sub(1)?;
        Some(self.tokens[number as usize].1)
    }

    /// Tokens and ids, in the order of the file.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.tokens
            .iter()
            .enumerate()
            .map(|(number, &(_, id))| (self.token(number), id))
    }

    fn token(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.tokens[before].0);
        &self.text[start as usize..self.tokens[number].0 as usize]
    }

    /// The slot that holds a token, or would; none where there are no slots.
    fn slot_of(&self, token: &str) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = xxhash_rust::xxh3::xxh3_64(token.as_bytes()) as usize & mask;
        while let Some(number) = self.slots[slot].checked_sub(1)
            && self.token(number as usize) != token
        {
            slot = (slot + 1) & mask;
        }
        Some(slot)
    }

    /// Adds a token; of one that stands twice the last id counts. False where its text has no room.
    fn insert(&mut self, token: &str, id: u32) -> bool {
        if self.tokens.len() * 2 >= self.slots.len() {
            self.slots = vec![0; (self.slots.len() * 2).max(1 << 10)];
            for number in 0..self.tokens.len() {
                if let Some(slot) = self.slot_of(self.token(number)) {
                    self.slots[slot] = number as u32 + 1;
                }
            }
        }
        let Some(slot) = self.slot_of(token) else {
            return false;
        };
        if let Some(number) = self.slots[slot].checked_sub(1) {
            self.tokens[number as usize].1 = id;
            return true;
        }
        let Ok(end) = u32::try_from(self.text.len() + token.len()) else {
            return false;
        };
        self.text.push_str(token);
        self.tokens.push((end, id));
        self.slots[slot] = self.tokens.len() as u32;
        true
    }
}

/// A string that is borrowed where the text has no escapes.
#[derive(serde::Deserialize)]
struct Text<'j>(#[serde(borrow)] Cow<'j, str>);

impl<'j> Deserialize<'j> for Vocabulary {
    fn deserialize<D: Deserializer<'j>>(json: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'j> Visitor<'j> for Reader {
            type Value = Vocabulary;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table of tokens and ids, or a list of tokens")
            }

            fn visit_map<A: MapAccess<'j>>(self, mut entries: A) -> Result<Vocabulary, A::Error> {
                let mut vocabulary = Vocabulary {
                    is_table: true,
                    ..Vocabulary::default()
                };
                while let Some((Text(token), id)) = entries.next_entry::<Text<'j>, Value>()? {
                    // Ids of other kinds stand for no token.
                    if let Some(id) = id.as_u64().and_then(|id| u32::try_from(id).ok())
                        && !vocabulary.insert(&token, id)
                    {
                        return Err(A::Error::custom(TOO_LONG));
                    }
                }
                Ok(vocabulary)
            }

            fn visit_seq<A: SeqAccess<'j>>(self, mut pieces: A) -> Result<Vocabulary, A::Error> {
                let (mut vocabulary, mut id) = (Vocabulary::default(), 0);
                while let Some(piece) = pieces.next_element::<Value>()? {
                    if let Some(token) = piece[0].as_str()
                        && !vocabulary.insert(token, id)
                    {
                        return Err(A::Error::custom(TOO_LONG));
                    }
                    id += 1;
                }
                Ok(vocabulary)
            }
        }
        json.deserialize_any(Reader)
    }
}

const TOO_LONG: &str = "the vocabulary is longer than 4 GB";

/// Reads a list of merges, each of which is two tokens in a list or apart by a space.
struct MergesReader<'v>(Option<&'v Vocabulary>);

/// One merge as it is written.
enum Written<'j> {
    Pair(Cow<'j, str>, Cow<'j, str>),
    Neither,
}

impl<'j> Deserialize<'j> for Written<'j> {
    fn deserialize<D: Deserializer<'j>>(json: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'j> Visitor<'j> for Reader {
            type Value = Written<'j>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("two tokens")
            }

            fn visit_borrowed_str<E>(self, pair: &'j str) -> Result<Written<'j>, E> {
                Ok(pair.split_once(' ').map_or(Written::Neither, |(left, right)| {
                    Written::Pair(Cow::Borrowed(left), Cow::Borrowed(right))
                }))
            }

            fn visit_str<E>(self, pair: &str) -> Result<Written<'j>, E> {
                Ok(pair.split_once(' ').map_or(Written::Neither, |(left, right)| {
                    Written::Pair(Cow::Owned(left.to_owned()), Cow::Owned(right.to_owned()))
                }))
            }

            fn visit_seq<A: SeqAccess<'j>>(self, mut pair: A) -> Result<Written<'j>, A::Error> {
                let left = pair.next_element::<Text<'j>>()?;
                let right = pair.next_element::<Text<'j>>()?;
                while pair.next_element::<IgnoredAny>()?.is_some() {}
                Ok(match (left, right) {
                    (Some(Text(left)), Some(Text(right))) => Written::Pair(left, right),
                    _ => Written::Neither,
                })
            }
        }
        json.deserialize_any(Reader)
    }
}

impl<'j> Visitor<'j> for MergesReader<'_> {
    type Value = Result<Vec<Merge>, String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of merges")
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut merges, mut wrong) = (Vec::new(), None);
        let mut joined = String::new();
        let id = |token: &str| {
            let found = self.0.and_then(|vocabulary| vocabulary.get(token));
            found.ok_or_else(|| format!("`{token}` of a merge is no token"))
        };
        while let Some(written) = list.next_element::<Written<'j>>()? {
            let Written::Pair(left, right) = written else {
                wrong.get_or_insert_with(|| "a merge is no pair".to_owned());
                continue;
            };
            joined.clear();
            joined.push_str(&left);
            joined.push_str(&right);
            let merge = id(&left).and_then(|left| Ok((left, id(&right)?, id(&joined)?)));
            match merge {
                Ok(merge) => merges.push(merge),
                Err(reason) => {
                    wrong.get_or_insert(reason);
                }
            }
        }
        Ok(wrong.map_or(Ok(merges), Err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_and_value_have_the_same_parts() {
        let with = |model: Value| json!({"version": "1.0", "added_tokens": [{"id": 9}], "model": model});
        for model in [
            json!({"type": "BPE", "vocab": {"a": 1, "b\n": 2, "ab\n": 3, "x": null}, "merges": [["a", "b\n"], "a b\n"]}),
            json!({"vocab": {"a": 1}, "merges": ["ab"]}),
            json!({"vocab": {"a": 1}, "merges": ["a b", "ab"]}),
            json!({"vocab": [["a", -1.5], ["b", 0.0], [3, 1]], "merges": null}),
            json!({"vocab": null}),
            json!({}),
            json!(3),
        ] {
            let json = with(model);
            let read = Parts::read(json.to_string().as_bytes()).unwrap().unwrap();
            let of = Parts::of(&json).unwrap();
            assert_eq!(read.frame, of.frame);
            assert_eq!(read.merges, of.merges);
            let entries = |parts: &Parts| -> Option<Vec<(String, u32)>> {
                let vocabulary = parts.vocabulary.as_ref()?;
                let mut entries: Vec<_> = vocabulary
                    .iter()
                    .map(|(token, id)| (token.to_owned(), id))
                    .collect();
                entries.sort_unstable();
                Some(entries)
            };
            assert_eq!(entries(&read), entries(&of), "{json}");
            if let Some(vocabulary) = &read.vocabulary {
                assert!(
                    vocabulary
                        .iter()
                        .all(|(token, id)| vocabulary.get(token) == Some(id))
                );
                assert_eq!(vocabulary.get("none"), None);
            }
        }
        let read = Parts::read(
            br#"{"model": {"merges": ["b c", "a b"], "vocab": {"a": 0, "b": 4, "a": 7, "ab": 5}}}"#,
        );
        let read = read.unwrap().unwrap();
        assert_eq!(read.vocabulary.unwrap().get("a"), Some(7));
        assert_eq!(read.merges, Some(Err("`c` of a merge is no token".to_owned())));
        assert!(Parts::read(b"{}").unwrap().is_none());
        assert!(Parts::read(b"{\"model\": {").is_err());
    }

    #[test]
    fn many_tokens_are_found_again() {
        let mut vocabulary = Vocabulary::default();
        assert_eq!(vocabulary.get(""), None);
        for id in 0..5000 {
            assert!(vocabulary.insert(&format!("t{id}"), id));
        }
        assert!(vocabulary.insert("", 7000) && vocabulary.insert("t17", 6000));
        let found = (0..5000)
            .filter(|id| vocabulary.get(&format!("t{id}")) == Some(*id))
            .count();
        assert_eq!(
            (found, vocabulary.get("t17"), vocabulary.get("")),
            (4999, Some(6000), Some(7000))
        );
        assert_eq!(vocabulary.iter().count(), 5001);
    }
}
