//! How comments and strings are written, by groups of languages (a table).

use serde::{Deserialize, Serialize};

/// Whose comments are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CommentStyle {
    /// Nobody's: nothing is measured.
    #[default]
    None,
    /// `//` and `/* */`: C, C++, C#, Go, Java, JavaScript, Kotlin, PHP, Rust, Swift, TypeScript.
    C,
    /// `#` after white space: shell, Perl, R, Ruby, Make, YAML, TOML.
    Hash,
    /// `#` and documentation strings: Python.
    Python,
    /// `--` and `/* */`: SQL.
    Sql,
    /// `--`: Haskell, Lua, Ada, VHDL.
    Dash,
    /// `;`: Lisp, Scheme, assembly, INI.
    Semicolon,
    /// `%`: TeX, Erlang, Matlab, Prolog.
    Percent,
    /// `<!-- -->`: HTML, XML, Markdown.
    Markup,
}

/// The marks of a style.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// Begins a comment that ends with its line; empty for none.
    pub(super) line: &'static [u8],
    /// Begins and ends a comment that may span lines; empty for none.
    pub(super) block: (&'static [u8], &'static [u8]),
    /// Quotes of strings that end on their line.
    pub(super) quotes: &'static [u8],
    /// Quotes of strings that may span lines.
    pub(super) long_quotes: &'static [&'static [u8]],
    /// Whether a comment to the end of the line needs the line's start or white space before it.
    pub(super) after_white_space: bool,
    /// Whether a string that begins its line, outside brackets, is documentation.
    pub(super) documentation_strings: bool,
}

const PLAIN: Marks = Marks {
    line: b"",
    block: (b"", b""),
    quotes: b"",
    long_quotes: &[],
    after_white_space: false,
    documentation_strings: false,
};

impl CommentStyle {
    /// The marks of the style; none for [`Self::None`].
    pub(super) fn marks(self) -> Option<Marks> {
        Some(match self {
            Self::None => return None,
            Self::C => Marks {
                line: b"//",
                block: (b"/*", b"*/"),
                quotes: b"\"'",
                long_quotes: &[b"`"],
                ..PLAIN
            },
            Self::Hash => Marks {
                line: b"#",
                quotes: b"\"'",
                after_white_space: true,
                ..PLAIN
            },
            Self::Python => Marks {
                line: b"#",
                quotes: b"\"'",
                long_quotes: &[b"\"\"\"", b"'''"],
                documentation_strings: true,
                ..PLAIN
            },
            Self::Sql => Marks {
                line: b"--",
                block: (b"/*", b"*/"),
                quotes: b"\"'",
                ..PLAIN
            },
            Self::Dash => Marks {
                line: b"--",
                quotes: b"\"",
                ..PLAIN
            },
            Self::Semicolon => Marks {
                line: b";",
                quotes: b"\"",
                ..PLAIN
            },
            Self::Percent => Marks { line: b"%", ..PLAIN },
            Self::Markup => Marks {
                block: (b"<!--", b"-->"),
                ..PLAIN
            },
        })
    }
}
