//! Implementations that are libraries, behind the bridges of `peers/bridge_*.py`.

use std::process::Command;

use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::hex::{hex, unhex};

/// A program that holds one context of an implementation at a time.
#[derive(Debug)]
pub struct Bridge(Conversation);

/// What a step yields.
#[derive(Debug)]
pub struct Step {
    /// What goes to us, which may be nothing.
    pub token: Vec<u8>,
    /// Whether the implementation has all that it wants.
    pub is_done: bool,
    /// Who we are, if it says so.
    pub user: Option<String>,
}

impl Bridge {
    /// Starts it, and waits until it is ready.
    ///
    /// # Panics
    /// If what it bridges to is missing.
    pub fn start(mut command: Command) -> Self {
        let mut conversation = Conversation::start(&mut command);
        let first = conversation.receive();
        assert_eq!(first, "ready", "{command:?}");
        Self(conversation)
    }

    /// Asks for something; what the implementation raises is the error.
    ///
    /// # Errors
    /// What the implementation says of its refusal.
    ///
    /// # Panics
    /// If the program ends or does not answer, so that a crash is not taken for a refusal.
    pub fn ask(&mut self, operation: &str, mut arguments: Value) -> Result<Value, String> {
        arguments["operation"] = operation.into();
        let line = self.0.ask(&arguments.to_string());
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// Begins a context.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn begin(&mut self, arguments: Value) -> Result<(), String> {
        self.ask("begin", arguments).map(drop)
    }

    /// Gives it a token, or none if it is to begin.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn step(&mut self, token: Option<&[u8]>) -> Result<Step, String> {
        let answer = self.ask("step", json!({ "token": token.map(hex) }))?;
        Ok(Step {
            token: unhex(answer["token"].as_str().unwrap_or_default()),
            is_done: answer["done"].as_bool().unwrap_or_default(),
            user: answer["user"].as_str().map(str::to_owned),
        })
    }

    /// The session key that it exports.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn key(&mut self) -> Result<Vec<u8>, String> {
        self.bytes("key", json!({}))
    }

    /// Signature and ciphertext.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn seal(&mut self, message: &[u8]) -> Result<Vec<u8>, String> {
        self.bytes("seal", json!({ "message": hex(message) }))
    }

    /// Takes signature and ciphertext.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn unseal(&mut self, sealed: &[u8]) -> Result<Vec<u8>, String> {
        self.bytes("unseal", json!({ "sealed": hex(sealed) }))
    }

    /// The signature of a message.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, String> {
        self.bytes("sign", json!({ "message": hex(message) }))
    }

    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn verify(&mut self, message: &[u8], signature: &[u8]) -> Result<(), String> {
        let arguments = json!({ "message": hex(message), "signature": hex(signature) });
        self.ask("verify", arguments).map(drop)
    }

    /// Asks for something that yields bytes.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    ///
    /// # Panics
    /// As [`ask`](Self::ask).
    pub fn bytes(&mut self, operation: &str, arguments: Value) -> Result<Vec<u8>, String> {
        let answer = self.ask(operation, arguments)?;
        Ok(unhex(answer["bytes"].as_str().unwrap_or_else(|| panic!("{operation}: {answer}"))))
    }
}
