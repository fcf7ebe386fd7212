//! One call: sent, sent again where that helps, and its answer taken out of the envelope.

use std::io::{self, ErrorKind, Read as _};
use std::thread;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use ureq::{Body, RequestBuilder};

use super::{Client, ClientError};
use crate::http::endpoints::BASE;

/// How often a call is made again.
const AGAIN_MAX: u32 = 5;
/// How long to wait before a call is made again the first time; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest wait that a service may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Longest answer that is read into memory, in bytes: 10,000 results, or a page of business cases with all
/// their messages.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bodies longer than this are announced before they are sent.
const ASKED_FIRST_BYTES: usize = 64 * 1024;
/// What stands in an element of a path as it is.
const ELEMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is asked: a path below the base, and perhaps a query and a body.
#[derive(Debug, Default)]
pub(super) struct Question {
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<(&'static str, Vec<u8>)>,
}

impl Question {
    /// Adds words of the path that need no escaping.
    pub(super) fn at(mut self, path: &str) -> Self {
        self.path.push_str(path);
        self
    }

    /// Adds an element of the path, whatever its characters are.
    pub(super) fn element(mut self, text: &str) -> Self {
        self.path.push('/');
        self.path.extend(utf8_percent_encode(text, ELEMENT));
        self
    }

    pub(super) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Makes it a call with a body.
    pub(super) fn body(mut self, media_type: &'static str, body: Vec<u8>) -> Self {
        self.body = Some((media_type, body));
        self
    }
}

/// An answer, and whether its list goes on.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) data: T,
    pub(super) more: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    response_metadata: Metadata,
    data: T,
}

#[derive(Deserialize)]
struct Metadata {
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    errors: [Problem; 1],
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    field: Option<String>,
    message: String,
}

impl Client {
    /// Asks, and takes the answer out of its envelope.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        question: &Question,
    ) -> Result<Answer<T>, ClientError> {
        let bytes = self.read_whole(self.send(question)?)?;
        let envelope: Envelope<T> =
            serde_json::from_slice(&bytes).map_err(|error| self.unreadable(error))?;
        let links = envelope.response_metadata.links;
        Ok(Answer {
            data: envelope.data,
            more: links.is_some_and(|links| links.next.is_some()),
        })
    }

    pub(super) fn read_whole(&self, response: Response<Body>) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        let body = response.into_body().into_with_config();
        let mut reader = body.limit(ANSWER_BYTES_MAX).reader();
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    /// Makes a call until it is answered; a refusal is an error.
    pub(super) fn send(&self, question: &Question) -> Result<Response<Body>, ClientError> {
        let mut pause = PAUSE;
        let mut again = 0;
        loop {
            let sent = self.send_once(question);
            let wait = match &sent {
                Ok(response) => wait_asked_for(response),
                Err(error) => is_passing(error).then_some(pause),
            };
            if let Some(wait) = wait
                && again < AGAIN_MAX
            {
                thread::sleep(wait);
                again += 1;
                pause *= 2;
                continue;
            }
            let response = sent.map_err(|error| self.unreachable(&error.into_io()))?;
            return match response.status().is_success() {
                true => Ok(response),
                false => Err(self.refusal(response)),
            };
        }
    }

    fn send_once(&self, question: &Question) -> Result<Response<Body>, ureq::Error> {
        let mut url = format!("{}{BASE}{}", self.url, question.path);
        if !question.query.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&question.query);
            url = format!("{url}?{}", query.finish());
        }
        match &question.body {
            None => self.with_token(self.agent.get(url)).call(),
            Some((media_type, body)) => {
                let mut call = self
                    .with_token(self.agent.post(url))
                    .header(CONTENT_TYPE, *media_type);
                // A service that refuses a call does not read much of its body, and its answer is not seen while
                // more is sent: so it is asked first.
                if body.len() > ASKED_FIRST_BYTES {
                    call = call.header(EXPECT, "100-continue");
                }
                call.send(body.as_slice())
            }
        }
    }

    fn with_token<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    /// What the service said of a call that it did not carry out.
    fn refusal(&self, response: Response<Body>) -> ClientError {
        let status = response.status().as_u16();
        let bytes = match self.read_whole(response) {
            Ok(bytes) => bytes,
            Err(error) => return error,
        };
        match serde_json::from_slice(&bytes) {
            Ok(Failure {
                errors:
                    [
                        Problem {
                            code,
                            field,
                            message,
                        },
                    ],
            }) => ClientError::Refused {
                status,
                code,
                field,
                message,
            },
            Err(_) => self.unreadable(format!("status {status}, and no reason")),
        }
    }

    pub(super) fn unreachable(&self, error: &io::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.url.clone(),
            problem: error.to_string(),
        }
    }

    pub(super) fn unreadable(&self, problem: impl ToString) -> ClientError {
        ClientError::Unreadable {
            url: self.url.clone(),
            problem: problem.to_string(),
        }
    }
}

/// How long a service that has no time asks to wait. Without such a wish it is of no use to call again.
fn wait_asked_for(response: &Response<Body>) -> Option<Duration> {
    if !matches!(response.status().as_u16(), 429 | 503) {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let wait = Duration::from_secs(seconds.parse().ok()?);
    Some(wait.min(PAUSE_MAX))
}

/// Whether the service may be there in a moment, as when it is just starting or has closed an idle connection.
fn is_passing(error: &ureq::Error) -> bool {
    if let ureq::Error::Io(error) = error {
        matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        )
    } else {
        false
    }
}
