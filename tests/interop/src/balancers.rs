//! Load balancers in front of servers.

use std::process::Command;

use crate::certificates::Certificate;
use crate::ports::free_port;
use crate::process::Process;
use crate::programs::{example, installed, required};
use crate::scratch::Directory;

/// A load balancer that runs.
#[derive(Debug)]
pub struct Balancer {
    process: Process,
    /// `http://127.0.0.1:PORT`, or with `https`.
    pub url: String,
    _directory: Directory,
}

impl Balancer {
    /// HAProxy, in front of servers `127.0.0.1:PORT`, with a setting in its `defaults`.
    pub fn haproxy(servers: &[&str], setting: &str) -> Self {
        Self::haproxy_on("http", "", servers, setting, "")
    }

    /// HAProxy, which shows a certificate to its clients and does not look at that of the server.
    pub fn haproxy_with_tls(certificate: &Certificate, server: &str) -> Self {
        let tls = format!("ssl crt {}", certificate.combined_file().display());
        Self::haproxy_on("https", &tls, &[server], "", "ssl verify none")
    }

    fn haproxy_on(
        scheme: &str,
        tls: &str,
        servers: &[&str],
        setting: &str,
        server_option: &str,
    ) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let servers: String = servers
            .iter()
            .enumerate()
            .map(|(index, server)| format!("    server s{index} {server} {server_option}\n"))
            .collect();
        let configuration = format!(
            "defaults\n    mode http\n\
             \x20   timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n\
             \x20   {setting}\n\
             frontend clients\n    bind 127.0.0.1:{port} {tls}\n    default_backend servers\n\
             backend servers\n    balance roundrobin\n{servers}"
        );
        let configuration = directory.write("haproxy.cfg", &configuration);
        let mut command = installed("haproxy");
        command.arg("-db").arg("-f").arg(configuration);
        Self::start(command, scheme, port, directory)
    }

    /// nginx, with the contents of its configuration but for `listen 127.0.0.1:PORT`, which takes
    /// the place of `LISTEN`.
    pub fn nginx(configuration: &str) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let listen = format!("listen 127.0.0.1:{port};");
        let place = directory.path().display();
        let configuration = format!(
            "load_module {};\n\
             daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr;\n\
             events {{}}\n{}",
            required("/usr/lib/nginx/modules/ngx_stream_module.so").display(),
            configuration.replace("LISTEN", &listen)
        );
        let configuration = directory.write("nginx.conf", &configuration);
        let mut command = installed("nginx");
        command.args(["-e", "stderr", "-p"]).arg(directory.path()).arg("-c").arg(configuration);
        Self::start(command, "http", port, directory)
    }

    /// The example `reverse_proxy`.
    pub fn ours(servers: &[&str], arguments: &[&str]) -> Self {
        let mut command = example("reverse_proxy");
        command.args(arguments);
        Self::start_ours(command, servers)
    }

    /// The same, which may have this many open files.
    pub fn ours_with_files(servers: &[&str], files: u32) -> Self {
        let mut command = installed("sh");
        let script = format!("ulimit -n {files}; exec \"$0\" \"$@\" 2>&1");
        command.args(["-c", &script]).arg(example("reverse_proxy").get_program());
        Self::start_ours(command, servers)
    }

    fn start_ours(mut command: Command, servers: &[&str]) -> Self {
        command.args(["--listen", "127.0.0.1:0"]);
        for server in servers {
            command.args(["--upstream", server]);
        }
        let mut process = Process::start(&mut command);
        let url = process.wait_for("listening on ");
        Self { process, url, _directory: Directory::new() }
    }

    fn start(mut command: Command, scheme: &str, port: u16, directory: Directory) -> Self {
        let mut process = Process::start(&mut command);
        process.wait_for_port(port);
        Self { process, url: format!("{scheme}://127.0.0.1:{port}"), _directory: directory }
    }

    /// Waits for a line of its output that begins so.
    pub fn wait_for(&mut self, beginning: &str) {
        self.process.wait_for(beginning);
    }

    /// What it printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.process.lines()
    }
}
