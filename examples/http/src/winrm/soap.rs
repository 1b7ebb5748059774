//! Writes and reads the few SOAP envelopes that a remote command needs ([MS-WSMV] 3.1.4), for both
//! sides.

use std::fmt::Write;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ntlm::Os;
use ntlm::environment::Environment;
use roxmltree::{Document, Node};

/// The action of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Create,
    Command,
    Receive,
    Signal,
    Delete,
}

const SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
const NAMESPACES: &str = "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
    xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
    xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" \
    xmlns:x=\"http://schemas.xmlsoap.org/ws/2004/09/transfer\" \
    xmlns:rsp=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell\"";
const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";

impl Action {
    const ALL: [Self; 5] = [Self::Create, Self::Command, Self::Receive, Self::Signal, Self::Delete];

    fn uri(self) -> String {
        let base = match self {
            Self::Create | Self::Delete => TRANSFER,
            Self::Command | Self::Receive | Self::Signal => SHELL,
        };
        format!("{base}/{self:?}")
    }
}

/// A request of a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub message_id: String,
    pub action: Action,
    pub shell_id: Option<String>,
    /// The line to run, with its arguments.
    pub command_line: Option<String>,
    pub command_id: Option<String>,
}

impl Request {
    /// Writes a request to this URL.
    pub fn emit(&self, url: &str) -> String {
        let Self { message_id, action, shell_id, command_line, command_id } = self;
        let selector = shell_id.as_ref().map_or_else(String::new, |id| {
            let id = escape(id);
            format!("<w:SelectorSet><w:Selector Name=\"ShellId\">{id}</w:Selector></w:SelectorSet>")
        });
        let command_id = escape(command_id.as_deref().unwrap_or_default());
        let body = match action {
            Action::Create => "<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams>\
                <rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
                .into(),
            Action::Command => {
                let line = escape(command_line.as_deref().unwrap_or_default());
                format!("<rsp:CommandLine><rsp:Command>{line}</rsp:Command></rsp:CommandLine>")
            }
            Action::Receive => format!(
                "<rsp:Receive><rsp:DesiredStream CommandId=\"{command_id}\">stdout stderr\
                 </rsp:DesiredStream></rsp:Receive>"
            ),
            Action::Signal => format!(
                "<rsp:Signal CommandId=\"{command_id}\"><rsp:Code>{SHELL}/signal/terminate</rsp:Code>\
                 </rsp:Signal>"
            ),
            Action::Delete => String::new(),
        };
        format!(
            "<s:Envelope {NAMESPACES}><s:Header><a:To>{}</a:To><a:ReplyTo>\
             <a:Address s:mustUnderstand=\"true\">{ANONYMOUS}</a:Address></a:ReplyTo>\
             <w:MaxEnvelopeSize s:mustUnderstand=\"true\">153600</w:MaxEnvelopeSize>\
             <a:MessageID>{}</a:MessageID><w:OperationTimeout>PT20S</w:OperationTimeout>\
             <w:ResourceURI s:mustUnderstand=\"true\">{SHELL}/cmd</w:ResourceURI>\
             <a:Action s:mustUnderstand=\"true\">{}</a:Action>{selector}</s:Header>\
             <s:Body>{body}</s:Body></s:Envelope>",
            escape(url),
            escape(message_id),
            action.uri(),
        )
    }

    /// Reads a request.
    ///
    /// # Errors
    /// If the envelope is malformed, or asks for anything other than a command in a shell.
    pub fn parse(envelope: &str) -> anyhow::Result<Self> {
        // The parser compares all attributes and namespaces with each other, which takes minutes if
        // there are many.
        let attributes = envelope.matches('=').count();
        ensure!(attributes <= MOST_ATTRIBUTES, "the request has too many attributes");
        let document = Document::parse(envelope).context("the request is not XML")?;
        let uri = text(&document, "Action").context("the request has no action")?;
        let action = Action::ALL.into_iter().find(|action| action.uri() == uri);
        let action = action.with_context(|| format!("the action {uri:?} is not supported"))?;
        let command = text(&document, "Command").map(|command| {
            // pywinrm sends arguments separately, in one or in several elements.
            let arguments = all(&document, "Arguments").filter_map(|node| node.text());
            [command].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
        });
        let command_id = document.descendants().find_map(|node| node.attribute("CommandId"));
        let shell =
            all(&document, "Selector").find(|node| node.attribute("Name") == Some("ShellId"));
        Ok(Self {
            message_id: text(&document, "MessageID").unwrap_or_default().to_owned(),
            action,
            shell_id: shell.and_then(|node| node.text()).map(str::to_owned),
            command_line: command,
            command_id: command_id.map(str::to_owned),
        })
    }

    /// The answer to this request.
    pub fn answer(&self, body: &Answer) -> String {
        let body = match body {
            Answer::Shell(id) => format!(
                "<rsp:Shell><rsp:ShellId>{id}</rsp:ShellId></rsp:Shell><x:ResourceCreated>\
                 <a:ReferenceParameters><w:SelectorSet><w:Selector Name=\"ShellId\">{id}</w:Selector>\
                 </w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
            ),
            Answer::Command(id) => format!(
                "<rsp:CommandResponse><rsp:CommandId>{id}</rsp:CommandId></rsp:CommandResponse>"
            ),
            Answer::Output { command_id, output } => output.emit(command_id),
            Answer::Done => String::new(),
        };
        envelope(&self.message_id, &format!("{}Response", self.action.uri()), &body)
    }
}

/// More than the requests of real clients contain, including the `=` in their text.
const MOST_ATTRIBUTES: usize = 200;

/// The body of a server's answer.
#[derive(Debug)]
pub enum Answer {
    Shell(String),
    Command(String),
    Output { command_id: String, output: Output },
    Done,
}

/// The output of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Present once the command has ended.
    pub exit_code: Option<i32>,
}

const DONE: &str = "CommandState/Done";

impl Output {
    fn emit(&self, command_id: &str) -> String {
        let mut streams = String::new();
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let data = BASE64_STANDARD.encode(bytes);
            let _ = write!(
                streams,
                "<rsp:Stream Name=\"{name}\" CommandId=\"{command_id}\">{data}</rsp:Stream>"
            );
        }
        let exit_code = self.exit_code.unwrap_or_default();
        format!(
            "<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId=\"{command_id}\" \
             State=\"{SHELL}/{DONE}\"><rsp:ExitCode>{exit_code}</rsp:ExitCode></rsp:CommandState>\
             </rsp:ReceiveResponse>"
        )
    }
}

/// A fault: the reason why a request failed.
pub fn fault(message_id: &str, reason: &str) -> String {
    let body = format!(
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason>\
         <s:Text xml:lang=\"en-US\">{}</s:Text></s:Reason></s:Fault>",
        escape(reason)
    );
    envelope(message_id, "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", &body)
}

fn envelope(relates_to: &str, action: &str, body: &str) -> String {
    format!(
        "<s:Envelope {NAMESPACES}><s:Header><a:Action>{action}</a:Action>\
         <a:MessageID>{}</a:MessageID><a:To>{ANONYMOUS}</a:To>\
         <a:RelatesTo>{}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>",
        message_id().unwrap_or_default(),
        escape(relates_to),
    )
}

/// Windows' code for a running command that printed nothing within `OperationTimeout`.
const NO_OUTPUT_YET: &str = "2150858793";

/// The parts of a server's response that a client needs.
#[derive(Debug, Default)]
pub struct Response {
    pub shell_id: Option<String>,
    pub command_id: Option<String>,
    pub output: Output,
}

impl Response {
    /// Reads the response to the request with this action and this identifier.
    ///
    /// # Errors
    /// If the envelope is malformed, answers another request, or is a fault. If a command has
    /// printed nothing yet, the result is an output without an exit code.
    pub fn parse(envelope: &str, action: Action, message_id: &str) -> anyhow::Result<Self> {
        let document = Document::parse(envelope).context("the response is not XML")?;
        let relates_to = text(&document, "RelatesTo").unwrap_or_default();
        let is_fault = all(&document, "Fault").next().is_some();
        // A server that could not read the request does not know its identifier.
        let is_to_this =
            relates_to.eq_ignore_ascii_case(message_id) || is_fault && relates_to.is_empty();
        ensure!(is_to_this, "the response answers another request");
        let mut codes = all(&document, "WSManFault").map(|fault| fault.attribute("Code"));
        if action == Action::Receive && codes.any(|code| code == Some(NO_OUTPUT_YET)) {
            return Ok(Self::default());
        }
        if is_fault {
            let reason = text(&document, "Text").unwrap_or("no reason given").trim();
            bail!("the server reports {reason:?}");
        }
        let mut output = Output::default();
        for stream in all(&document, "Stream") {
            let data: String = stream.text().unwrap_or_default().split_whitespace().collect();
            let data = BASE64_STANDARD.decode(data).context("a stream is not base64")?;
            match stream.attribute("Name") {
                Some("stderr") => output.stderr.extend(data),
                _ => output.stdout.extend(data),
            }
        }
        let state = all(&document, "CommandState").find_map(|node| node.attribute("State"));
        if state.is_some_and(|state| state.ends_with(DONE)) {
            let code = text(&document, "ExitCode").unwrap_or("0");
            output.exit_code = Some(code.trim().parse().context("the exit code is not a number")?);
        }
        let text = |name| text(&document, name).map(str::to_owned);
        Ok(Self { shell_id: text("ShellId"), command_id: text("CommandId"), output })
    }
}

/// A new identifier of a message.
pub fn message_id() -> anyhow::Result<String> {
    Ok(format!("uuid:{}", uuid()?))
}

/// A random UUID (RFC 9562, version 4), in upper case like those of Windows.
pub fn uuid() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    Os.fill_random(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut uuid = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(uuid, "{hyphen}{byte:02X}")?;
    }
    Ok(uuid)
}

/// All elements of this name, in any namespace.
fn all<'a>(document: &'a Document<'_>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(move |node| node.tag_name().name() == name)
}

fn text<'a>(document: &'a Document<'_>, name: &'a str) -> Option<&'a str> {
    all(document, name).next()?.text()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(action: Action) -> Request {
        Request {
            message_id: message_id().unwrap(),
            action,
            shell_id: Some("SHELL".into()),
            command_line: (action == Action::Command).then(|| "echo <a> & \"b\" 'ü'".into()),
            command_id: matches!(action, Action::Receive | Action::Signal)
                .then(|| "COMMAND".into()),
        }
    }

    #[test]
    fn requests_are_read_as_they_were_written() {
        for action in Action::ALL {
            let request = request(action);
            assert_eq!(Request::parse(&request.emit("http://h/?a&b")).unwrap(), request);
        }
    }

    #[test]
    fn responses_are_read_as_they_were_written() {
        let read = |request: &Request, answer| {
            let answer = request.answer(&answer);
            Response::parse(&answer, request.action, &request.message_id).unwrap()
        };
        let shell = read(&request(Action::Create), Answer::Shell("S".into()));
        assert_eq!(shell.shell_id.as_deref(), Some("S"));
        let command = read(&request(Action::Command), Answer::Command("C".into()));
        assert_eq!(command.command_id.as_deref(), Some("C"));
        let output =
            Output { stdout: b"out\xff".into(), stderr: b"err".into(), exit_code: Some(-3) };
        let answer = Answer::Output { command_id: "C".into(), output: output.clone() };
        assert_eq!(read(&request(Action::Receive), answer).output, output);
    }

    #[test]
    fn faults_and_answers_to_other_requests_are_errors() {
        let fault = fault("uuid:1", "no <shell>");
        let error = Response::parse(&fault, Action::Receive, "uuid:1").unwrap_err();
        assert_eq!(error.to_string(), "the server reports \"no <shell>\"");
        let answer = request(Action::Delete).answer(&Answer::Done);
        assert!(Response::parse(&answer, Action::Delete, "uuid:2").is_err());
    }

    #[test]
    fn only_a_fault_may_answer_an_unreadable_request() {
        let error = Response::parse(&fault("", "no XML"), Action::Create, "uuid:1").unwrap_err();
        assert_eq!(error.to_string(), "the server reports \"no XML\"");
        let request = Request { message_id: String::new(), ..request(Action::Delete) };
        let error = Response::parse(&request.answer(&Answer::Done), request.action, "uuid:1");
        assert_eq!(error.unwrap_err().to_string(), "the response answers another request");
    }

    #[test]
    fn timeout_of_a_receive_is_not_a_fault() {
        let fault = fault("uuid:1", "timeout");
        let detail = format!("<f:WSManFault xmlns:f=\"f\" Code=\"{NO_OUTPUT_YET}\"/></s:Fault>");
        let fault = fault.replace("</s:Fault>", &detail);
        for action in Action::ALL {
            let response = Response::parse(&fault, action, "uuid:1");
            assert_eq!(response.is_ok(), action == Action::Receive, "{action:?}");
            assert!(response.is_err() || response.unwrap().output == Output::default());
        }
    }

    #[test]
    fn a_request_with_many_attributes_is_rejected_unread() {
        let parse = |attributes: usize| {
            let attributes: String = (0..attributes).map(|at| format!(" a{at} = ''")).collect();
            Request::parse(&format!("<a{attributes}/>")).unwrap_err().to_string()
        };
        assert_eq!(parse(MOST_ATTRIBUTES), "the request has no action");
        assert_eq!(parse(MOST_ATTRIBUTES + 1), "the request has too many attributes");
    }

    #[test]
    fn requests_of_other_kinds_and_entities_are_rejected() {
        let other = request(Action::Create).emit("h").replace("/Create<", "/Get<");
        assert!(Request::parse(&other).is_err());
        let bomb = "<!DOCTYPE a [<!ENTITY b \"b\">]><a><Action>&b;</Action></a>";
        assert!(Request::parse(bomb).is_err());
        assert!(Request::parse("no XML").is_err());
    }

    /// A request of pywinrm 0.5.0, shortened.
    #[test]
    fn arguments_may_be_separate_elements() {
        let envelope = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<env:Envelope \
             xmlns:env=\"e\" xmlns:a=\"a\" xmlns:w=\"w\" xmlns:rsp=\"r\"><env:Header>\
             <a:MessageID>uuid:1</a:MessageID><a:Action mustUnderstand=\"true\">{SHELL}/Command</a:Action>\
             <w:SelectorSet><w:Selector Name=\"ShellId\">S</w:Selector></w:SelectorSet></env:Header>\
             <env:Body><rsp:CommandLine><rsp:Command>echo</rsp:Command>\
             <rsp:Arguments>a b</rsp:Arguments></rsp:CommandLine></env:Body></env:Envelope>"
        );
        let request = Request::parse(&envelope).unwrap();
        assert_eq!(request.command_line.as_deref(), Some("echo a b"));
        assert_eq!(request.shell_id.as_deref(), Some("S"));
    }
}
