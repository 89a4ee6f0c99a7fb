//! Standard base64 with padding (RFC 4648, section 4), as tiktoken's files hold tokens.

/// Decodes; nothing for a string that is none.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (quads, rest) = text.as_chunks::<4>();
    if !rest.is_empty() || text.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(quads.len() * 3);
    for (number, quad) in quads.iter().enumerate() {
        let padding = quad.iter().rev().take_while(|&&byte| byte == b'=').count();
        if padding > 2 || (padding > 0 && number + 1 < quads.len()) {
            return None;
        }
        let mut value = 0;
        for &byte in &quad[..4 - padding] {
            value = value << 6 | u32::from(digit(byte)?);
        }
        value <<= 6 * padding as u32;
        bytes.extend_from_slice(&value.to_be_bytes()[1..4 - padding]);
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_hold() {
        // RFC 4648, section 10.
        let pairs: [(&str, &str); 6] = [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (encoded, plain) in pairs {
            assert_eq!(decode(encoded.as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(decode(b"/+8="), Some(vec![0xff, 0xef]));
        for wrong in ["", "Zg=", "Z===", "Zg==Zg==", "Z g=", "Zg=A"] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
