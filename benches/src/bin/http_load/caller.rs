//! One who calls, on a connection that is kept.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, header::HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Failure;
use super::service::ISSUER;

/// Lines of a call that opens accounts.
const OPENED_AT_ONCE: u64 = 5_000;

pub(super) struct Caller {
    connection: SendRequest<Full<Bytes>>,
    authorization: Option<HeaderValue>,
}

/// An answer.
pub(super) struct Told {
    pub(super) status: u16,
    body: Bytes,
}

impl Told {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Caller {
    pub(super) async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        let authorization = token.map(|token| format!("Bearer {token}").parse());
        Ok(Self {
            connection,
            authorization: authorization.transpose()?,
        })
    }

    pub(super) async fn post(
        &mut self,
        path: &str,
        kind: &'static str,
        body: Bytes,
    ) -> Result<Told, Failure> {
        let mut request = Request::post(path)
            .header(HOST, "127.0.0.1")
            .header(CONTENT_TYPE, kind);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.connection.ready().await?;
        let answer = self
            .connection
            .send_request(request.body(Full::new(body))?)
            .await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Told { status, body })
    }

    /// An issuer, a product, and accounts `A0`, `A1`, ….
    pub(super) async fn set_up(mut self, accounts: u64) -> Result<(), Failure> {
        for (command, body) in [
            ("configure-issuer", r#"{"timeZone":"Europe/Paris"}"#),
            (
                "define-product",
                r#"{"productReference":"P","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["ANNUAL"]}"#,
            ),
        ] {
            let path = format!("/api/v2/issuers/{ISSUER}/{command}");
            let told = self.post(&path, "application/json", body.into()).await?;
            if told.status != 200 {
                return Err(told.text().into());
            }
        }
        let mut first = 0;
        while first < accounts {
            let last = accounts.min(first + OPENED_AT_ONCE);
            let lines: String = (first..last)
                .map(|account| {
                    format!(
                        r#"{{"issuerId":"{ISSUER}","correlationId":"open {account}","command":"open-account","body":{{"productReference":"P","issuerAccountExternalReference":"A{account}","creditLimitAmount":{{"value":100000000,"exponent":2,"isoCode":"EUR"}}}}}}"#
                    ) + "\n"
                })
                .collect();
            let path = format!("/api/v2/issuers/{ISSUER}/bulk-operations");
            let told = self
                .post(&path, "application/x-ndjson", lines.into())
                .await?;
            if told.status != 200 || told.text().contains("code") {
                return Err(told.text().into());
            }
            first = last;
        }
        Ok(())
    }
}
