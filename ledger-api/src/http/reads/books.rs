//! The issuer and its general ledger.

use ledger_core::rejection::Rejection;
use serde::Serialize;
use utoipa::ToSchema;

use super::MIN_POSITION;
use crate::http::call::Call;
use crate::http::endpoint::Parameter;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::service::Service;

/// Parameters of both.
pub(crate) const ONE: &[Parameter] = &[MIN_POSITION];

/// An issuer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuerView {
    /// Its id.
    issuer_id: String,
    /// Zone whose calendar its business dates follow.
    time_zone: String,
    /// The present business date.
    business_date: String,
}

pub(crate) fn issuer(service: &Service, call: &Call) -> Result<Reply, Fault> {
    call.query.finish()?;
    let position = service.position();
    let id = call.issuer()?;
    let books = service.ledger.reader().books();
    let portfolio = books.portfolio();
    let index = portfolio
        .issuer_index(&id)
        .ok_or(Rejection::IssuerNotFound)?;
    let issuer = portfolio.issuer(index);
    let view = IssuerView {
        issuer_id: id.to_string(),
        time_zone: issuer.configuration().time_zone.name().to_owned(),
        business_date: issuer.business_date.to_string(),
    };
    Reply::of(&view, position)
}

pub(crate) fn trial_balance(service: &Service, call: &Call) -> Result<Reply, Fault> {
    issuer(service, call)?;
    let position = service.position();
    let id = call.issuer()?;
    let (mut lines, _) = service.ledger.trial_balance();
    lines.retain(|line| line.issuer_id == id.as_str());
    Reply::of(&lines, position)
}
