//! Serves a directory as web pages.

use std::fmt::Write;
use std::io;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use tokio_util::io::ReaderStream;

/// The body of a response: text, or a file piece by piece.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

pub fn text(status: StatusCode, text: String) -> Response<Body> {
    page(status, "text/plain; charset=utf-8", text)
}

pub fn redirect(location: &str) -> Response<Body> {
    let mut response = text(StatusCode::FOUND, format!("{location}\n"));
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Serves the file or the directory listing that a URL's path names below `directory`, whose own
/// path must not contain links. Hidden files, `withheld` files and links that lead out of the
/// directory are reported as missing.
pub async fn serve(
    directory: &Path,
    withheld: &[PathBuf],
    path: &str,
) -> io::Result<Response<Body>> {
    let not_found = || Ok(text(StatusCode::NOT_FOUND, "not found\n".into()));
    let Some(place) = below(directory, path) else { return not_found() };
    let Ok(place) = tokio::fs::canonicalize(place).await else { return not_found() };
    if !place.starts_with(directory) || withheld.contains(&place) {
        return not_found();
    }
    let metadata = tokio::fs::metadata(&place).await?;
    if metadata.is_file() {
        return file(&place, metadata.len()).await;
    }
    if !path.ends_with('/') {
        return Ok(redirect(&format!("{path}/")));
    }
    list(&place, withheld, path).await
}

async fn file(place: &Path, length: u64) -> io::Result<Response<Body>> {
    let file = tokio::fs::File::open(place).await?;
    let body = StreamBody::new(ReaderStream::new(file).map_ok(Frame::data));
    let mut response = Response::new(body.boxed_unsync());
    let content_type = match place.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("txt" | "md" | "rs" | "toml") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    Ok(response)
}

async fn list(place: &Path, withheld: &[PathBuf], path: &str) -> io::Result<Response<Body>> {
    let mut names = Vec::new();
    let mut entries = tokio::fs::read_dir(place).await?;
    while let Some(entry) = entries.next_entry().await? {
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_hidden || withheld.contains(&entry.path()) {
            continue;
        }
        let slash = if entry.file_type().await?.is_dir() { "/" } else { "" };
        names.push(entry.file_name().to_string_lossy().into_owned() + slash);
    }
    names.sort();
    let title = escape(path);
    let mut html = format!("<!DOCTYPE html>\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n");
    for name in names {
        let link = percent_encode(&name).replace("%2F", "/");
        let _ = writeln!(html, "<li><a href=\"{link}\">{}</a>", escape(&name));
    }
    html.push_str("</ul>\n");
    Ok(page(StatusCode::OK, "text/html; charset=utf-8", html))
}

fn page(status: StatusCode, content_type: &'static str, text: String) -> Response<Body> {
    let body = Full::from(text).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The path below the directory; `None` if it leads out of the directory or to a hidden file.
fn below(directory: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode(path)?;
    let mut place = directory.to_owned();
    for component in Path::new(path.trim_start_matches('/')).components() {
        match component {
            Component::Normal(name) if !name.as_encoded_bytes().starts_with(b".") => {
                place.push(name);
            }
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(place)
}

/// Percent-encodes each byte that a URL cannot contain, and the slash.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~\\".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_directory_or_to_hidden_files() {
        let place = |path| below(Path::new("/srv"), path);
        assert_eq!(place("/a/./b%20c"), Some("/srv/a/b c".into()));
        assert_eq!(place("//etc/passwd"), Some("/srv/etc/passwd".into()));
        for path in ["/..", "/a/../../b", "/%2e%2e/b", "/%2", "/%zz", "/%ff", "/.git/config"] {
            assert_eq!(place(path), None, "{path}");
        }
    }

    #[tokio::test]
    async fn withheld_files_are_missing() {
        let directory = std::env::temp_dir().join(format!("ntlm-files-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let directory = directory.canonicalize().unwrap();
        for name in ["page.txt", "key.pem", ".hidden"] {
            std::fs::write(directory.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", directory.join("link")).unwrap();
        let withheld = [directory.join("key.pem")];
        let get = async |path| serve(&directory, &withheld, path).await.unwrap();
        assert_eq!(get("/page.txt").await.status(), StatusCode::OK);
        for path in ["/key.pem", "/./key.pem", "/.hidden", "/link", "/nothing"] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let list = get("/").await.into_body().collect().await.unwrap().to_bytes();
        let list = String::from_utf8_lossy(&list);
        assert!(list.contains("page.txt") && !list.contains("key.pem"), "{list}");
        assert!(!list.contains("hidden"), "{list}");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn links_lead_to_files_with_any_name() {
        for name in ["a b", "σ<\"&%", "EXAMPLE\\jürgen"] {
            assert_eq!(percent_decode(&percent_encode(name)).as_deref(), Some(name));
        }
    }
}
