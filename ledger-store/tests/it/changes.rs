//! Bytes that are others than were written.

use bolero::TypeGenerator;

/// A change of some bytes.
#[derive(Debug, TypeGenerator)]
pub(crate) struct Change {
    at: u16,
    what: What,
}

#[derive(Debug, TypeGenerator)]
enum What {
    Byte(u8),
    Number(u32),
    Large(i64),
    /// A length as bincode writes one that takes 8 bytes.
    Length(u64),
    Removed(u8),
    Inserted(Vec<u8>),
}

impl Change {
    /// Makes the change, at its place counted round.
    pub(crate) fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = usize::from(self.at) % bytes.len();
        let mut put = |new: &[u8]| {
            let end = bytes.len().min(at + new.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        };
        match &self.what {
            What::Byte(byte) => put(&[*byte]),
            What::Number(number) => put(&number.to_le_bytes()),
            What::Large(number) => put(&number.to_le_bytes()),
            What::Length(length) => {
                put(&[253]);
                bytes.splice(at + 1..at + 1, length.to_le_bytes());
            }
            What::Removed(count) => {
                let end = bytes.len().min(at + usize::from(*count));
                bytes.drain(at..end);
            }
            What::Inserted(new) => drop(bytes.splice(at..at, new.iter().copied())),
        }
    }
}
