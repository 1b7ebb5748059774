//! The shells of a server, in which users run its few built-in commands. No program is started.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use ntlm::UserName;

use super::soap::{Action, Answer, Output, Request, uuid};

/// All shells of a server.
#[derive(Debug, Default)]
pub struct Shells {
    /// Oldest first.
    shells: Vec<Shell>,
}

/// A shell, which belongs to the user who created it.
#[derive(Debug)]
struct Shell {
    id: String,
    owner: UserName,
    /// The output of each command, by its identifier.
    commands: HashMap<String, Output>,
}

/// Clients may leave without deleting their shells, so a new shell replaces the oldest one.
const MAX_SHELLS: usize = 100;
const MAX_COMMANDS: usize = 10;

impl Shells {
    /// Executes a user's request.
    ///
    /// # Errors
    /// The error text that is sent to the user.
    pub fn answer(&mut self, user: &UserName, request: &Request) -> anyhow::Result<Answer> {
        if request.action == Action::Create {
            if self.shells.len() >= MAX_SHELLS {
                self.shells.remove(0);
            }
            let id = uuid()?;
            let shell = Shell { id: id.clone(), owner: user.clone(), commands: HashMap::new() };
            self.shells.push(shell);
            return Ok(Answer::Shell(id));
        }
        let shell_id = request.shell_id.as_deref().unwrap_or_default();
        let is_meant = |shell: &Shell| shell.id == shell_id && shell.owner.eq_ignore_case(user);
        let at = self.shells.iter().position(is_meant).context("there is no such shell")?;
        let shell = &mut self.shells[at];
        let command_id = request.command_id.clone().unwrap_or_default();
        match request.action {
            Action::Create => {}
            Action::Command => {
                ensure!(shell.commands.len() < MAX_COMMANDS, "there are too many commands");
                let line = request.command_line.as_deref().context("there is no command")?;
                let id = uuid()?;
                shell.commands.insert(id.clone(), run(user, line));
                return Ok(Answer::Command(id));
            }
            Action::Receive => {
                let output = shell.commands.get(&command_id).context("there is no such command")?;
                return Ok(Answer::Output { command_id, output: output.clone() });
            }
            Action::Signal => drop(shell.commands.remove(&command_id)),
            Action::Delete => drop(self.shells.remove(at)),
        }
        Ok(Answer::Done)
    }
}

/// Runs one of the built-in commands.
fn run(user: &UserName, line: &str) -> Output {
    let line = line.trim();
    let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let stdout = match name.trim_matches('"').to_ascii_lowercase().as_str() {
        "echo" => arguments.to_owned(),
        "hostname" => "WIN".to_owned(),
        "whoami" => user.to_string().to_lowercase(),
        _ => {
            let stderr = format!(
                "'{name}' is not recognized as an internal or external command,\r\n\
                 operable program or batch file.\r\n"
            );
            return Output { stdout: Vec::new(), stderr: stderr.into(), exit_code: Some(1) };
        }
    };
    Output { stdout: (stdout + "\r\n").into(), stderr: Vec::new(), exit_code: Some(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(action: Action, shell_id: &str) -> Request {
        Request {
            message_id: "uuid:1".into(),
            action,
            shell_id: Some(shell_id.into()),
            command_line: None,
            command_id: None,
        }
    }

    fn create(shells: &mut Shells, user: &UserName) -> String {
        match shells.answer(user, &request(Action::Create, "")).unwrap() {
            Answer::Shell(id) => id,
            answer => panic!("{answer:?}"),
        }
    }

    #[test]
    fn command_runs_from_its_shell_to_its_output() {
        let (mut shells, alice) = (Shells::default(), UserName::from(r"EXAMPLE\Alice"));
        let shell = create(&mut shells, &alice);
        for (line, stdout, code) in
            [("echo  a b", " a b\r\n", 0), ("WHOAMI", "example\\alice\r\n", 0), ("rm -r /", "", 1)]
        {
            let command =
                Request { command_line: Some(line.into()), ..request(Action::Command, &shell) };
            let Answer::Command(id) = shells.answer(&alice, &command).unwrap() else { panic!() };
            let receive =
                Request { command_id: Some(id.clone()), ..request(Action::Receive, &shell) };
            let Answer::Output { command_id, output } = shells.answer(&alice, &receive).unwrap()
            else {
                panic!()
            };
            assert_eq!(command_id, id);
            assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
            assert_eq!(output.exit_code, Some(code));
            let signal = Request { command_id: Some(id), ..request(Action::Signal, &shell) };
            shells.answer(&alice, &signal).unwrap();
            assert!(shells.answer(&alice, &receive).is_err());
        }
        shells.answer(&alice, &request(Action::Delete, &shell)).unwrap();
        assert!(shells.answer(&alice, &request(Action::Delete, &shell)).is_err());
    }

    #[test]
    fn shell_of_another_user_is_not_found() {
        let mut shells = Shells::default();
        let shell = create(&mut shells, &UserName::from(r"EXAMPLE\alice"));
        let delete = request(Action::Delete, &shell);
        assert!(shells.answer(&UserName::from(r"EXAMPLE\bob"), &delete).is_err());
        shells.answer(&UserName::from(r"example\ALICE"), &delete).unwrap();
    }

    #[test]
    fn new_shell_replaces_the_oldest() {
        let (mut shells, alice) = (Shells::default(), UserName::from("alice"));
        let ids: Vec<_> = (0..=MAX_SHELLS).map(|_| create(&mut shells, &alice)).collect();
        assert!(shells.answer(&alice, &request(Action::Delete, &ids[0])).is_err());
        for id in &ids[1..] {
            shells.answer(&alice, &request(Action::Delete, id)).unwrap();
        }
    }
}
