//! Who calls, and what they may.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use ledger_core::rejection::Rejection;

use crate::clock;
use crate::http::endpoint::Scope;
use crate::http::fault::Fault;

/// A caller.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Name of the client; absent where the service asks for none.
    pub(crate) id: Option<Arc<str>>,
    pub(crate) scopes: BTreeSet<Scope>,
    pub(crate) issuers: Issuers,
    /// The last second, since 1970, in which the token is believed; absent where there is none.
    pub(crate) until_s: Option<i64>,
}

/// The issuers that a client may see.
#[derive(Debug, Clone)]
pub(crate) enum Issuers {
    All,
    These(Arc<HashSet<String>>),
}

impl Client {
    /// Whoever calls a service that asks for no token.
    pub(crate) fn anyone() -> Self {
        Self {
            id: None,
            scopes: Scope::ALL.into(),
            issuers: Issuers::All,
            until_s: None,
        }
    }

    /// Whether the token that was brought is not believed any more.
    pub(crate) fn has_ended(&self) -> bool {
        let now_s = clock::now().0.div_euclid(1_000);
        self.until_s.is_some_and(|until_s| now_s > until_s)
    }

    /// Whether the client may see an issuer, be there one or not.
    pub(crate) fn may_see(&self, issuer: &str) -> bool {
        match &self.issuers {
            Issuers::All => true,
            Issuers::These(issuers) => issuers.contains(issuer),
        }
    }

    /// Refuses an issuer that the client may not see, in the words for one that does not exist.
    pub(crate) fn look_at(&self, issuer: &str) -> Result<(), Fault> {
        if self.may_see(issuer) {
            Ok(())
        } else {
            Err(Rejection::IssuerNotFound.into())
        }
    }

    /// Refuses what the client was not granted.
    pub(crate) fn must_have(&self, scope: Scope) -> Result<(), Fault> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let name = scope.name();
        Err(Fault {
            challenge: Some(format!(
                r#"Bearer realm="ledger", error="insufficient_scope", scope="{name}""#
            )),
            ..Fault::new(
                "INSUFFICIENT_SCOPE",
                format!("the token does not have the scope {name}"),
            )
        })
    }
}
