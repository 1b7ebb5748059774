//! FreeRADIUS, which authenticates users of Wi-Fi and VPNs with the help of `ntlm_auth`.

use crate::certificates::Certificate;
use crate::helper::our_helper;
use crate::ports::free_port;
use crate::process::{Finished, Process, run};
use crate::programs::{installed, required};
use crate::scratch::Directory;

const SECRET: &str = "testing123";

/// A server that verifies MS-CHAP, and MS-CHAPv2 in PEAP and EAP-TTLS, with our helper.
#[derive(Debug)]
pub struct FreeRadius {
    port: u16,
    process: Process,
    directory: Directory,
    certificate: Certificate,
}

impl FreeRadius {
    /// With such a file of users, and more options of the helper.
    pub fn start(users: &str, options: &str) -> Self {
        let (port, directory, certificate) = (free_port(), Directory::new(), Certificate::new());
        let helper = our_helper(&directory, users);
        let ntlm_auth = format!("{helper} --request-nt-key {options} {QUESTION}");
        let place = directory.path().display().to_string();
        let libraries = required("/usr/lib/freeradius").display().to_string();
        directory.write("radiusd.conf", &configuration(port, &place, &libraries, &ntlm_auth));
        directory.write("eap.conf", &eap(&certificate));
        let mut radiusd = installed("freeradius");
        radiusd.args(["-X", "-d"]).arg(directory.path());
        let mut process = Process::start(&mut radiusd);
        process.wait_for("Ready to process requests");
        Self { port, process, directory, certificate }
    }

    /// Asks it with MS-CHAP.
    pub fn radtest(&self, user: &str, password: &str) -> Finished {
        let server = format!("127.0.0.1:{}", self.port);
        run(installed("radtest").args(["-x", "-t", "mschap", user, password, &server, "0", SECRET]))
    }

    /// Logs in as a Wi-Fi client does, over PEAP or TTLS with MS-CHAPv2 inside.
    pub fn eapol_test(&self, outer: &str, user: &str, password: &str) -> Finished {
        let network = format!(
            "network={{\n  key_mgmt=WPA-EAP\n  eap={outer}\n  anonymous_identity=\"somebody\"\n\
             \x20 identity=\"{user}\"\n  password=\"{password}\"\n  ca_cert=\"{}\"\n\
             \x20 phase2=\"auth=MSCHAPV2\"\n}}\n",
            self.certificate.file().display()
        );
        let network = self.directory.write("network.conf", &network);
        let port = self.port.to_string();
        let mut eapol_test = installed("eapol_test");
        eapol_test.args(["-a", "127.0.0.1", "-p", &port, "-s", SECRET, "-t", "30", "-c"]);
        run(eapol_test.arg(network))
    }

    /// What it did.
    pub fn log(&self) -> String {
        self.process.lines().join("\n")
    }
}

/// The name without the domain, which comes on its own.
const QUESTION: &str = "--domain=%{%{mschap:NT-Domain}:-EXAMPLE} \
     --username=%{%{mschap:User-Name}:-None} --challenge=%{%{mschap:Challenge}:-00} \
     --nt-response=%{%{mschap:NT-Response}:-00}";

fn configuration(port: u16, place: &str, libraries: &str, ntlm_auth: &str) -> String {
    format!(
        "libdir = {libraries}\nlogdir = {place}\nrun_dir = {place}\ndb_dir = {place}\n\
         security {{\n  reject_delay = 0\n}}\n\
         client localhost {{\n  ipaddr = 127.0.0.1\n  secret = {SECRET}\n}}\n\
         modules {{\n\
         \x20 mschap {{\n    with_ntdomain_hack = yes\n    ntlm_auth = \"{ntlm_auth}\"\n  }}\n\
         \x20 $INCLUDE {place}/eap.conf\n}}\n\
         server default {{\n\
         \x20 listen {{\n    type = auth\n    ipaddr = 127.0.0.1\n    port = {port}\n  }}\n\
         {SECTIONS}}}\n\
         server inner {{\n{SECTIONS}}}\n"
    )
}

const SECTIONS: &str = "  authorize {\n    mschap\n    eap {\n      ok = return\n    }\n  }\n\
     \x20 authenticate {\n    Auth-Type MS-CHAP {\n      mschap\n    }\n    eap\n  }\n";

fn eap(certificate: &Certificate) -> String {
    let (file, key) = (certificate.file(), certificate.key_file());
    format!(
        "eap {{\n  default_eap_type = peap\n\
         \x20 tls-config tls-common {{\n    private_key_file = {}\n    certificate_file = {}\n\
         \x20   tls_max_version = \"1.2\"\n  }}\n\
         \x20 peap {{\n    tls = tls-common\n    default_eap_type = mschapv2\n\
         \x20   virtual_server = inner\n  }}\n\
         \x20 ttls {{\n    tls = tls-common\n    default_eap_type = mschapv2\n\
         \x20   virtual_server = inner\n  }}\n\
         \x20 mschapv2 {{\n  }}\n}}\n",
        key.display(),
        file.display()
    )
}
