//! gss-ntlmssp, in C with OpenSSL, through the interface of MIT Kerberos' library.

use std::ffi::{CString, c_void};
use std::ptr::{null, null_mut};

use libloading::{Library, Symbol};

use crate::{PASSWORD, USER};

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const u8,
}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

/// 1.3.6.1.4.1.311.2.2.10
const NTLM: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
/// GSS_C_NT_USER_NAME
const USER_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x01";
/// GSS_C_NT_HOSTBASED_SERVICE
const SERVICE: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04";
const CONFIDENTIALITY_INTEGRITY: u32 = 16 | 32;

type Call<T> = unsafe extern "C" fn(*mut u32, T) -> u32;

pub struct Gss {
    library: Library,
    client: *mut c_void,
    server: *mut c_void,
    target: *mut c_void,
}

impl Gss {
    /// Loads the library and the mechanism, if they are installed (`apt-get install gss-ntlmssp`).
    pub fn load() -> Option<Self> {
        let library = unsafe { Library::new("libgssapi_krb5.so.2") }.ok()?;
        let users = std::env::temp_dir().join(format!("ntlm-peers-{}", std::process::id()));
        std::fs::write(&users, format!("EXAMPLE:{USER}:{PASSWORD}\n")).ok()?;
        // SAFETY: there is one thread yet.
        unsafe { std::env::set_var("NTLM_USER_FILE", &users) };
        let mut gss = Self { library, client: null_mut(), server: null_mut(), target: null_mut() };
        gss.target = gss.name("HTTP@localhost", SERVICE);
        let user = gss.name(&format!("EXAMPLE\\{USER}"), USER_NAME);
        gss.client = gss.credentials(user, 1)?;
        gss.server = gss.credentials(null_mut(), 2)?;
        Some(gss)
    }

    fn symbol<T>(&self, name: &str) -> Symbol<'_, T> {
        unsafe { self.library.get(name.as_bytes()) }.expect(name)
    }

    fn name(&self, name: &str, kind: &[u8]) -> *mut c_void {
        type Import =
            unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut *mut c_void) -> u32;
        let text = CString::new(name).unwrap();
        let buffer = Buffer { length: name.len(), value: text.as_ptr() as *mut c_void };
        let kind = Oid { length: kind.len() as u32, elements: kind.as_ptr() };
        let (mut minor, mut result) = (0, null_mut());
        let import = self.symbol::<Import>("gss_import_name");
        let major = unsafe { import(&mut minor, &buffer, &kind, &mut result) };
        assert_eq!(major, 0, "gss_import_name: {minor:#x}");
        result
    }

    fn credentials(&self, name: *mut c_void, usage: i32) -> Option<*mut c_void> {
        type Acquire = unsafe extern "C" fn(
            *mut u32,
            *mut c_void,
            u32,
            *const OidSet,
            i32,
            *mut *mut c_void,
            *mut c_void,
            *mut c_void,
        ) -> u32;
        let oid = Oid { length: NTLM.len() as u32, elements: NTLM.as_ptr() };
        let set = OidSet { count: 1, elements: &oid };
        let (mut minor, mut result) = (0, null_mut());
        let acquire = self.symbol::<Acquire>("gss_acquire_cred");
        let lifetime = u32::MAX;
        let major = unsafe {
            acquire(&mut minor, name, lifetime, &set, usage, &mut result, null_mut(), null_mut())
        };
        (major == 0).then_some(result)
    }

    fn initialize(&self, context: &mut *mut c_void, token: &Buffer) -> Buffer {
        type Initialize = unsafe extern "C" fn(
            *mut u32,
            *mut c_void,
            *mut *mut c_void,
            *mut c_void,
            *const Oid,
            u32,
            u32,
            *const c_void,
            *const Buffer,
            *mut c_void,
            *mut Buffer,
            *mut u32,
            *mut u32,
        ) -> u32;
        let oid = Oid { length: NTLM.len() as u32, elements: NTLM.as_ptr() };
        let (mut minor, mut out) = (0, Buffer { length: 0, value: null_mut() });
        let initialize = self.symbol::<Initialize>("gss_init_sec_context");
        let major = unsafe {
            initialize(
                &mut minor,
                self.client,
                context,
                self.target,
                &oid,
                CONFIDENTIALITY_INTEGRITY,
                0,
                null(),
                token,
                null_mut(),
                &mut out,
                null_mut(),
                null_mut(),
            )
        };
        assert!(major <= 1, "gss_init_sec_context: {major:#x} {minor:#x}");
        out
    }

    fn accept(&self, context: &mut *mut c_void, token: &Buffer) -> Buffer {
        type Accept = unsafe extern "C" fn(
            *mut u32,
            *mut *mut c_void,
            *mut c_void,
            *const Buffer,
            *const c_void,
            *mut c_void,
            *mut c_void,
            *mut Buffer,
            *mut u32,
            *mut u32,
            *mut c_void,
        ) -> u32;
        let (mut minor, mut out) = (0, Buffer { length: 0, value: null_mut() });
        let accept = self.symbol::<Accept>("gss_accept_sec_context");
        let major = unsafe {
            accept(
                &mut minor,
                context,
                self.server,
                token,
                null(),
                null_mut(),
                null_mut(),
                &mut out,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        assert!(major <= 1, "gss_accept_sec_context: {major:#x} {minor:#x}");
        out
    }

    /// Runs a handshake, and returns both sides.
    pub fn handshake(&self) -> Contexts<'_> {
        let (mut client, mut server) = (null_mut(), null_mut());
        let nothing = Buffer { length: 0, value: null_mut() };
        let mut negotiate = self.initialize(&mut client, &nothing);
        let mut challenge = self.accept(&mut server, &negotiate);
        let mut authenticate = self.initialize(&mut client, &challenge);
        let mut last = self.accept(&mut server, &authenticate);
        for token in [&mut negotiate, &mut challenge, &mut authenticate, &mut last] {
            self.release(token);
        }
        Contexts { gss: self, client, server }
    }

    fn release(&self, buffer: &mut Buffer) {
        let mut minor = 0;
        let release = self.symbol::<Call<*mut Buffer>>("gss_release_buffer");
        unsafe { release(&mut minor, buffer) };
    }
}

pub struct Contexts<'a> {
    gss: &'a Gss,
    client: *mut c_void,
    server: *mut c_void,
}

impl Contexts<'_> {
    /// Seals a message, and returns the token.
    fn wrap(&self, message: &[u8]) -> Buffer {
        type Wrap = unsafe extern "C" fn(
            *mut u32,
            *mut c_void,
            i32,
            u32,
            *const Buffer,
            *mut i32,
            *mut Buffer,
        ) -> u32;
        let input = Buffer { length: message.len(), value: message.as_ptr() as *mut c_void };
        let (mut minor, mut out) = (0, Buffer { length: 0, value: null_mut() });
        let wrap = self.gss.symbol::<Wrap>("gss_wrap");
        let major = unsafe { wrap(&mut minor, self.client, 1, 0, &input, null_mut(), &mut out) };
        assert_eq!(major, 0, "gss_wrap: {minor:#x}");
        out
    }

    pub fn seal(&self, message: &[u8]) {
        let mut token = self.wrap(message);
        self.gss.release(&mut token);
    }

    fn unwrap(&self, token: &Buffer) {
        type Unwrap = unsafe extern "C" fn(
            *mut u32,
            *mut c_void,
            *const Buffer,
            *mut Buffer,
            *mut i32,
            *mut u32,
        ) -> u32;
        let (mut minor, mut out) = (0, Buffer { length: 0, value: null_mut() });
        let unwrap = self.gss.symbol::<Unwrap>("gss_unwrap");
        let major =
            unsafe { unwrap(&mut minor, self.server, token, &mut out, null_mut(), null_mut()) };
        assert_eq!(major, 0, "gss_unwrap: {minor:#x}");
        self.gss.release(&mut out);
    }
}

impl Drop for Contexts<'_> {
    fn drop(&mut self) {
        type Delete = unsafe extern "C" fn(*mut u32, *mut *mut c_void, *mut c_void) -> u32;
        let delete = self.gss.symbol::<Delete>("gss_delete_sec_context");
        let mut minor = 0;
        for context in [&mut self.client, &mut self.server] {
            unsafe { delete(&mut minor, context, null_mut()) };
        }
    }
}

/// Messages that were sealed in advance, for the other side to unseal one by one.
pub struct Sealed<'a> {
    contexts: Contexts<'a>,
    tokens: Vec<Buffer>,
    next: usize,
}

impl<'a> Sealed<'a> {
    pub fn new(gss: &'a Gss, len: usize, count: usize) -> Self {
        let contexts = gss.handshake();
        let message = vec![0x5a; len];
        let tokens = (0..count).map(|_| contexts.wrap(&message)).collect();
        Self { contexts, tokens, next: 0 }
    }

    pub fn unseal(&mut self) {
        self.contexts.unwrap(&self.tokens[self.next]);
        self.next += 1;
    }
}

impl Drop for Sealed<'_> {
    fn drop(&mut self) {
        self.tokens.iter_mut().for_each(|token| self.contexts.gss.release(token));
    }
}
