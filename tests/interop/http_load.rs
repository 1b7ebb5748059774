//! Many connections log in to our server at once: no login is lost, and none is crossed.

use std::collections::HashMap;
use std::sync::Barrier;
use std::thread;

use ntlm::Client;
use ntlm_interop::accounts::{numbered, numbered_lines, numbered_name};
use ntlm_interop::connection::Connection;
use ntlm_interop::http::HttpServer;
use ntlm_interop::log::Line;

const CONNECTIONS: usize = 200;
const LOGINS: usize = 50;
/// Fewer than connections, so that several log in as one user at once; and no divisor of their
/// number, so that each connection becomes many users.
const USERS: usize = 37;

#[test]
fn connections_log_in_again_and_again_and_are_who_logged_in_last() {
    log_in_at_once(|server, clients, first| {
        let mut connection = Connection::open(&server.url);
        for login in 0..LOGINS {
            let user = (first + login) % USERS;
            check(&mut connection, clients, user);
        }
    });
}

#[test]
fn connections_that_come_and_go_are_who_logged_in_on_them() {
    log_in_at_once(|server, clients, first| {
        for login in 0..LOGINS {
            let user = (first + login) % USERS;
            check(&mut Connection::open(&server.url), clients, user);
        }
    });
}

/// Runs one for each connection, with the number of its first user.
fn log_in_at_once(run: impl Fn(&HttpServer, &[Client], usize) + Sync) {
    let mut server = HttpServer::start_with_users(&numbered_lines(USERS), None, &[]);
    let clients: Vec<_> = numbered(USERS).into_iter().map(Client::new).collect();
    let start = Barrier::new(CONNECTIONS);
    thread::scope(|scope| {
        for first in 0..CONNECTIONS {
            let (server, clients, start, run) = (&server, &clients, &start, &run);
            scope.spawn(move || {
                start.wait();
                run(server, clients, first);
            });
        }
    });
    assert_all_are_logged(&mut server);
}

fn check(connection: &mut Connection, clients: &[Client], user: usize) {
    let name = numbered_name(user);
    let response = connection.log_in(clients[user].clone(), "/page.txt");
    assert_eq!((response.status, response.user()), (200, Some(name.as_str())));
    assert_eq!(connection.get("/page.txt").user(), Some(name.as_str()));
}

/// The server counts what the clients counted.
fn assert_all_are_logged(server: &mut HttpServer) {
    let mut expected = HashMap::new();
    for login in (0..CONNECTIONS).flat_map(|first| (0..LOGINS).map(move |login| first + login)) {
        *expected.entry(numbered_name(login % USERS)).or_insert(0) += 1;
    }
    let mut logged = HashMap::new();
    for login in server.logins(CONNECTIONS * LOGINS) {
        *logged.entry(login.field("user").to_owned()).or_insert(0) += 1;
    }
    assert_eq!(logged, expected);
    assert!(!server.logged().iter().any(Line::is_refusal));
}
