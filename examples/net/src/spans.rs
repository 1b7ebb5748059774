//! Rejections at fixed times, so that the time does not reveal the reason.

use std::time::Duration;

/// Time left until the next multiple of `span`, so that a rejection does not reveal how long the server
/// took to decide. A rejection is sent one span after the client's message came; if the decision took
/// longer than a span, after two, and so on. Zero if the span is zero.
pub fn until_next(span: Duration, elapsed: Duration) -> Duration {
    let gone = elapsed.as_nanos().checked_rem(span.as_nanos());
    let gone = gone.and_then(|nanoseconds| u64::try_from(nanoseconds).ok());
    gone.map_or(Duration::ZERO, |gone| span.saturating_sub(Duration::from_nanos(gone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_part_of_a_span_is_not_revealed() {
        let span = Duration::from_secs(2);
        for milliseconds in [0, 1, 1999, 2000, 2001, 5000, 60_000] {
            let elapsed = Duration::from_millis(milliseconds);
            let sent = elapsed + until_next(span, elapsed);
            assert_eq!(sent.as_millis() % 2000, 0, "{elapsed:?}");
            assert!(sent > elapsed && sent <= elapsed + span, "{elapsed:?}");
        }
        assert_eq!(until_next(Duration::ZERO, span), Duration::ZERO);
    }
}
