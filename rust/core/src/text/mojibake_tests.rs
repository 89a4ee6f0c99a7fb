//! What is mojibake and what only looks like it.

use super::*;

fn fix(text: &str) -> String {
    let mut edits = EditLog::default();
    let output = repair(text, &mut edits).unwrap_or_else(|| text.to_owned());
    assert_eq!(edits.undo(&output), text);
    assert_eq!(
        repair(&output, &mut EditLog::default()),
        None,
        "{text:?} is not settled"
    );
    output
}

/// Reads UTF-8 as Windows-1252, undefined bytes as Latin-1: what a browser does with a wrong label.
fn misread(text: &str) -> String {
    let printable = |byte: u8| {
        (0..=0x2122_u32)
            .filter_map(char::from_u32)
            .find(|&character| u32::from(character) >= 0x100 && byte_of(character) == Some(byte))
            .unwrap_or(char::from(byte))
    };
    let show = |byte: u8| {
        if (0x80..0xa0).contains(&byte) {
            printable(byte)
        } else {
            char::from(byte)
        }
    };
    text.bytes().map(show).collect()
}

fn misread_as_latin_1(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

const REPAIRABLE: &[&str] = &[
    "un café crème, s’il vous plaît",
    "“Quoted” – and — dashed… done",
    "Zażółć gęślą jaźń",
    "MÄRZ, ÜBER, SÃO PAULO, JOSÉ",
    "Día del niño en España: ¿qué?",
    "Price: £5, 20 °C, © 2010, ½ cup, «voilà»",
    "100 € per person™",
    "Привет, мир",
    "Γειά σου Κόσμε",
    "שלום עולם",
    "日本語のテキスト",
    "한국어 문장",
    "Việt Nam",
    "smile 😀 and 👍",
    "✓ done → next",
    "Österreich, Ångström, Ærø",
    "ação, não, coração",
    "Să știi că țara",
];

#[test]
fn misread_text_is_restored() {
    for &text in REPAIRABLE {
        assert_eq!(fix(&misread(text)), text, "{}", misread(text));
        assert_eq!(fix(&misread_as_latin_1(text)), text);
    }
}

#[test]
fn text_misread_twice_is_restored() {
    for text in ["café", "it’s", "naïve – señor", "日本"] {
        assert_eq!(fix(&misread(&misread(text))), text);
        assert_eq!(fix(&misread_as_latin_1(&misread_as_latin_1(text))), text);
    }
}

#[test]
fn known_fragments_are_repaired() {
    for (text, expected) in [
        ("donâ€™t", "don’t"),
        ("Ã©tait", "était"),
        ("isto Ã© um", "isto é um"),
        ("voilÃ\u{a0}!", "voilà!"),
        ("Ã\u{a0} la carte", "à la carte"),
        ("end.Â\u{a0} Next", "end.\u{a0} Next"),
        ("Â©2010", "©2010"),
        ("20Â°C", "20°C"),
        ("SÃƒO PAULO", "SÃO PAULO"),
        ("Ã‚Â© ACME", "© ACME"),
        ("ï»¿Title", "\u{feff}Title"),
        ("â€œquotedâ€\u{9d}", "“quoted”"),
        ("Â« Bonjour Â»", "« Bonjour »"),
        ("17 U.S.C. Â§ 101", "17 U.S.C. § 101"),
        ("HereÃ¢Â\u{80}Â\u{99}s the thing", "Here’s the thing"),
    ] {
        assert_eq!(fix(text), expected);
    }
}

#[test]
fn legitimate_text_stays() {
    for text in [
        "NÃO, SÃO PAULO, CORAÇÃO, AMANHÃ.",
        "A MANHÃ… E A IRMÃ” DISSE",
        "«A MANHÃ»",
        "MANHÃ–TARDE, MANHÃ—NOITE",
        "AMANHÃ\u{a0}E DEPOIS",
        "AMANHÃ\u{a0}e depois",
        "a letra Ã, a letra Â",
        "«Â» et “Â”",
        "CHÂTEAU, ÂGE, ROMÂNIA",
        "HÂLÂ\u{a0}DA, BELÂ» dedi",
        "«passé…» et «voilà…»",
        "passé…\u{a0}»",
        "il est né… “déjà” – fini",
        "ele é…\u{a0}» disse",
        "está»—dijo",
        "RÉSUMÉ® et CAFÉ™",
        "MENÜ€, MENÜ €5",
        "SMÅ–, PÅ… “Å”",
        "GRÖẞE ÄÖÜ ÅÄÖ",
        "Øl, Ølbæk, ØRSTED",
        "ß² and x² + y³, 5 µm ± 2",
        "Ð and Þ in Icelandic: ÞAÐ»",
        "façade, naïve, Čapek, łódź, București",
        "São Paulo às 9h – amanhã…",
        "Việt Nam, Đà Nẵng",
        "Привет, Γειά, 日本語, 😀",
        "©2010 «ok» 20 °C",
        "accents look like “Ã©” or «Ã§»",
        "StrConv(\"ABCDEVB¥ì¥¹¥\u{ad}¥å©\", vbWide)",
    ] {
        assert_eq!(fix(text), text);
    }
}

#[test]
fn a_stretch_without_end_is_left_alone() {
    let mut text = String::from("é");
    for _ in 0..MAX_LEVELS + 1 {
        text = misread(&text);
    }
    assert_eq!(fix(&text), text);
}
