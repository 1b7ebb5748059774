//! One connection of a client of HTTP/1.1, so small that many run at once, and that a test says
//! what is sent when.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ntlm::http::{ClientConnection, HttpVersion, Next, RequestHeader, Scheme};
use ntlm::{Client, Os};

/// A connection to a server, or to what stands before it.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Connection {
    /// To `http://127.0.0.1:PORT`.
    pub fn open(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{url}: {e}"));
        stream.set_nodelay(true).expect("a socket");
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("a socket");
        Self { stream: BufReader::new(stream) }
    }

    /// Requests a page as who is logged in on this connection, if anybody is.
    pub fn get(&mut self, path: &str) -> Response {
        self.send(&request("GET", path, None, 0));
        self.receive()
    }

    /// Logs in, and gets the page; the status is 401 if that came to nothing.
    pub fn log_in(&mut self, client: Client, path: &str) -> Response {
        let mut login = ClientConnection::new(client);
        let negotiate = login.start(Scheme::Ntlm).expect("there is a NEGOTIATE");
        let mut response = self.get_with(path, &negotiate);
        loop {
            match self.next(&mut login, &response) {
                Some(header) => response = self.get_with(path, &header),
                None => return response,
            }
        }
    }

    /// Requests a page with the header of a step.
    pub fn get_with(&mut self, path: &str, header: &RequestHeader) -> Response {
        self.send(&request("GET", path, Some(header), 0));
        self.receive()
    }

    /// Starts a POST of one byte, which [`finish_post`](Self::finish_post) sends.
    pub fn start_post(&mut self) {
        self.send(&request("POST", "/", None, 1));
    }

    pub fn finish_post(&mut self) -> Response {
        self.send("x");
        self.receive()
    }

    /// The header to answer a response with, `None` if the login is over.
    fn next(&self, login: &mut ClientConnection, response: &Response) -> Option<RequestHeader> {
        let headers = response.headers.iter().map(|(name, value)| (name, value));
        match login.on_response(response.status, HttpVersion::Http11, headers, &mut Os) {
            Ok(Next::Send(header)) => Some(header),
            _ => None,
        }
    }

    fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).expect("the server listens");
    }

    fn receive(&mut self) -> Response {
        let first = self.line();
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a response: {first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: String::new() };
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.expect("the servers here send the length")];
        self.stream.read_exact(&mut body).expect("a whole body");
        response.body = String::from_utf8(body).expect("text");
        response
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line in time");
        line.trim_end().to_owned()
    }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whom the server took the client for.
    pub fn user(&self) -> Option<&str> {
        self.header("x-user")
    }
}

fn request(method: &str, path: &str, header: Option<&RequestHeader>, length: usize) -> String {
    let header = header.map(|header| format!("{}: {}\r\n", header.name, header.value));
    let header = header.unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: www.example.com\r\n\
         Content-Length: {length}\r\n{header}\r\n"
    )
}
