//! HTTP for downloads: proxies of the environment, redirects followed by hand so that a token never leaves the host it
//! was meant for, and errors sorted into what is worth trying again and what is not.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use ureq::http::{HeaderMap, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Redirects followed before giving up.
const MAX_REDIRECTS: usize = 10;
/// To find and reach a host: short, so that a machine without network says so at once.
const REACH: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const SILENCE: Duration = Duration::from_secs(30);
/// Variables that name a file of root certificates, as curl, Python and OpenSSL know them.
const CERTIFICATES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Why a request gave no usable answer. The texts are halves of sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpError {
    /// The host cannot be reached at all: trying again at once is pointless.
    Offline(String),
    /// Worth trying again, after this many seconds if the server named a time.
    Transient(String, Option<u64>),
    /// An answer that is not the file.
    Status {
        /// The status code.
        code: u16,
        /// `X-Error-Code`, with which the hub names its reason.
        reason: Option<String>,
    },
    /// Anything else that will not change by itself.
    Final(String),
}

impl HttpError {
    /// The half sentence for the user.
    pub(crate) fn say(&self) -> String {
        match self {
            Self::Offline(text) | Self::Transient(text, _) | Self::Final(text) => text.clone(),
            Self::Status { code, .. } => format!("the server answered with status {code}"),
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Request<'a> {
    /// Where to.
    pub url: &'a str,
    /// Sent as a bearer token to the first address's host alone.
    pub token: Option<&'a str>,
    /// Ask for the bytes from here on.
    pub from: u64,
    /// Only if the file still has this strong entity tag; else the whole file.
    pub if_range: Option<&'a str>,
}

/// An answer after all redirects.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// The client of this process.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
}

impl Client {
    pub(crate) fn new() -> Self {
        let mut config = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("parallax/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(REACH))
            .timeout_connect(Some(REACH))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE));
        if let Some(roots) = own_certificates() {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Self { agent: config.build().new_agent() }
    }

    /// GET, following redirects. Answers other than 200 and 206 are errors.
    pub(crate) fn get(&self, request: &Request<'_>) -> Result<Answer, HttpError> {
        let answer = self.follow(request, false, |_| false)?;
        match answer.status {
            200 | 206 => Ok(answer),
            _ => Err(status_error(&answer.headers, answer.status)),
        }
    }

    /// HEAD, following redirects until `enough` holds for an answer's headers. Error statuses are errors.
    pub(crate) fn head(
        &self,
        request: &Request<'_>,
        enough: impl Fn(&HeaderMap) -> bool,
    ) -> Result<HeaderMap, HttpError> {
        let answer = self.follow(request, true, enough)?;
        if answer.status < 400 { Ok(answer.headers) } else { Err(status_error(&answer.headers, answer.status)) }
    }

    fn follow(
        &self,
        request: &Request<'_>,
        head: bool,
        enough: impl Fn(&HeaderMap) -> bool,
    ) -> Result<Answer, HttpError> {
        let first = parse(request.url)?;
        let mut at = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let url = at.to_string();
            let mut call = if head { self.agent.head(&url) } else { self.agent.get(&url) };
            if let Some(token) = request.token.filter(|_| same_origin(&at, &first)) {
                call = call.header("Authorization", format!("Bearer {token}"));
            }
            if request.from > 0 {
                call = call.header("Range", format!("bytes={}-", request.from));
                if let Some(tag) = request.if_range {
                    call = call.header("If-Range", tag);
                }
            }
            let (parts, body) = call.call().map_err(|error| sort(error, at.host().unwrap_or_default()))?.into_parts();
            let status = parts.status.as_u16();
            let location = header(&parts.headers, "location").filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
            match location {
                Some(location) if !enough(&parts.headers) => {
                    let next = join(&at, location)?;
                    if at.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                        return Err(HttpError::Final("it redirects from https to an unprotected address".into()));
                    }
                    at = next;
                }
                _ => return Ok(Answer { status, headers: parts.headers, body }),
            }
        }
        Err(HttpError::Final(format!("it redirects more than {MAX_REDIRECTS} times")))
    }
}

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn status_error(headers: &HeaderMap, code: u16) -> HttpError {
    match code {
        408 | 425 | 429 | 500..=599 => {
            let wait = header(headers, "retry-after").and_then(|text| text.trim().parse().ok());
            HttpError::Transient(format!("the server answered with status {code}"), wait)
        }
        _ => HttpError::Status { code, reason: header(headers, "x-error-code").map(str::to_owned) },
    }
}

fn sort(error: ureq::Error, host: &str) -> HttpError {
    use ureq::Timeout;
    let offline = |why: &str| HttpError::Offline(format!("no connection to {host} ({why})"));
    match error {
        ureq::Error::HostNotFound => offline("its name cannot be resolved"),
        ureq::Error::ConnectionFailed => offline("nothing answers"),
        ureq::Error::ConnectProxyFailed(why) => offline(&format!("the proxy refuses: {why}")),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => offline("it does not answer"),
        ureq::Error::Timeout(_) => HttpError::Transient(format!("{host} went silent"), None),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => offline("it refuses connections"),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::AddrNotAvailable => {
                offline("it cannot be reached")
            }
            // A name that cannot be resolved arrives as an uncategorised error of the system's resolver.
            _ if error.raw_os_error().is_none() && error.to_string().contains("lookup address") => {
                offline("its name cannot be resolved")
            }
            _ => HttpError::Transient(format!("the connection to {host} broke ({error})"), None),
        },
        ureq::Error::Protocol(error) => HttpError::Transient(format!("{host} gave a broken answer ({error})"), None),
        ureq::Error::InvalidProxyUrl => HttpError::Final("the proxy in the environment is no valid address".into()),
        error => HttpError::Final(format!("{host}: {error}")),
    }
}

fn parse(url: &str) -> Result<Uri, HttpError> {
    let uri: Uri = url.parse().map_err(|_| HttpError::Final(format!("{url} is no valid address")))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(HttpError::Final(format!("{url} is no http or https address"))),
    }
}

/// Where a `Location` leads, seen from `base`.
fn join(base: &Uri, location: &str) -> Result<Uri, HttpError> {
    let location = location.split('#').next().unwrap_or_default();
    let (scheme, authority) =
        (base.scheme_str().unwrap_or("https"), base.authority().map(ToString::to_string).unwrap_or_default());
    if location.starts_with("//") {
        parse(&format!("{scheme}:{location}"))
    } else if location.starts_with('/') {
        parse(&format!("{scheme}://{authority}{location}"))
    } else if location.contains("://") {
        parse(location)
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        parse(&format!("{scheme}://{authority}{folder}/{location}"))
    }
}

fn same_origin(a: &Uri, b: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    a.scheme_str() == b.scheme_str()
        && a.host().zip(b.host()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
        && port(a) == port(b)
}

/// The root certificates that the environment names: behind a proxy that inspects TLS nothing else works.
fn own_certificates() -> Option<RootCerts> {
    let path = CERTIFICATES.iter().find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))?;
    let pem = std::fs::read(path).ok()?;
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    (!certificates.is_empty()).then(|| RootCerts::new_with_certs(&certificates))
}

/// `text` for use in the path of an address: everything but letters, digits, `-._~` and `/` is percent-encoded.
pub(crate) fn encode_path(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn locations_are_joined() {
        let base = parse("https://h:8/a/b/c").unwrap();
        for (location, whole) in [
            ("https://x/y?z=1#f", "https://x/y?z=1"),
            ("//x/y", "https://x/y"),
            ("/y", "https://h:8/y"),
            ("y", "https://h:8/a/b/y"),
        ] {
            assert_eq!(join(&base, location).unwrap().to_string(), whole);
        }
        assert!(join(&base, "file:///etc/passwd").is_err());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| same_origin(&parse(a).unwrap(), &parse(b).unwrap());
        assert!(same("https://h/a", "https://H:443/b"));
        assert!(!same("https://h/a", "http://h/a"));
        assert!(!same("http://h:1/a", "http://h:2/a"));
        assert!(!same("https://h/a", "https://h.evil/a"));
    }

    #[test]
    fn paths_are_encoded() {
        assert_eq!(encode_path("a b/c#d?e%f.gguf"), "a%20b/c%23d%3Fe%25f.gguf");
    }
}
