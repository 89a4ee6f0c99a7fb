//! Signs of machine-made files near their start: an XML header, and phrases such as "auto-generated".

use memchr::memmem;

const XML_HEADER: &[u8] = b"<?xml version=";
const XML_HEADER_CHARS: usize = 100;

/// Whether an XML header lies within the first 100 characters.
pub(super) fn has_xml_header(text: &str) -> bool {
    // No character has more than four bytes.
    let head = &text.as_bytes()[..text.len().min(4 * XML_HEADER_CHARS)];
    memmem::find(head, XML_HEADER)
        .is_some_and(|at| text[..at + XML_HEADER.len()].chars().count() <= XML_HEADER_CHARS)
}

/// Phrases that only generated files have in their first lines. ASCII letters are compared without case.
#[derive(Debug, Clone, Default)]
pub(super) struct GeneratedMarkers {
    markers: Vec<String>,
    lower: Vec<u8>,
}

impl GeneratedMarkers {
    /// For those phrases.
    pub(super) fn new(markers: &[String]) -> Self {
        let markers = markers.iter().map(|marker| marker.to_ascii_lowercase()).collect();
        Self {
            markers,
            lower: Vec::new(),
        }
    }

    /// Whether `head`, the first lines of a text, holds one of them.
    pub(super) fn is_in(&mut self, head: &str) -> bool {
        self.lower.clear();
        self.lower
            .extend(head.bytes().map(|byte| byte.to_ascii_lowercase()));
        let lower = &self.lower;
        self.markers
            .iter()
            .any(|marker| memmem::find(lower, marker.as_bytes()).is_some())
    }
}
