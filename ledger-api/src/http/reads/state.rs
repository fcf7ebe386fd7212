//! The log as a whole: where it ends, and whether commands are accepted.

use super::MIN_POSITION;
use crate::head_file::HeadFile;
use crate::http::call::Call;
use crate::http::endpoint::Parameter;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::service::Service;
use crate::status::StatusView;

/// Parameters of both.
pub(crate) const ONE: &[Parameter] = &[MIN_POSITION];

pub(crate) fn head(service: &Service, call: &Call) -> Result<Reply, Fault> {
    call.query.finish()?;
    let reading = service.guard.read_log()?;
    let head = service.ledger.head()?;
    drop(reading);
    let file = HeadFile::of(&head, service.ledger.store());
    let position = file.sequence;
    Reply::of(&file, position)
}

pub(crate) fn status(service: &Service, call: &Call) -> Result<Reply, Fault> {
    call.query.finish()?;
    let view = StatusView::of(&service.ledger);
    let position = view.sequence;
    // What the disk said names files of the machine, which is for those who run the service.
    let reason = view.reason.is_some().then(|| {
        "the disk failed; nothing is accepted until the service is started again".to_owned()
    });
    Reply::of(&StatusView { reason, ..view }, position)
}
