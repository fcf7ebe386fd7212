//! Tokens that were found good, so that a client's next call need not have its signature verified again: that takes
//! longer than everything else before the engine.

use std::collections::HashMap;

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};

use super::Client;

/// Most tokens that are remembered; when there are more, all are verified anew.
const TOKENS_MAX: usize = 4_096;

/// Good tokens by their hash: the tokens themselves are not kept.
#[derive(Default)]
pub(super) struct Verified(Mutex<HashMap<Hash, Good>>);

/// The hash of a token, by which it is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Hash([u8; 32]);

struct Good {
    client: Client,
    /// The last second in which it is good.
    until_s: i64,
}

impl Hash {
    pub(super) fn of(token: &str) -> Self {
        let hash = digest(&SHA256, token.as_bytes());
        Self(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl Verified {
    /// The client of a token that was found good, and still is.
    pub(super) fn client(&self, token: Hash, now_s: i64) -> Option<Client> {
        let known = self.0.lock();
        let good = known.get(&token).filter(|good| now_s <= good.until_s)?;
        Some(good.client.clone())
    }

    pub(super) fn remember(&self, token: Hash, client: Client, until_s: i64) {
        let mut known = self.0.lock();
        if known.len() >= TOKENS_MAX {
            known.clear();
        }
        known.insert(token, Good { client, until_s });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_its_last_second() {
        let (tokens, one) = (Verified::default(), Hash::of("one"));
        assert!(tokens.client(one, 0).is_none());
        tokens.remember(one, Client::anyone(), 10);
        assert!(tokens.client(one, 10).is_some());
        assert!(tokens.client(one, 11).is_none());
        assert!(tokens.client(Hash::of("another"), 10).is_none());
    }

    #[test]
    fn tokens_are_remembered_up_to_a_bound() {
        let tokens = Verified::default();
        for number in 0..=TOKENS_MAX {
            let token = Hash::of(&number.to_string());
            tokens.remember(token, Client::anyone(), 10);
            assert!(tokens.0.lock().len() <= TOKENS_MAX);
            assert!(tokens.client(token, 10).is_some());
        }
    }
}
