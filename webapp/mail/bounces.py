"""What came back to the return path: bounce, delay, success, complaint, auto-reply, or mail."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from webapp.mail import (
    codes,
    findings,
    notice_words,
    reading_dsn,
    reading_flufl,
    reading_prose,
    reading_replies,
    reading_sns,
)
from webapp.mail.findings import Finding, Verdict
from webapp.mail.letters import Letter, open_letter


class Kind(StrEnum):
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    AUTOREPLY = "autoreply"
    DELIVERED = "delivered"
    NOT_BOUNCE = "not_bounce"


_ENOUGH = 5
_SUSPICIOUS = 4
_OF_SNS = {
    "bounce": Kind.BOUNCE,
    "complaint": Kind.COMPLAINT,
    "delivery": Kind.DELIVERED,
}


@dataclass(frozen=True)
class Reading:
    """What a mail is, and of whom it speaks. `letter` is what it was read from."""

    kind: Kind
    findings: list[Finding] = field(default_factory=list)
    letter: Letter | None = None


def read(raw: bytes) -> Reading:
    """Understand one mail. Never raises, whatever the bytes."""
    letter = open_letter(raw)
    if reading_replies.is_complaint(letter):
        return Reading(Kind.COMPLAINT, reading_replies.read_complaint(letter), letter)

    native, found = reading_sns.read(letter.text)
    if native:
        return Reading(_OF_SNS[native], found, letter)

    points = _points(letter)
    is_notice = points >= _ENOUGH
    reported = reading_dsn.read(letter) if letter.has_report or is_notice else []
    if reported:
        return _of_report(reported, letter)
    if is_notice and letter.inner:
        return read(letter.inner)
    if is_notice:
        found = reading_prose.read(letter) or _by_flufl(raw, letter) or _guess(letter)
        if found or _is_a_server_s(letter):
            return Reading(Kind.BOUNCE, found, letter)
    if points >= _SUSPICIOUS and (found := _by_flufl(raw, letter)):
        return Reading(Kind.BOUNCE, found, letter)
    if reading_replies.is_auto_reply(letter):
        return Reading(Kind.AUTOREPLY, reading_replies.read_auto_reply(letter), letter)
    return Reading(Kind.NOT_BOUNCE, [], letter)


def _of_report(reported: list[Finding], letter: Letter) -> Reading:
    reported = [_completed(found, letter) for found in reported]
    failed = [found for found in reported if found.verdict is not Verdict.DELIVERED]
    return Reading(Kind.BOUNCE if failed else Kind.DELIVERED, reported, letter)


def _completed(found: Finding, letter: Letter) -> Finding:
    """Many reports have the reason in the words to people only."""
    ran_out = found.status.endswith(".4.7")  # says that time ran out, not what was in the way
    is_clear = findings.says_something(found.reply) and not ran_out
    if found.verdict is Verdict.DELIVERED or is_clear:
        return found
    said = reading_prose.said_of(letter, found.address)
    if not said:
        return found
    return findings.judge(
        found.address,
        f"{found.reply} {said}" if ran_out else said,
        stated=found.status,
        is_delay=found.is_final is False,
        is_final=found.is_final,
        aliases=found.aliases,
    )


def _by_flufl(raw: bytes, letter: Letter) -> list[Finding]:
    """Whom flufl.bounce finds; what is said of them we read ourselves, but its word of a delay."""
    temporary, permanent = reading_flufl.addresses(raw)
    found = reading_prose.saying(letter, [*permanent, *temporary])
    return [_delayed(each) if each.address in temporary else each for each in found]


def _guess(letter: Letter) -> list[Finding]:
    """Only of a server's, or what returns a mail: any letter about mail would name somebody, and so
    would a postmaster's own, which greets."""
    daemon = _is_daemon(letter.first("from").lower())
    is_own_letter = daemon == 2 and _greets(letter) and not _is_about_failure(letter)
    is_server_s = (daemon and not is_own_letter) or letter.attached
    return reading_prose.guess(letter) if is_server_s else []


def _greets(letter: Letter) -> bool:
    return notice_words.GREETINGS.search(letter.text[:8000]) is not None


def _is_about_failure(letter: Letter) -> bool:
    return notice_words.SUBJECTS.search(_subject(letter)) is not None


def _subject(letter: Letter) -> str:
    return letter.first("subject").lower()[:300]


def _delayed(found: Finding) -> Finding:
    return replace(found, verdict=Verdict.TEMPORARY, is_final=False)


def _is_a_server_s(letter: Letter) -> bool:
    """Whether a notice that names nobody is one all the same, and not a postmaster's own letter."""
    is_daemon = _is_daemon(letter.first("from").lower()) == 3
    return is_daemon or letter.attached or letter.report_type == "delivery-status"


def _points(letter: Letter) -> int:
    """How much a mail looks like a mail server's notice: who writes, about what, in which words,
    with what enclosed. _ENOUGH are enough."""
    if letter.report_type == "delivery-status":
        return _ENOUGH
    sender, subject = letter.first("from").lower(), _subject(letter)
    text = " ".join(letter.text[:8000].lower().split())
    failed = bool(letter.headers.get("x-failed-recipients"))
    says_so = notice_words.FAILURES.search(text) or notice_words.DELAYS.search(text)
    has_words = bool(says_so) or failed
    has_codes = bool(codes.reply_codes(text) or codes.enhanced_codes(text))
    daemon, has_subject = _is_daemon(sender), _is_about_failure(letter)
    if not (has_words or has_codes or (daemon and has_subject)):
        is_plain = daemon == 3 and reading_prose.names_somebody(letter)
        return _ENOUGH if is_plain else 0  # in whatever language
    points = daemon + 2 * has_subject + bool(daemon and has_subject)
    points += 2 * has_words + has_codes + letter.attached + 2 * failed
    points += letter.first("return-path").strip() == "<>"
    speaks = has_words or bool(daemon and has_codes)
    points += speaks and reading_prose.names_somebody(letter)
    against = 0 if daemon == 3 else _is_personal(letter, subject, returns=bool(daemon))
    against += 2 * (not daemon and subject.startswith(("[", "(")))  # a list's, a ticket's
    against += not (daemon or letter.attached or "@" in text)  # of whom should it speak?
    if not letter.attached and _greets(letter):
        # a person tells of what came back; a postmaster's own letter has neither subject nor number
        against += 2 * (not daemon) + (daemon == 2 and not (has_subject or has_codes))
    against += 4 * ("list-unsubscribe" in letter.headers and not (daemon or letter.attached))
    return points - against


def _is_daemon(sender: str) -> int:
    """3: a mail server by its name; 2: who may as well write about something else; 0: nobody."""
    name = sender.partition("<")[0].strip(' "')
    address = reading_dsn.address_in(sender) or sender
    if "mailer-daemon" in sender or "mailer_daemon" in sender:
        return 3
    is_one = notice_words.DAEMONS.search(name) or notice_words.DAEMONS.search(address)
    return 2 if is_one else 0


def _is_personal(letter: Letter, subject: str, *, returns: bool) -> int:
    """Points against: an answer, a forwarded mail, somebody's auto-reply. James answers "Re:", but
    with the mail that it `returns`."""
    is_answer = subject.startswith(("re:", "aw:", "fw:", "fwd:", "wg:", "sv:", "rv:", "tr:"))
    is_answer = is_answer or "in-reply-to" in letter.headers
    points = 3 * (is_answer and not (returns and letter.attached))
    return points + 3 * bool(notice_words.REPLY_SUBJECTS.search(subject))
