//! The published description, and a page to read and try it on, without anything from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::Redirect;
use axum::routing::get;
use utoipa_swagger_ui::{Config, serve};

use super::openapi;

const DESCRIPTION_PATH: &str = "/openapi.json";

static DESCRIPTION: LazyLock<Vec<u8>> =
    LazyLock::new(|| serde_json::to_vec(&openapi::description()).unwrap_or_default());

/// Serves both.
pub(super) fn router() -> Router {
    let config = Arc::new(Config::from(DESCRIPTION_PATH));
    Router::new()
        .route(
            DESCRIPTION_PATH,
            get(|| async { file(DESCRIPTION.clone(), "application/json") }),
        )
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route(
            "/docs/",
            get({
                let config = Arc::clone(&config);
                || async move { page("", config) }
            }),
        )
        .route(
            "/docs/{*file}",
            get(|Path(file): Path<String>| async move { page(&file, config) }),
        )
}

fn page(name: &str, config: Arc<Config<'static>>) -> Response<Body> {
    match serve(name, config) {
        Ok(Some(found)) => file(found.bytes.into_owned(), &found.content_type),
        Ok(None) | Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn file(bytes: Vec<u8>, content_type: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}
