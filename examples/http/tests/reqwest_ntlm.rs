//! `NtlmClient` and a small server in one process. The runtime has one thread, so the number of
//! requests is deterministic; in one test it has several.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clap::Parser;
use ntlm::http::{HttpVersion, Outcome, ServerConnection, Step};
use ntlm::server::Names;
use ntlm::{Credentials, NtHash, Os, Server};
use ntlm_http_examples::reqwest_ntlm::NtlmClient;
use ntlm_http_examples::trace::Trace;
use reqwest::{ClientBuilder, Url};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_connection_logs_in_once() {
    let site = Site::start();
    let mut client = client("secret", ClientBuilder::new());
    for requests in [3, 1, 1] {
        let answer = client.get(site.url("/")).await.unwrap();
        assert_eq!((answer.response.status().as_u16(), answer.requests), (200, requests));
        answer.response.bytes().await.unwrap();
    }
}

#[tokio::test]
async fn the_body_is_left_out_of_the_first_request_and_made_again() {
    let site = Site::start();
    let made = Mutex::new(0);
    let mut client = client("secret", ClientBuilder::new());
    let body = || {
        *made.lock().unwrap() += 1;
        "twelve bytes"
    };
    let answer = client.post(site.url("/"), body).await.unwrap();
    assert_eq!(answer.response.text().await.unwrap(), "alice");
    let lengths: Vec<_> = site.requests().iter().map(|request| request.body).collect();
    assert_eq!(lengths, [12, 0, 12]);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let site = Site::start();
    let error = client("wrong", ClientBuilder::new()).get(site.url("/")).await.err().unwrap();
    assert_eq!(error.to_string(), "the credentials were not accepted");
    assert_eq!(site.requests().len(), 3);
}

/// Each login runs outside of the threads that drive the connections, so it is often faster than reqwest's
/// pool, and must start over.
#[tokio::test(flavor = "multi_thread")]
async fn no_login_of_200_fails_on_several_threads() {
    let (url, started) = (Site::start().url("/"), Arc::new(AtomicU32::new(0)));
    let mut threads = JoinSet::new();
    for _ in 0..8 {
        let (url, started) = (url.clone(), Arc::clone(&started));
        threads.spawn_blocking(move || {
            while started.fetch_add(1, Relaxed) < 200 {
                let mut client = client("secret", ClientBuilder::new());
                let text = Handle::current().block_on(async {
                    client.get(url.clone()).await.unwrap().response.text().await
                });
                assert_eq!(text.unwrap(), "alice");
            }
        });
    }
    threads.join_all().await;
    assert!(started.load(Relaxed) >= 200);
}

#[tokio::test]
async fn body_without_an_end_ends_the_login() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        receive(&mut stream).unwrap();
        let head = "HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        // Ends when the client closes the connection.
        while stream.get_mut().write_all(chunk.as_bytes()).is_ok() {}
    });
    let error = client("secret", ClientBuilder::new()).get(url).await.err().unwrap();
    assert_eq!(error.to_string(), "a response that is not the last is too long");
}

/// Each request uses another connection. The client then only sends NEGOTIATEs: it does not report a
/// wrong password, and does not answer the CHALLENGE of one connection on another.
#[tokio::test]
async fn a_pool_that_always_uses_another_connection_is_an_error() {
    let site = Site::start();
    let builder = ClientBuilder::new().pool_idle_timeout(Duration::from_nanos(1));
    let error = client("secret", builder).get(site.url("/")).await.err().unwrap();
    assert!(error.to_string().contains("the login does not end"), "{error}");
    let requests = site.requests();
    assert!(requests.len() > 10);
    let is_last_message = |request: &Request| request.token_len > 200;
    assert!(!requests.iter().any(is_last_message), "{requests:#?}");
}

#[tokio::test]
async fn redirects_are_followed_only_to_the_same_server() {
    let site = Site::start();
    let mut client = client("secret", ClientBuilder::new());
    let answer = client.post(site.url("/redirect"), || "twelve bytes").await.unwrap();
    assert_eq!(answer.response.url().path(), "/target");
    assert_eq!(answer.response.text().await.unwrap(), "alice");
    let last = site.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.body, last.token_len), ("GET", 0, 0));
    let error = client.get(site.url("/away")).await.err().unwrap();
    assert!(error.to_string().contains("another server"), "{error}");
}

fn client(password: &str, builder: ClientBuilder) -> NtlmClient {
    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        trace: Trace,
    }
    let trace = Options::parse_from(["test"]).trace;
    let builder = builder.no_proxy().timeout(Duration::from_secs(30));
    let builder = builder.tls_backend_preconfigured(no_tls());
    NtlmClient::new(builder, Credentials::password("alice", password), trace).unwrap()
}

fn no_tls() -> tokio_rustls::rustls::ClientConfig {
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// A server that answers with the user's name, and records the requests.
struct Site {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

#[derive(Clone, Debug, Default)]
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: usize,
    /// The length of `Authorization`.
    token_len: usize,
}

impl Site {
    /// It runs until the test program ends.
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, requests) = (listener.local_addr().unwrap().port(), Arc::default());
        let shared = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let requests = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &requests));
            }
        });
        Self { port, requests }
    }

    fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.port).parse().unwrap()
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, requests: &Mutex<Vec<Request>>) {
    let mut stream = BufReader::new(stream);
    let mut connection = ServerConnection::new(Server::new(Names::standalone("WEB")));
    while let Some(request) = receive(&mut stream) {
        requests.lock().unwrap().push(request.clone());
        let headers = request.headers.iter().map(|(name, value)| (name, value));
        let outcome = match connection.on_request(HttpVersion::Http11, headers, &mut Os) {
            Step::LookUp(look_up) => {
                let hash = NtHash::from_password("secret");
                look_up.verify(|claim| claim.verify_nt_hash(&hash))
            }
            Step::Outcome(outcome) => outcome,
        };
        let (status, header, body) = match outcome {
            Outcome::Authenticated(_) => match request.path.as_str() {
                "/redirect" => (302, "Location: /target".into(), ""),
                "/away" => (302, "Location: http://other.example/".into(), ""),
                _ => (200, "X-Header: none".into(), "alice"),
            },
            Outcome::Continue(reply) => (401, format!("{}: {}", reply.name, reply.values[0]), ""),
            Outcome::Refused(refusal) => {
                let reply = refusal.reply;
                (reply.status, format!("{}: {}", reply.name, reply.values[0]), "")
            }
        };
        let length = body.len();
        let response =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{header}\r\n\r\n{body}");
        if stream.get_mut().write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

/// `None` if the client hangs up.
fn receive(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut request = Request::default();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if let Some((name, value)) = line.split_once(": ") {
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "content-length" => request.body = value.parse().unwrap(),
                "authorization" => request.token_len = value.len(),
                _ => {}
            }
            request.headers.push((name, value.into()));
        } else if let [method, path, _] = line.split(' ').collect::<Vec<_>>()[..] {
            (request.method, request.path) = (method.into(), path.into());
        } else {
            break;
        }
    }
    let mut body = vec![0; request.body];
    stream.read_exact(&mut body).ok()?;
    Some(request)
}
