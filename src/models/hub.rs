//! The Hugging Face hub: where a file lies, and what the hub says about it before it is fetched.

use super::checksum::is_sha256;
use super::download::{Expected, SourceError, pause};
use super::http::{Client, HttpError, Request, encode_path, header};
use super::reference::HubFile;
use super::watch::Watch;

/// How to reach the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// Scheme and host, without a slash at the end.
    pub endpoint: String,
    /// The user's token, for gated and private repositories.
    pub token: Option<String>,
    /// The user asked to stay off the network.
    pub offline: bool,
}

impl HubSettings {
    /// From `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let endpoint = text("HF_ENDPOINT").map(|url| url.trim_end_matches('/').to_owned());
        // A token with other characters could not be a header; the hub's own look like hf_AbC123.
        let token = text("HF_TOKEN").filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        let offline =
            text("HF_HUB_OFFLINE").is_some_and(|on| ["1", "ON", "YES", "TRUE"].contains(&on.to_uppercase().as_str()));
        Self { endpoint: endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned()), token, offline }
    }

    /// The address of a file at a revision.
    pub(crate) fn address(&self, file: &HubFile, revision: &str) -> String {
        format!("{}/{}/resolve/{}/{}", self.endpoint, file.repository(), encode_path(revision), encode_path(&file.file))
    }
}

/// What the hub says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubFacts {
    /// The commit that the revision stands for.
    pub revision: String,
    /// Size and checksum.
    pub expected: Expected,
}

/// Asks the hub for the commit, size and SHA-256 of a file.
pub(crate) fn ask(
    client: &Client,
    hub: &HubSettings,
    file: &HubFile,
    revision: &str,
    watch: &Watch<'_>,
) -> Result<HubFacts, SourceError> {
    if hub.offline {
        return Err(SourceError::Source("HF_HUB_OFFLINE is set".into()));
    }
    let url = hub.address(file, revision);
    let request = Request { url: &url, token: hub.token.as_deref(), ..Request::default() };
    let linked = |headers: &ureq::http::HeaderMap| headers.contains_key("x-linked-etag");
    let mut tries = 0;
    let headers = loop {
        match client.head(&request, linked) {
            Ok(headers) => break headers,
            Err(HttpError::Transient(_, wait)) if tries < 2 => {
                tries += 1;
                pause(tries, wait, watch)?;
            }
            Err(error) => return Err(SourceError::Source(explain(&error, hub, file))),
        }
    };
    let text = |name: &str| header(&headers, name);
    let sha256 =
        text("x-linked-etag").or_else(|| text("etag")).map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
    let bytes = text("x-linked-size").or_else(|| text("content-length")).and_then(|size| size.parse().ok());
    let commit =
        text("x-repo-commit").filter(|commit| commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()));
    match (sha256.filter(|tag| is_sha256(tag)), bytes) {
        (Some(sha256), Some(bytes)) => Ok(HubFacts {
            revision: commit.unwrap_or(revision).to_owned(),
            expected: Expected { bytes, sha256: sha256.to_lowercase() },
        }),
        _ => Err(SourceError::Source("the hub names no SHA-256 and size for it, so it could not be checked".into())),
    }
}

/// The half sentence for a request to the hub that failed.
pub(crate) fn explain(error: &HttpError, hub: &HubSettings, file: &HubFile) -> String {
    let HttpError::Status { code, reason } = error else { return error.say() };
    let repository = file.repository();
    let gated = reason.as_deref() == Some("GatedRepo");
    match (code, reason.as_deref()) {
        (401 | 403, _) if gated || hub.token.is_some() => format!(
            "the hub refuses {repository} ({code}); accept its licence at {}/{repository} and set HF_TOKEN to a token that may read it",
            hub.endpoint
        ),
        (401 | 403, _) => format!(
            "the hub refuses {repository} ({code}): it does not exist, or it is private or gated and needs HF_TOKEN"
        ),
        (404, Some("RepoNotFound")) => format!("the hub has no repository {repository}"),
        (404, Some("EntryNotFound")) => format!("{repository} has no file {}", file.file),
        (404, _) => format!("the hub has no {file}"),
        _ => error.say(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn settings_come_from_the_environment() {
        let set = |name: &str| match name {
            "HF_ENDPOINT" => Some(" http://mirror:8080/ ".to_owned()),
            "HF_TOKEN" => Some("hf_x\n".to_owned()),
            "HF_HUB_OFFLINE" => Some("True".to_owned()),
            _ => None,
        };
        let hub = HubSettings::from_variables(set);
        assert_eq!(
            (hub.endpoint.as_str(), hub.token.as_deref(), hub.offline),
            ("http://mirror:8080", Some("hf_x"), true)
        );
        let file = HubFile::parse("a/b:c d.gguf").unwrap();
        assert_eq!(hub.address(&file, "main"), "http://mirror:8080/a/b/resolve/main/c%20d.gguf");
        let hub = HubSettings::from_variables(|name| (name == "HF_TOKEN").then(|| "a\r\nX: y".to_owned()));
        assert_eq!((hub.endpoint.as_str(), hub.token), ("https://huggingface.co", None));
    }
}
