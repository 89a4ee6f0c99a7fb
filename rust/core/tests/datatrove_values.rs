//! Eleven small documents and the numbers that datatrove 0.10.1 computes for them.
//!
//! Its own functions and filter classes were run with the word tokenizer replaced by the definition in
//! `gristmill_core::segment` (as a regular expression), so that everything but the tokens is theirs. Small
//! enough to check by hand. Lines of C4 were removed with the document-level checks off.

use Value::{Float64, UInt32};
use gristmill_core::signals::{Measured, Value, find, measure};
use serde_json::json;

fn found(rule: &str, text: &str) -> Measured {
    measure(rule, &json!({}), text).expect("a known rule with its defaults")
}

struct Golden {
    name: &'static str,
    text: &'static str,
    repetition: [Value; 13],
    quality: [Value; 8],
    fineweb: [Value; 4],
    c4_text: &'static str,
}

#[test]
fn values_are_those_of_datatrove() {
    for golden in GOLDEN {
        let rules: [(&str, &[Value]); 3] = [
            ("gopher_repetition", &golden.repetition),
            ("gopher_quality", &golden.quality),
            ("fineweb_quality", &golden.fineweb),
        ];
        for (rule, expected) in rules {
            let columns = find(rule).unwrap().columns;
            let values = found(rule, golden.text).values;
            for ((column, value), expected) in columns.iter().zip(values).zip(expected) {
                assert_eq!(value, *expected, "{}: {}", golden.name, column.name);
            }
        }
        let c4 = found("c4_quality", golden.text);
        assert_eq!(c4.text, golden.c4_text, "{}", golden.name);
        assert_eq!(c4.edits.undo(&c4.text), golden.text, "{}", golden.name);
    }
}

#[test]
fn c4_reports_what_drops_a_document() {
    for (text, num_sentences, has_lorem_ipsum, has_curly_bracket, num_lines_removed, num_lines_kept) in [
        ("One line here. Two sentences.\n\nShort.\n", 2, false, false, 1, 1),
        ("It says Lorem Ipsum dolor.", 1, true, false, 0, 1),
        ("A bracket { is here.\nMenu {", 1, false, true, 1, 1),
        ("A javascript { line is gone.", 0, false, false, 1, 0),
        ("A cookie policy { line counts.", 0, false, true, 1, 0),
        ("A lorem ipsum javascript line.", 0, true, false, 1, 0),
        ("", 0, false, false, 0, 0),
    ] {
        let expected = vec![
            UInt32(num_sentences),
            Value::Bool(has_lorem_ipsum),
            Value::Bool(has_curly_bracket),
            UInt32(num_lines_removed),
            UInt32(num_lines_kept),
        ];
        assert_eq!(found("c4_quality", text).values, expected, "{text:?}");
    }
}

#[test]
fn each_removed_line_is_an_edit() {
    let text = "Menu\nThe first line stays.\nLogin\nAbout\n  The last line stays.[7]\n";
    let edits = found("c4_quality", text).edits;
    let removed: Vec<_> = edits
        .iter()
        .map(|edit| (edit.start, edit.end, edit.before, edit.after))
        .collect();
    assert_eq!(
        removed,
        [
            (0, 5, "Menu\n", ""),
            (27, 33, "Login\n", ""),
            (33, 39, "About\n", ""),
            (39, 41, "  ", ""),
            (61, 65, "[7]\n", ""),
        ]
    );
}

const GOLDEN: [Golden; 11] = [
    Golden {
        name: "a plain paragraph",
        text: "The quick brown fox jumps over the lazy dog. It has to be quick, and that is all \
            there is to it.\n",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.09278350515463918),
            Float64(0.15463917525773196),
            Float64(0.1958762886597938),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(22),
            Float64(3.272727272727273),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.88),
            UInt32(5),
        ],
        fineweb: [Float64(1.0), Float64(0.0), Float64(0.0), Float64(0.04)],
        c4_text: "The quick brown fox jumps over the lazy dog. It has to be quick, and that is all \
            there is to it.",
    },
    Golden {
        name: "copies of a line",
        text: "Home\nAbout us\nHome\nAbout us\nHome\nA sentence of its own, with an end.\n",
        repetition: [
            Float64(0.42857142857142855),
            Float64(0.0),
            Float64(0.2318840579710145),
            Float64(0.0),
            Float64(0.2898550724637681),
            Float64(0.37681159420289856),
            Float64(0.5217391304347826),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(15),
            Float64(3.466666666666667),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.8823529411764706),
            UInt32(2),
        ],
        fineweb: [
            Float64(0.16666666666666666),
            Float64(0.8333333333333334),
            Float64(0.25396825396825395),
            Float64(0.35294117647058826),
        ],
        c4_text: "A sentence of its own, with an end.",
    },
    Golden {
        name: "copies of a paragraph, and empty lines at both ends",
        text: "\nFirst paragraph.\nTwo lines.\n\n\nOther one.\n\nFirst paragraph.\nTwo lines.\n",
        repetition: [
            Float64(0.42857142857142855),
            Float64(0.3333333333333333),
            Float64(0.36619718309859156),
            Float64(0.38028169014084506),
            Float64(0.4225352112676056),
            Float64(0.4788732394366197),
            Float64(0.5915492957746479),
            Float64(0.323943661971831),
            Float64(0.3380281690140845),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(10),
            Float64(5.2),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.6666666666666666),
            UInt32(0),
        ],
        fineweb: [
            Float64(1.0),
            Float64(1.0),
            Float64(0.41935483870967744),
            Float64(0.6),
        ],
        c4_text: "",
    },
    Golden {
        name: "one n-gram over and over",
        text: "buy now and save big today buy now and save big today buy now and save big today buy \
            now and save big today buy now and save big today buy now and save big today ",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.25925925925925924),
            Float64(0.4074074074074074),
            Float64(0.5925925925925926),
            Float64(0.6481481481481481),
            Float64(0.6481481481481481),
            Float64(0.5987654320987654),
            Float64(0.5185185185185185),
            Float64(0.5740740740740741),
            Float64(0.6481481481481481),
        ],
        quality: [
            UInt32(36),
            Float64(3.5),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(1.0),
            UInt32(1),
        ],
        fineweb: [Float64(0.0), Float64(0.0), Float64(0.0), Float64(0.0)],
        c4_text: "",
    },
    Golden {
        name: "a list with bullets and ellipses",
        text: "- one\n• two...\n  - three…\nfour #4 #5\n",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.16216216216216217),
            Float64(0.1891891891891892),
            Float64(0.2972972972972973),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(7),
            Float64(2.5714285714285716),
            Float64(0.13333333333333333),
            Float64(0.13333333333333333),
            Float64(0.75),
            Float64(0.5),
            Float64(0.26666666666666666),
            UInt32(0),
        ],
        fineweb: [
            Float64(0.25),
            Float64(1.0),
            Float64(0.0),
            Float64(0.26666666666666666),
        ],
        c4_text: "",
    },
    Golden {
        name: "contractions and curly quotes",
        text: "“Don’t,” she said, “that’s the one you don't have to be with.”",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.08064516129032258),
            Float64(0.11290322580645161),
            Float64(0.14516129032258066),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(15),
            Float64(2.7333333333333334),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.6),
            UInt32(6),
        ],
        fineweb: [Float64(0.0), Float64(0.0), Float64(0.0), Float64(0.0)],
        c4_text: "",
    },
    Golden {
        name: "other line breaks",
        text: "One.\r\nTwo.\u{b}Three.\u{85}Four…\u{2028}Five.\u{1f}\n",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.16129032258064516),
            Float64(0.2903225806451613),
            Float64(0.3548387096774194),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(5),
            Float64(3.8),
            Float64(0.0),
            Float64(0.1),
            Float64(0.0),
            Float64(0.2),
            Float64(0.5),
            UInt32(0),
        ],
        fineweb: [Float64(0.0), Float64(1.0), Float64(0.0), Float64(0.2)],
        c4_text: "",
    },
    Golden {
        name: "Japanese",
        text: "これは短い文です。これは短い文です。カタカナ語もあります！\n",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.2),
            Float64(0.3333333333333333),
            Float64(0.4666666666666667),
            Float64(0.16666666666666666),
            Float64(0.2),
            Float64(0.23333333333333334),
            Float64(0.26666666666666666),
            Float64(0.3),
            Float64(0.0),
        ],
        quality: [
            UInt32(23),
            Float64(1.1304347826086956),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.8846153846153846),
            UInt32(0),
        ],
        fineweb: [
            Float64(1.0),
            Float64(1.0),
            Float64(0.0),
            Float64(0.038461538461538464),
        ],
        c4_text: "",
    },
    Golden {
        name: "Arabic, combining marks and emoji",
        text: "هذا نص قصير؟ e\u{301}te\u{301} 👩\u{200d}💻 ❤\u{fe0f} １２３\n\n",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.1935483870967742),
            Float64(0.3548387096774194),
            Float64(0.41935483870967744),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(9),
            Float64(2.4444444444444446),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.4),
            UInt32(0),
        ],
        fineweb: [Float64(0.0), Float64(1.0), Float64(0.0), Float64(0.2)],
        c4_text: "",
    },
    Golden {
        name: "what C4 removes",
        text: "Menu\n  The first line stays here.[1][2]  \nWe use cookies, as everybody does.\nIt \
            has [citation needed] a gap.\nEnable JavaScript to see it all.\nToo short.\nNo end mark \
            on this line\nAnd so on, and so forth...\nThe last line stays too!\n",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.08695652173913043),
            Float64(0.06086956521739131),
            Float64(0.08260869565217391),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(45),
            Float64(3.688888888888889),
            Float64(0.0),
            Float64(0.016129032258064516),
            Float64(0.0),
            Float64(0.1111111111111111),
            Float64(0.6935483870967742),
            UInt32(2),
        ],
        fineweb: [
            Float64(0.6666666666666666),
            Float64(0.5555555555555556),
            Float64(0.0),
            Float64(0.14516129032258066),
        ],
        c4_text: "The first line stays here.\nIt has  a gap.\nThe last line stays too!",
    },
    Golden {
        name: "what C4 reports",
        text: "It says lorem ipsum dolor here.\nfunction () { return to_sender; } it says.\nTwo \
            sentences. On one line.\n",
        repetition: [
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.06796116504854369),
            Float64(0.1262135922330097),
            Float64(0.18446601941747573),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
        ],
        quality: [
            UInt32(16),
            Float64(4.6875),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.0),
            Float64(0.64),
            UInt32(0),
        ],
        fineweb: [
            Float64(1.0),
            Float64(0.3333333333333333),
            Float64(0.0),
            Float64(0.12),
        ],
        c4_text: "It says lorem ipsum dolor here.\nfunction () { return to_sender; } it says.\nTwo \
            sentences. On one line.",
    },
];
