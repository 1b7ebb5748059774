//! Messages that are cut, replaced, repeated or delayed.

use core::time::Duration;

use crate::attack::{Attack, Honest, How, Sent};
use crate::exchange::World;
use crate::notes;
use crate::outcome::Outcome;

pub(crate) const ORDER: &[Attack] = &[
    Attack::new("a message, truncated at each length or extended by a byte", How::Other(cut)),
    Attack::new(
        "a message, with nothing or with another one of the handshake",
        How::Other(exchanged),
    ),
    Attack::new("the CHALLENGE, with an old one", How::Other(old_challenge)),
    Attack::new("the AUTHENTICATE, with an old one (replay)", How::Other(replay))
        .possible_since(notes::REPLAY),
    Attack::new(
        "the AUTHENTICATE, sent twice to a server that keeps its challenge elsewhere",
        How::Other(twice),
    )
    .possible_since(notes::TWICE),
    Attack::new("the AUTHENTICATE, ten minutes late", How::Other(ten_minutes_late))
        .possible_since(notes::LATE),
    Attack::new("the AUTHENTICATE, two days late", How::Other(two_days_late)),
];

fn cut(honest: &Honest) -> Vec<Outcome> {
    let all_lengths = |sent: &'_ Sent| {
        let (number, length) = (sent.number, sent.bytes.len());
        let lengths = (0..length).chain([length + 1]);
        lengths.map(move |length| (number, length)).collect::<Vec<_>>()
    };
    let resized =
        |(number, length)| honest.tampered_in(number, |message| message.resize(length, 0));
    honest.messages.iter().flat_map(all_lengths).filter_map(resized).collect()
}

/// Dropped, reordered, or sent back to its sender.
fn exchanged(honest: &Honest) -> Vec<Outcome> {
    let others = honest.messages.iter().map(|sent| &sent.bytes[..]).chain([&b""[..]]);
    let in_the_place_of = |other| {
        let replace = move |sent: &Sent| {
            honest.tampered_in(sent.number, |message| *message = <[u8]>::to_vec(other))
        };
        honest.messages.iter().filter_map(replace)
    };
    others.flat_map(in_the_place_of).collect()
}

fn old_challenge(honest: &Honest) -> Vec<Outcome> {
    let another = honest.another();
    let Some(old) = another.message(2) else { return Vec::new() };
    honest.tampered_in(2, |message| message.clone_from(old)).into_iter().collect()
}

fn replay(honest: &Honest) -> Vec<Outcome> {
    let another = honest.another();
    let Some(old) = another.message(3) else { return Vec::new() };
    let result = honest.setting.run(World::HONEST, &|number, message| {
        if number == 3 {
            message.clone_from(old);
        }
    });
    vec![Outcome::of_acceptance(result, "accepted again")]
}

fn twice(honest: &Honest) -> Vec<Outcome> {
    let Some(authenticate) = honest.message(3) else { return Vec::new() };
    vec![Outcome::of_acceptance(honest.answer(authenticate), "accepted again")]
}

fn ten_minutes_late(honest: &Honest) -> Vec<Outcome> {
    late(honest, 10)
}

fn two_days_late(honest: &Honest) -> Vec<Outcome> {
    late(honest, 2 * 24 * 60)
}

fn late(honest: &Honest, minutes: u64) -> Vec<Outcome> {
    let world = World { delay: Duration::from_secs(minutes * 60), ..World::HONEST };
    vec![honest.in_other_circumstances(world, "accepted")]
}
