//! Samba's servers: one that stands alone, and the controller of a domain.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::sync::OnceLock;

use ntlm::NtHash;

use crate::accounts::DOMAIN;
use crate::controller;
use crate::ports::free_port;
use crate::process::Process;
use crate::programs::{installed, interop_directory, required};
use crate::scratch::Directory;

/// A file server with a share, `share`, and a user, [`FILE_SERVER_USER`].
#[derive(Debug)]
pub struct FileServer {
    pub port: u16,
    _process: Process,
    _directory: Directory,
}

/// The user of [`FileServer`], as `smb_client` takes it. Samba wants it to be a user of the system.
pub const FILE_SERVER_USER: &str = r"EXAMPLE\games";
pub const FILE_SERVER_PASSWORD: &str = "correct horse";

/// What `notes.txt` holds in the shares.
pub const NOTES: &str = "only for those who logged in";

/// How long `long.bin` of [`FileServer`] is: more than is read at once.
pub const LONG: usize = 200_000;

impl FileServer {
    /// With these settings besides its own.
    pub fn start(settings: &[&str]) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let place = directory.path().display().to_string();
        write_share(&directory);
        // It serves as the user who logged in.
        let readable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), readable).expect("its own directory");
        let users = directory.write("users", &smbpasswd_line("games", FILE_SERVER_PASSWORD));
        let configuration = directory.write(
            "smb.conf",
            &format!(
                "[global]\n    workgroup = {DOMAIN}\n    netbios name = FILES\n\
                 \x20   server role = standalone server\n    interfaces = lo\n\
                 \x20   bind interfaces only = yes\n    smb ports = {port}\n\
                 \x20   passdb backend = smbpasswd:{}\n    map to guest = never\n\
                 \x20   private dir = {place}\n    lock directory = {place}\n\
                 \x20   state directory = {place}\n    cache directory = {place}\n\
                 \x20   pid directory = {place}\n    ncalrpc dir = {place}/ncalrpc\n\
                 \x20   log file = {place}/log\n    disable spoolss = yes\n\
                 \x20   load printers = no\n    usershare path =\n    {}\n\
                 [share]\n    path = {place}/share\n",
                users.display(),
                settings.join("\n    ")
            ),
        );
        let mut smbd = installed("smbd");
        smbd.args(["--foreground", "--no-process-group", "--configfile"]).arg(configuration);
        // It shall not ask the controller of a domain that runs beside it.
        smbd.env("_NO_WINBINDD", "1");
        let mut process = Process::start(&mut smbd);
        process.wait_for_port(port);
        Self { port, _process: process, _directory: directory }
    }
}

/// Writes what [`FileServer`] shares into the directory `share` of this one.
pub fn write_share(directory: &Directory) {
    fs::create_dir_all(directory.path().join("share/folder")).expect("its own directory");
    directory.write("share/notes.txt", NOTES);
    directory.write("share/folder/grüße 😀.txt", "from afar");
    directory.write("share/long.bin", &"0123456789".repeat(LONG / 10));
}

/// The controller of the domain `EXAMPLE`, on the ports that such a one has, of the loopback
/// interface. It runs until the test program ends.
#[derive(Debug)]
pub struct DomainController {
    /// Holds its standard input open.
    _samba: Child,
}

impl DomainController {
    /// The only one: it is started by whoever needs it first.
    pub fn shared() -> &'static Self {
        static CONTROLLER: OnceLock<DomainController> = OnceLock::new();
        CONTROLLER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let directory = required(interop_directory().join("controller"));
        Self { _samba: controller::start(&directory.join("etc/smb.conf"), || true) }
    }
}

/// A line of the file of users of a server that stands alone.
fn smbpasswd_line(user: &str, password: &str) -> String {
    let hash = NtHash::from_password(password).expose().map(|byte| format!("{byte:02X}")).concat();
    format!("{user}:5:{}:{hash}:[U          ]:LCT-00000001:\n", "X".repeat(32))
}
