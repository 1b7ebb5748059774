//! The crate sspi, which implements Windows' interface.

use sspi::{
    AuthIdentity, BufferType, ClientRequestFlags, CredentialUse, DataRepresentation,
    EncryptionFlags, Ntlm, SecurityBuffer, SecurityBufferRef, ServerRequestFlags, Sspi, SspiImpl,
    Username,
};

use crate::{PASSWORD, USER};

pub struct Devolutions {
    identity: AuthIdentity,
}

impl Devolutions {
    pub fn new() -> Self {
        let username = Username::new(USER, Some("EXAMPLE")).unwrap();
        Self { identity: AuthIdentity { username, password: String::from(PASSWORD).into() } }
    }

    /// Runs a handshake, and returns both sides.
    pub fn handshake(&self) -> (Ntlm, Ntlm) {
        let (mut client, mut server) = (Ntlm::new(), Ntlm::new());
        let negotiate = self.initialize(&mut client, Vec::new());
        let challenge = self.accept(&mut server, negotiate);
        let authenticate = self.initialize(&mut client, challenge);
        self.accept(&mut server, authenticate);
        server.complete_auth_token(&mut []).unwrap();
        (client, server)
    }

    /// The same, plus one message in each direction.
    pub fn handshake_and_first_messages(&self) {
        let (mut client, mut server) = self.handshake();
        let (mut signature, mut message) = ([0; 16], *b"first");
        seal(&mut client, &mut signature, &mut message);
        unseal(&mut server, &mut signature, &mut message);
        seal(&mut server, &mut signature, &mut message);
        unseal(&mut client, &mut signature, &mut message);
    }

    pub fn client(&self, challenge: &[u8]) {
        let mut client = Ntlm::new();
        self.initialize(&mut client, Vec::new());
        std::hint::black_box(self.initialize(&mut client, challenge.to_vec()));
    }

    fn initialize(&self, client: &mut Ntlm, token: Vec<u8>) -> Vec<u8> {
        let mut credentials = client
            .acquire_credentials_handle()
            .with_credential_use(CredentialUse::Outbound)
            .with_auth_data(&self.identity)
            .execute(client)
            .unwrap();
        let mut input = vec![SecurityBuffer::new(token, BufferType::Token)];
        let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let wanted = ClientRequestFlags::CONFIDENTIALITY | ClientRequestFlags::ALLOCATE_MEMORY;
        let mut builder = client
            .initialize_security_context()
            .with_credentials_handle(&mut credentials.credentials_handle)
            .with_context_requirements(wanted)
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name("HTTP/www.example.com")
            .with_input(&mut input)
            .with_output(&mut output);
        client.initialize_security_context_impl(&mut builder).unwrap().resolve_to_result().unwrap();
        output.remove(0).buffer
    }

    fn accept(&self, server: &mut Ntlm, token: Vec<u8>) -> Vec<u8> {
        let mut credentials = server
            .acquire_credentials_handle()
            .with_credential_use(CredentialUse::Inbound)
            .with_auth_data(&self.identity)
            .execute(server)
            .unwrap();
        let mut input = vec![SecurityBuffer::new(token, BufferType::Token)];
        let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let builder = server
            .accept_security_context()
            .with_credentials_handle(&mut credentials.credentials_handle)
            .with_context_requirements(ServerRequestFlags::ALLOCATE_MEMORY)
            .with_target_data_representation(DataRepresentation::Native)
            .with_input(&mut input)
            .with_output(&mut output);
        server.accept_security_context_impl(builder).unwrap().resolve_to_result().unwrap();
        output.remove(0).buffer
    }
}

pub fn seal(sender: &mut Ntlm, signature: &mut [u8; 16], message: &mut [u8]) {
    let mut buffers =
        [SecurityBufferRef::token_buf(signature), SecurityBufferRef::data_buf(message)];
    sender.encrypt_message(EncryptionFlags::empty(), &mut buffers).unwrap();
}

fn unseal(receiver: &mut Ntlm, signature: &mut [u8; 16], message: &mut [u8]) {
    let mut buffers =
        [SecurityBufferRef::token_buf(signature), SecurityBufferRef::data_buf(message)];
    receiver.decrypt_message(&mut buffers).unwrap();
}

/// Messages that were sealed in advance, for the other side to unseal one by one.
pub struct Sealed {
    receiver: Ntlm,
    messages: Vec<([u8; 16], Vec<u8>)>,
    next: usize,
}

impl Sealed {
    pub fn new(devolutions: &Devolutions, len: usize, count: usize) -> Self {
        let (mut sender, receiver) = devolutions.handshake();
        let messages = (0..count)
            .map(|_| {
                let (mut signature, mut message) = ([0; 16], vec![0x5a; len]);
                seal(&mut sender, &mut signature, &mut message);
                (signature, message)
            })
            .collect();
        Self { receiver, messages, next: 0 }
    }

    pub fn unseal(&mut self) {
        let (signature, message) = &mut self.messages[self.next];
        unseal(&mut self.receiver, signature, message);
        self.next += 1;
    }
}
