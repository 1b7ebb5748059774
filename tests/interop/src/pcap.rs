//! Captures of TCP connections that never were.

/// A file that tshark reads.
#[derive(Debug)]
pub struct Pcap {
    bytes: Vec<u8>,
    connections: u16,
}

/// A connection of which each side says something in turn.
#[derive(Debug)]
pub struct Connection<'a> {
    pcap: &'a mut Pcap,
    client_port: u16,
    server_port: u16,
    /// How many bytes each has said.
    client: u32,
    server: u32,
}

/// Raw IPv4: no link between.
const LINK_TYPE: u32 = 101;

impl Default for Pcap {
    fn default() -> Self {
        let mut bytes = Vec::new();
        for number in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, LINK_TYPE] {
            bytes.extend_from_slice(&u32::to_le_bytes(number));
        }
        Self { bytes, connections: 0 }
    }
}

impl Pcap {
    /// A new connection to a port, which exists already.
    pub fn connection(&mut self, server_port: u16) -> Connection<'_> {
        self.connections += 1;
        let client_port = 40_000 + self.connections;
        Connection { pcap: self, client_port, server_port, client: 1, server: 1 }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn packet(&mut self, ports: [u16; 2], numbers: [u32; 2], content: &[u8]) {
        let length = u16::try_from(40 + content.len()).expect("a packet is short");
        let [from, to] = ports.map(u16::to_be_bytes);
        let [sequence, acknowledged] = numbers.map(u32::to_be_bytes);
        let addresses = [127, 0, 0, 1, 127, 0, 0, 1];
        // Checksums are zero, which tshark does not check. 5 words, ACK and PSH, a window.
        let packet = [
            &[0x45, 0][..],
            &length.to_be_bytes(),
            &[0, 0, 0, 0, 64, 6, 0, 0],
            &addresses,
            &from,
            &to,
            &sequence,
            &acknowledged,
            &[0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0],
            content,
        ]
        .concat();
        for number in [0, 0, u32::from(length), u32::from(length)] {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes.extend_from_slice(&packet);
    }
}

impl Connection<'_> {
    pub fn client_says(&mut self, content: &[u8]) {
        let ports = [self.client_port, self.server_port];
        self.pcap.packet(ports, [self.client, self.server], content);
        self.client += u32::try_from(content.len()).expect("it is short");
    }

    pub fn server_says(&mut self, content: &[u8]) {
        let ports = [self.server_port, self.client_port];
        self.pcap.packet(ports, [self.server, self.client], content);
        self.server += u32::try_from(content.len()).expect("it is short");
    }
}
