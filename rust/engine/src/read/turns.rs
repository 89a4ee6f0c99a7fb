//! Records with turns: conversations, and instructions with their responses.
//!
//! Whatever the record's own layout, its turns become one JSON object, `{"messages": [...], "tools": [...]}`, as chat
//! templates want it: a message has `role`, then its other fields in the record's order, those that are null left out.
//! `tools` is there only where the record has any. The document's text, which rules and dedup see, is what was said:
//! the content of every turn and the calls of tools as JSON, in order, an empty line between them; no roles.
//!
//! Two layouts: a list of messages (`{"role", "content", ...}`, or `{"from", "value"}` as ShareGPT has it), and fields
//! for prompt, input, response and system (alpaca). A record that is no conversation to learn from is refused with what
//! is wrong: without an assistant's turn, with an empty one, with a role that no template knows.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::RecordFault;
use super::json::{push_compact, push_string};
use super::record::{FieldNames, Fields, TextField, parse};

/// Stands between the pieces of a document's text.
const BETWEEN: &str = "\n\n";

/// Roles that a message may have.
const ROLES: [&str; 7] = [
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
    "ipython",
];

/// What is wrong with a record: as a code, and in words.
type Fault = (RecordFault, String);

/// Where the turns of a record are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum TurnsSpec {
    /// A list of messages.
    Messages {
        /// Field that holds it: a list, or a string that holds one as JSON.
        field: String,
        /// Field that holds descriptions of tools, where a record has any.
        tools: String,
    },
    /// Fields of their own.
    Instruction {
        /// Field of the question.
        prompt: String,
        /// Field of what belongs to the question, which may be absent or empty.
        input: Option<String>,
        /// Field of the answer.
        response: String,
        /// Field of the system's turn, which may be absent or empty.
        system: Option<String>,
    },
}

impl TurnsSpec {
    /// Fields that a file must have.
    pub fn required(&self) -> Vec<&str> {
        match self {
            Self::Messages { field, .. } => vec![field],
            Self::Instruction { prompt, response, .. } => vec![prompt, response],
        }
    }

    /// Every field that may be read.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Self::Messages { field, tools } => vec![field, tools],
            Self::Instruction {
                prompt,
                input,
                response,
                system,
            } => [Some(prompt), input.as_ref(), Some(response), system.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect(),
        }
    }

    /// Appends the text of a record to `text`, and puts its turns into `turns`. `value_of` gives the JSON of a field.
    pub(super) fn collect<'json>(
        &self,
        value_of: impl Fn(&str) -> Option<&'json str>,
        text: &mut String,
        turns: &mut String,
    ) -> Result<(), Fault> {
        let value_of = |name: &str| value_of(name).filter(|&json| json != "null");
        let mut writer = Writer {
            text_start: text.len(),
            text,
            turns,
            num_messages: 0,
            num_assistant: 0,
        };
        writer.turns.clear();
        writer.turns.push_str("{\"messages\":[");
        match self {
            Self::Messages { field, tools } => {
                let json = value_of(field).ok_or_else(|| {
                    (
                        RecordFault::NoTurns,
                        format!("there is no field `{field}`, or it is null"),
                    )
                })?;
                writer.messages(field, &unquoted(json)?)?;
                writer.check(field)?;
                writer.turns.push(']');
                if let Some(json) = value_of(tools) {
                    writer.tools(tools, &unquoted(json)?)?;
                }
            }
            Self::Instruction {
                prompt,
                input,
                response,
                system,
            } => {
                let string = |name: &String| match value_of(name) {
                    None => Ok(String::new()),
                    Some(json) if json.starts_with('"') => decoded(json),
                    Some(_) => Err((RecordFault::BadTurn, format!("`{name}` is not a string"))),
                };
                if let Some(system) = system {
                    let system = string(system)?;
                    if !system.is_empty() {
                        writer.plain("system", &system);
                    }
                }
                let mut question = string(prompt)?;
                let more = input.as_ref().map(string).transpose()?.unwrap_or_default();
                if !more.is_empty() {
                    if !question.is_empty() {
                        question.push_str(BETWEEN);
                    }
                    question.push_str(&more);
                }
                if question.is_empty() {
                    return Err((RecordFault::NoTurns, format!("`{prompt}` is empty or missing")));
                }
                writer.plain("user", &question);
                let answer = string(response)?;
                if answer.trim().is_empty() {
                    let detail = format!("`{response}` is empty or missing");
                    return Err((RecordFault::EmptyAssistantTurn, detail));
                }
                writer.plain("assistant", &answer);
                writer.turns.push(']');
            }
        }
        writer.turns.push('}');
        Ok(())
    }
}

/// The content of a JSON string, if it is one, else the value itself.
fn unquoted(json: &str) -> Result<Cow<'_, str>, Fault> {
    match json.starts_with('"') {
        true => decoded(json).map(Cow::Owned),
        false => Ok(Cow::Borrowed(json)),
    }
}

fn decoded(json: &str) -> Result<String, Fault> {
    serde_json::from_str(json)
        .map_err(|_| (RecordFault::LoneSurrogate, "half of a surrogate pair".to_owned()))
}

fn bad(number: usize, what: &str) -> Fault {
    (RecordFault::BadTurn, format!("turn {number} {what}"))
}

/// Turns and text while they are put together.
struct Writer<'out> {
    text: &'out mut String,
    text_start: usize,
    turns: &'out mut String,
    num_messages: usize,
    num_assistant: usize,
}

impl Writer<'_> {
    fn say(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        if self.text.len() > self.text_start {
            self.text.push_str(BETWEEN);
        }
        self.text.push_str(piece);
    }

    fn begin(&mut self, role: &str) {
        self.turns.push_str(if self.num_messages == 0 {
            "{\"role\":"
        } else {
            ",{\"role\":"
        });
        push_string(role, self.turns);
        self.num_messages += 1;
        self.num_assistant += usize::from(role == "assistant");
    }

    fn field(&mut self, name: &str, json: &str) -> Result<(), Fault> {
        self.turns.push(',');
        push_string(name, self.turns);
        self.turns.push(':');
        push_compact(json, self.turns).map_err(|fault| (fault, format!("a turn's `{name}`")))
    }

    /// A turn of a role and a content.
    fn plain(&mut self, role: &str, content: &str) {
        self.begin(role);
        self.turns.push_str(",\"content\":");
        push_string(content, self.turns);
        self.turns.push('}');
        self.say(content);
    }

    fn messages(&mut self, field: &str, json: &str) -> Result<(), Fault> {
        let items: Vec<&RawValue> = serde_json::from_str(json)
            .map_err(|_| (RecordFault::BadTurn, format!("`{field}` is no list of turns")))?;
        for (number, item) in items.iter().enumerate() {
            self.message(number + 1, item.get())?;
        }
        Ok(())
    }

    fn message(&mut self, number: usize, json: &str) -> Result<(), Fault> {
        let mut role = String::new();
        let mut fields = read(number, json, "role", &mut role)?;
        let is_foreign = fields.text == TextField::Missing;
        if is_foreign {
            fields = read(number, json, "from", &mut role)?;
        }
        if fields.text != TextField::Read {
            return Err(bad(number, "has no `role`"));
        }
        let is_call = is_foreign && role == "function_call";
        let role = if is_foreign { role_of(&role) } else { role.as_str() };
        if !ROLES.contains(&role) {
            let detail = format!(
                "turn {number} has the role `{role}`; known are {}",
                ROLES.join(", ")
            );
            return Err((RecordFault::UnknownRole, detail));
        }
        let content_name = if is_foreign { "value" } else { "content" };
        let content = fields
            .others
            .iter()
            .find(|(name, json)| name == content_name && *json != "null")
            .map(|(_, json)| *json);
        self.begin(role);
        let has_call = is_call && self.call(number, content)?;
        let mut is_empty = !has_call;
        if let Some(content) = content.filter(|_| !has_call) {
            is_empty = self.content(number, content)?;
        }
        for (name, json) in &fields.others {
            if name == content_name
                || *json == "null"
                || (is_foreign && (name == "role" || name == "content"))
            {
                continue;
            }
            self.field(name, json)?;
            if name == "tool_calls" && !matches!(*json, "[]" | "{}" | "\"\"") {
                is_empty = false;
                let mut calls = String::new();
                push_compact(json, &mut calls).map_err(|fault| (fault, "`tool_calls`".to_owned()))?;
                self.say(&calls);
            }
        }
        self.turns.push('}');
        if is_empty && role == "assistant" {
            let detail = format!("turn {number}, the assistant's, says nothing");
            return Err((RecordFault::EmptyAssistantTurn, detail));
        }
        Ok(())
    }

    /// Writes what a turn says; returns whether that is nothing.
    fn content(&mut self, number: usize, json: &str) -> Result<bool, Fault> {
        self.field("content", json)?;
        let said = match json.as_bytes().first() {
            Some(b'"') => decoded(json)?,
            Some(b'[') => {
                let parts: Vec<&RawValue> =
                    serde_json::from_str(json).map_err(|_| bad(number, "has a content that is no list"))?;
                let mut said = String::new();
                for part in parts {
                    let start = said.len();
                    let mut piece = String::new();
                    let fields = read(number, part.get(), "text", &mut piece)?;
                    let is_other = fields
                        .others
                        .iter()
                        .any(|(name, json)| name == "type" && *json != "\"text\"");
                    if is_other || fields.text != TextField::Read {
                        return Err(bad(number, "has a part that is no text"));
                    }
                    if start > 0 {
                        said.push('\n');
                    }
                    said.push_str(&piece);
                }
                said
            }
            _ => {
                return Err(bad(
                    number,
                    "has a content that is neither text nor a list of parts",
                ));
            }
        };
        self.say(&said);
        Ok(said.trim().is_empty())
    }

    /// Writes a call of a tool as ShareGPT has it: `{"name", "arguments"}` in a string. False if it is none.
    fn call(&mut self, number: usize, content: Option<&str>) -> Result<bool, Fault> {
        let Some(content) = content.filter(|json| json.starts_with('"')) else {
            return Ok(false);
        };
        let inner = decoded(content)?;
        let mut name = String::new();
        let Ok(fields) = read(number, &inner, "name", &mut name) else {
            return Ok(false);
        };
        if fields.text != TextField::Read {
            return Ok(false);
        }
        let arguments = fields.others.iter().find(|(key, _)| key == "arguments");
        let mut calls = String::from("[{\"type\":\"function\",\"function\":{\"name\":");
        push_string(&name, &mut calls);
        calls.push_str(",\"arguments\":");
        push_compact(arguments.map_or("{}", |(_, json)| *json), &mut calls)
            .map_err(|fault| (fault, "the arguments of a call".to_owned()))?;
        calls.push_str("}}]");
        self.turns.push_str(",\"tool_calls\":");
        self.turns.push_str(&calls);
        self.say(&calls);
        Ok(true)
    }

    /// Writes the descriptions of tools; one without `function` is wrapped, as templates expect it.
    fn tools(&mut self, field: &str, json: &str) -> Result<(), Fault> {
        if json.trim().is_empty() {
            return Ok(());
        }
        let wrong = || (RecordFault::BadTools, format!("`{field}` is no list of objects"));
        let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| wrong())?;
        for (index, item) in items.iter().enumerate() {
            let mut name = String::new();
            let fields = read(0, item.get(), "name", &mut name).map_err(|_| wrong())?;
            let is_bare =
                fields.text == TextField::Read && !fields.others.iter().any(|(key, _)| key == "function");
            self.turns.push_str(if index == 0 { ",\"tools\":[" } else { "," });
            if is_bare {
                self.turns.push_str("{\"type\":\"function\",\"function\":");
            }
            push_compact(item.get(), self.turns).map_err(|fault| (fault, format!("`{field}`")))?;
            if is_bare {
                self.turns.push('}');
            }
        }
        if !items.is_empty() {
            self.turns.push(']');
        }
        Ok(())
    }

    fn check(&self, field: &str) -> Result<(), Fault> {
        match (self.num_messages, self.num_assistant) {
            (0, _) => Err((RecordFault::NoTurns, format!("`{field}` is empty"))),
            (_, 0) => {
                let detail = format!("none of the turns in `{field}` is the assistant's");
                Err((RecordFault::NoAssistantTurn, detail))
            }
            _ => Ok(()),
        }
    }
}

/// Reads an object; the string at `name` goes to `value`.
fn read<'json>(
    number: usize,
    json: &'json str,
    name: &str,
    value: &mut String,
) -> Result<Fields<'json>, Fault> {
    value.clear();
    parse(
        json,
        FieldNames {
            text: Some(name),
            id: None,
        },
        value,
    )
    .map_err(|(fault, detail)| match fault {
        RecordFault::NotAnObject => bad(number, "is no object"),
        _ => (fault, detail),
    })
}

/// The role that ShareGPT means.
fn role_of(from: &str) -> &str {
    match from {
        "human" => "user",
        "gpt" | "function_call" => "assistant",
        "observation" | "function_response" => "tool",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn messages(json: &str) -> Result<(String, String), Fault> {
        let spec = TurnsSpec::Messages {
            field: "m".to_owned(),
            tools: "tools".to_owned(),
        };
        let record: Vec<(String, String)> =
            serde_json::from_str::<std::collections::BTreeMap<String, Box<RawValue>>>(json)
                .unwrap()
                .into_iter()
                .map(|(name, value)| (name, value.get().to_owned()))
                .collect();
        let (mut text, mut turns) = (String::new(), String::new());
        let value_of = |name: &str| {
            record
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        spec.collect(value_of, &mut text, &mut turns)?;
        Ok((text, turns))
    }

    #[test]
    fn messages_keep_their_fields_in_order_and_lose_nulls() {
        let (text, turns) = messages(
            r#"{"m": [{"content": "Hi", "role": "user", "name": null, "z": 1.50, "a": {"y": 1, "b": null}},
                {"role": "assistant", "content": null, "tool_calls": [ {"f": 1} ]},
                {"role": "tool", "content": [{"type": "text", "text": "a"}, {"text": "b"}]},
                {"role": "assistant", "content": "Done"}]}"#,
        )
        .unwrap();
        assert_eq!(text, "Hi\n\n[{\"f\":1}]\n\na\nb\n\nDone");
        assert_eq!(
            turns,
            concat!(
                r#"{"messages":[{"role":"user","content":"Hi","z":1.50,"a":{"y":1,"b":null}},"#,
                r#"{"role":"assistant","tool_calls":[{"f":1}]},"#,
                r#"{"role":"tool","content":[{"type":"text","text":"a"},{"text":"b"}]},"#,
                r#"{"role":"assistant","content":"Done"}]}"#,
            )
        );
    }

    #[test]
    fn sharegpt_is_understood() {
        let (text, turns) = messages(
            r#"{"m": [{"from": "human", "value": "Q"},
                {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": [1]}}"},
                {"from": "observation", "value": "R"}, {"from": "gpt", "value": "A"}],
                "tools": "[{\"name\": \"f\", \"parameters\": {}}]"}"#,
        )
        .unwrap();
        let call = r#"[{"type":"function","function":{"name":"f","arguments":{"x":[1]}}}]"#;
        assert_eq!(text, format!("Q\n\n{call}\n\nR\n\nA"));
        assert_eq!(
            turns,
            format!(
                "{}{call}{}{}",
                r#"{"messages":[{"role":"user","content":"Q"},{"role":"assistant","tool_calls":"#,
                r#"},{"role":"tool","content":"R"},{"role":"assistant","content":"A"}],"#,
                r#""tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#,
            )
        );
    }

    #[test]
    fn what_is_no_conversation_is_refused_with_its_fault() {
        for (json, code) in [
            (r#"{}"#, "no_turns"),
            (r#"{"m": null}"#, "no_turns"),
            (r#"{"m": []}"#, "no_turns"),
            (r#"{"m": 3}"#, "bad_turn"),
            (r#"{"m": "x"}"#, "bad_turn"),
            (r#"{"m": [3]}"#, "bad_turn"),
            (r#"{"m": [{"content": "a"}]}"#, "bad_turn"),
            (r#"{"m": [{"role": "user", "content": 3}]}"#, "bad_turn"),
            (
                r#"{"m": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}"#,
                "bad_turn",
            ),
            (r#"{"m": [{"role": "narrator", "content": "a"}]}"#, "unknown_role"),
            (r#"{"m": [{"from": "narrator", "value": "a"}]}"#, "unknown_role"),
            (
                r#"{"m": [{"role": "user", "content": "a"}]}"#,
                "no_assistant_turn",
            ),
            (
                r#"{"m": [{"role": "assistant", "content": " \n"}]}"#,
                "empty_assistant_turn",
            ),
            (r#"{"m": [{"role": "assistant"}]}"#, "empty_assistant_turn"),
            (
                r#"{"m": [{"role": "assistant", "content": "\ud800"}]}"#,
                "lone_surrogate",
            ),
            (
                r#"{"m": [{"role": "assistant", "content": "a"}], "tools": 3}"#,
                "bad_tools",
            ),
        ] {
            assert_eq!(messages(json).unwrap_err().0.code(), code, "{json}");
        }
    }

    #[test]
    fn instructions_become_turns() {
        let spec = TurnsSpec::Instruction {
            prompt: "i".to_owned(),
            input: Some("in".to_owned()),
            response: "o".to_owned(),
            system: Some("s".to_owned()),
        };
        let collect = |fields: &[(&str, &str)]| {
            let (mut text, mut turns) = (String::from("before"), String::new());
            let value_of = |name: &str| {
                fields
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| *value)
            };
            spec.collect(value_of, &mut text, &mut turns)
                .map(|()| (text, turns))
        };
        let (text, turns) = collect(&[("i", "\"Q\""), ("in", "\"x\""), ("o", "\"A\"")]).unwrap();
        assert_eq!(text, "beforeQ\n\nx\n\nA");
        assert_eq!(
            turns,
            r#"{"messages":[{"role":"user","content":"Q\n\nx"},{"role":"assistant","content":"A"}]}"#
        );
        let (_, turns) = collect(&[("i", "\"Q\""), ("in", "\"\""), ("o", "\"A\""), ("s", "\"S\"")]).unwrap();
        assert!(
            turns
                .starts_with(r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"Q"}"#)
        );
        assert_eq!(
            collect(&[("i", "\"Q\""), ("o", "\" \"")]).unwrap_err().0.code(),
            "empty_assistant_turn"
        );
        assert_eq!(collect(&[("o", "\"A\"")]).unwrap_err().0.code(), "no_turns");
        assert_eq!(
            collect(&[("i", "3"), ("o", "\"A\"")]).unwrap_err().0.code(),
            "bad_turn"
        );
    }

    proptest! {
        /// Whatever is said reaches the turns unchanged, and the text holds it.
        #[test]
        fn contents_survive(user in any::<String>(), answer in "\\PC*[a-z]\\PC*") {
            let record = serde_json::json!({"m": [
                {"role": "user", "content": user}, {"role": "assistant", "content": answer}
            ]});
            let (text, turns) = messages(&record.to_string()).unwrap();
            let turns: serde_json::Value = serde_json::from_str(&turns).unwrap();
            prop_assert_eq!(turns["messages"][0]["content"].as_str(), Some(user.as_str()));
            prop_assert_eq!(turns["messages"][1]["content"].as_str(), Some(answer.as_str()));
            let expected = if user.is_empty() { answer } else { format!("{user}\n\n{answer}") };
            prop_assert_eq!(text, expected);
        }
    }
}
