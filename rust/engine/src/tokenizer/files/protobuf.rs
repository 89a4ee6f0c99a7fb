//! Reads the fields of a protocol buffers message (wire format, <https://protobuf.dev/programming-guides/encoding/>).

/// A field's value, undecoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FieldValue<'m> {
    /// Wire type 0.
    Integer(u64),
    /// Wire type 2.
    Bytes(&'m [u8]),
    /// Wire type 5.
    Bits32(u32),
    /// Wire type 1.
    Bits64(u64),
}

impl<'m> FieldValue<'m> {
    /// The value as a truth value.
    pub(super) fn as_bool(self) -> Option<bool> {
        match self {
            Self::Integer(value) => Some(value != 0),
            _ => None,
        }
    }

    /// The value as a number.
    pub(super) fn as_integer(self) -> Option<u64> {
        match self {
            Self::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// The value as a single-precision number.
    pub(super) fn as_float(self) -> Option<f32> {
        match self {
            Self::Bits32(bits) => Some(f32::from_bits(bits)),
            _ => None,
        }
    }

    /// The value as bytes.
    pub(super) fn as_bytes(self) -> Option<&'m [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a message, in order; ends with `Err` at the first that is damaged.
pub(super) struct Fields<'m> {
    rest: &'m [u8],
}

/// A message that is cut short or no message at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

impl<'m> Fields<'m> {
    /// Of the bytes of a message.
    pub(super) fn new(message: &'m [u8]) -> Self {
        Self { rest: message }
    }

    fn variable(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'m [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, FieldValue<'m>)> {
        let tag = self.variable()?;
        let value = match tag & 7 {
            0 => FieldValue::Integer(self.variable()?),
            1 => FieldValue::Bits64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = self.variable()?;
                FieldValue::Bytes(self.take(length)?)
            }
            5 => FieldValue::Bits32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        (tag >> 3 > 0).then_some((tag >> 3, value))
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = Result<(u64, FieldValue<'m>), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Damaged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_order_and_damage_is_told() {
        // Field 1: 150; field 2: "testing"; field 3: 1.0 in 32 bits.
        let message = b"\x08\x96\x01\x12\x07testing\x1d\x00\x00\x80\x3f";
        let fields: Vec<_> = Fields::new(message).map(Result::unwrap).collect();
        assert_eq!(fields[0], (1, FieldValue::Integer(150)));
        assert_eq!(fields[1].1.as_bytes(), Some(&b"testing"[..]));
        assert_eq!(fields[2].1.as_float(), Some(1.0));
        for end in [1, 2, 5, 14] {
            assert!(
                Fields::new(&message[..end]).any(|field| field == Err(Damaged)),
                "{end}"
            );
        }
        assert!(Fields::new(b"\x0b").any(|field| field.is_err()));
    }
}
