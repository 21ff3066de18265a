"""What came back is understood: by standard, by custom, and by neither."""

from email.message import Message
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.mail.notices import AUTO_REPLIES, COMPLAINT, DAEMON, NOTICES, ORDINARY, dsn, expected
from webapp.mail import bounces, reading_flufl, reading_prose
from webapp.mail.bounces import Kind
from webapp.mail.causes import Cause
from webapp.mail.findings import MAX_RECIPIENTS, Verdict

# the pieces that notices are made of, for making mails nobody wrote
PIECES = [path.read_bytes() for path in NOTICES + ORDINARY] + [dsn(), COMPLAINT % b"abuse"]


@pytest.mark.parametrize("path", NOTICES, ids=lambda path: path.stem)
def test_notices_of_many_servers_are_read(path: Path):
    raw = path.read_bytes()
    reading = bounces.read(raw)

    assert reading.kind is Kind.BOUNCE
    found = [(each.address, each.verdict, each.status, each.cause) for each in reading.findings]
    assert found == expected(raw)


# subject, what the server says, and the cause: in the languages that no file of notices has
LANGUAGES = {
    "czech": ("Nedoručená zpráva", "Uživatel neexistuje", "mailbox_missing"),
    "danish": ("Din mail kunne ikke leveres", "ukendt modtager", "mailbox_missing"),
    "finnish": ("Viestin toimitus ei onnistunut", "tuntematon vastaanottaja", "mailbox_missing"),
    "greek": ("Αποτυχία παράδοσης", "άγνωστος παραλήπτης", "mailbox_missing"),
    "hungarian": ("Kézbesíthetetlen levél", "A postafiók megtelt", "mailbox_full"),
    "norwegian": ("Leveringen mislyktes", "ukjent mottaker", "mailbox_missing"),
    "romanian": ("Mesaj nelivrat", "Cutia poștală este plină", "mailbox_full"),
    "danish again": ("Mail returneret", "Modtageren findes ikke", "mailbox_missing"),
    "dutch": ("Onbestelbaar", "Dit postvak bestaat niet", "mailbox_missing"),
    "swedish again": ("Returnerat meddelande", "Mottagaren finns inte", "mailbox_missing"),
    "swedish": ("Leveransen gick inte fram", "okänd mottagare", "mailbox_missing"),
    "taiwanese": ("退信通知", "使用者不存在", "mailbox_missing"),
    "turkish": ("Teslim edilemeyen ileti", "Alıcı posta kutusu dolu", "mailbox_full"),
    "ukrainian": ("Лист не доставлено", "такого користувача не існує", "mailbox_missing"),
    "vietnamese": ("Thư không gửi được", "Người nhận không tồn tại", "mailbox_missing"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_notices_in_more_languages_are_read(language: str):
    subject, said, cause = LANGUAGES[language]
    head = f"From: postmaster@mx.example.net\nTo: news@sender.example\nSubject: {subject}\n\n"
    reading = bounces.read(f"{head}<ann@example.org>: {said}\n".encode())
    assert [(found.address, found.cause) for found in reading.findings] == [
        ("ann@example.org", cause)
    ]


@pytest.mark.parametrize(
    "said",
    ["Doručení se zpožďuje: zpožděno", "A entrega foi adiada", "Доставка задерживается",
     "La consegna è in ritardo", "De bezorging is vertraagd", "邮件被延迟", "配信が遅延しています",
     "Leveransen är försenad"],
)  # fmt: skip
def test_delays_in_more_languages_are_no_failures(said: str):
    head = "From: mailer-daemon@mx.example.net\nTo: news@sender.example\nSubject: Mail delivery\n\n"
    (found,) = bounces.read(f"{head}{said}:\n\n<ann@example.org>\n".encode()).findings
    assert (found.verdict, found.is_final) == (Verdict.TEMPORARY, False)


def test_a_mail_server_that_returns_a_mail_is_understood_in_any_language():
    head, _, returned = dsn().partition(b"--b\nContent-Type: message/delivery-status")
    returned = b"--b\n" + returned.partition(b"--b\n")[2]
    head = head.replace(b"report; report-type=delivery-status", b"mixed")
    head = head.replace(b"Delivery Status Notification (Failure)", b"Dim modd i'w gyrru")
    head = head.replace(b"See below.", b"<ann@example.org>\n")
    assert [found.address for found in bounces.read(head + returned).findings] == [
        "ann@example.org"
    ]


@pytest.mark.parametrize(
    "subject",
    ["Absent du bureau", "Automatisk svar: Vår", "Automatikus válasz: Tavasz", "자동 회신: 봄",
     "Răspuns automat: Primăvara", "Αυτόματη απάντηση: Άνοιξη", "Trả lời tự động: Xuân"],
)  # fmt: skip
def test_auto_replies_in_more_languages_are_known(subject: str):
    raw = f"From: Ann <ann@example.org>\nSubject: {subject}\n\nUntil Monday.\n".encode()
    assert bounces.read(raw).kind is Kind.AUTOREPLY


TRANSCRIPT = b"""
 ----- The following addresses had permanent fatal errors -----
<ann@example.org>%s
<bo@example.org>%s

 ----- Transcript of session follows -----
>>> RCPT To:<ann@example.org>
<<< 550 5.1.1 <ann@example.org>... User unknown
>>> RCPT To:<bo@example.org>
<<< 552 5.2.2 <bo@example.org>... Mailbox full
"""


@pytest.mark.parametrize(
    "said", [(b"", b""), (b"\n (reason: No such user)", b"\n (reason: Quota)")]
)
def test_of_several_each_is_told_what_the_server_said_of_it_alone(said: tuple[bytes, bytes]):
    found = bounces.read(DAEMON + TRANSCRIPT % said).findings
    assert [(each.address, each.cause) for each in found] == [
        ("ann@example.org", Cause.MAILBOX_MISSING),
        ("bo@example.org", Cause.MAILBOX_FULL),
    ]


def test_the_address_that_an_alias_stands_for_is_its_other_name():
    said = (
        b"\nThese had fatal errors:\n<ann@example.org>\n    (expanded from: <team@example.org>)\n"
    )
    (found,) = bounces.read(DAEMON + said + b"550 5.1.1 User unknown\n").findings
    assert (found.address, found.aliases) == ("ann@example.org", ("team@example.org",))


def test_a_report_of_delay_is_no_verdict_whatever_its_number():
    (found,) = bounces.read(dsn(action="delayed", status="5.1.1")).findings
    assert (found.verdict, found.is_final, found.is_nobody) == (Verdict.TEMPORARY, False, False)


def test_the_cells_of_a_table_are_words_of_their_own():
    cells = b"<table><tr><td>To</td><td>ann@example.org</td></tr></table><p>Mailbox full</p>"
    (found,) = bounces.read(DAEMON + b"Content-Type: text/html\n\n" + cells).findings
    assert (found.address, found.cause) == ("ann@example.org", Cause.MAILBOX_FULL)


def test_a_quoted_local_part_keeps_its_quotes():
    raw = dsn().replace(b"rfc822;ann@example.org", b'rfc822; "ann lee"@example.org')
    (found,) = bounces.read(raw).findings
    assert found.address == '"ann lee"@example.org'


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Mail rejected", "Your message to ann@example.org was refused: no mailbox there."),
        ("Bounced mail", "What you sent to ann@example.org came back."),
        ("Address error", "Bad address <ann@example.org>"),
        ("Bounced: Spring", "Your message to <ann@example.org> bounced."),
        ("Ошибка доставки", "Письмо для ann@example.org не доставлено."),
        ("Considered unsolicited bulk", "From you, to:\n-> ann@example.org\nIt was stopped."),
    ],
)
def test_short_notices_of_few_words_are_known(subject: str, said: str):
    raw = f"From: mail-daemon@mx.example.net\nSubject: {subject}\n\n{said}\n".encode()
    assert [found.address for found in bounces.read(raw).findings] == ["ann@example.org"]


def test_who_answers_with_the_mail_it_returns_is_no_person():
    raw = dsn().replace(b"report; report-type=delivery-status", b"mixed")
    raw = raw.replace(b"MAILER-DAEMON", b"postmaster").replace(b"message/delivery", b"x/delivery")
    raw = raw.replace(b"Delivery Status Notification (Failure)", b"Re: Spring meeting")
    raw = raw.replace(b"See below.", b"This is a permanent error. Failed:\nann@example.org")
    assert [found.address for found in bounces.read(raw).findings] == ["ann@example.org"]


def test_somebody_who_tells_of_addresses_that_fail_sends_none():
    raw = b"From: it@example.net\nSubject: Mail problems\n\nDear all,\n\nmail to the following"
    raw += b" addresses is returned as undeliverable:\n\nann@example.org\n"
    assert bounces.read(raw).kind is Kind.NOT_BOUNCE


def test_a_postmaster_who_tells_of_a_delay_and_of_nobody_sends_none():
    raw = b"From: postmaster@example.net\nSubject: Mail delayed\n\nMail will be delayed today.\n"
    assert bounces.read(raw).kind is Kind.NOT_BOUNCE


def test_a_daemon_that_names_somebody_is_understood_in_any_language():
    raw = "From: mailer-daemon@mx.example.net\nSubject: Níor éirigh\n\nTheip ar:\nann@example.org\n"
    assert [found.address for found in bounces.read(raw.encode()).findings] == ["ann@example.org"]


def test_a_server_s_numbers_are_understood_in_any_language():
    raw = dsn().replace(b"report; report-type=delivery-status", b"mixed")
    raw = raw.replace(b"MAILER-DAEMON", b"postmaster")
    raw = raw.replace(b"message/delivery", b"x/delivery").replace(b"(Failure)", b"")
    raw = raw.replace(b"Delivery Status Notification", "Ní féidir é seo".encode())
    raw = raw.replace(b"See below.", b"Theip ar:\nann@example.org\n#550 5.1.1 ##")
    (found,) = bounces.read(raw).findings
    assert (found.address, found.status) == ("ann@example.org", "5.1.1")


def test_a_script_of_the_recipient_s_that_rejects_has_refused():
    raw = DAEMON.replace(b"Undelivered Mail", b"Rejected: Spring")
    raw += b"Auto-Submitted: auto-replied (rejected)\n\n"
    raw += b"Your message to <ann@example.org> was automatically rejected:\nNot from you.\n"
    (found,) = bounces.read(raw).findings
    assert (found.address, found.is_nobody) == ("ann@example.org", False)


def test_somebody_who_asks_about_a_bounce_sends_none():
    said = b"My mail to ann@example.org was returned with 550 5.1.1. Do you know why?\n"
    raw = b"From: bo@example.net\nSubject: Mail problem\n\n" + said
    assert bounces.read(raw).kind is Kind.NOT_BOUNCE


def test_somebody_who_speaks_of_failing_and_of_nobody_s_address_is_none():
    raw = b"From: a@b.example\nSubject: Failure to deliver the report\n\nIt failed, see 5.3.1.\n"
    assert bounces.read(raw).kind is Kind.NOT_BOUNCE


def test_a_newsletter_about_bounces_is_none():
    head = (
        b"From: a@tips.example\nSubject: Returned mail explained\nList-Unsubscribe: <https://t>\n"
    )
    said = (
        b"\nA 550 5.1.1 user unknown says that the mailbox does not exist. Ask ann@example.org.\n"
    )
    quoted = (
        b"This message was created automatically by mail delivery software.\n\nA message that you"
        b" sent could not be delivered. The following address(es) failed:\n\n  ann@example.org\n"
    )
    assert bounces.read(head + said + quoted).kind is Kind.NOT_BOUNCE


@pytest.mark.parametrize("path", ORDINARY, ids=lambda path: path.stem)
def test_ordinary_mail_is_no_bounce(path: Path):
    reading = bounces.read(path.read_bytes())
    assert (reading.kind, reading.findings) == (Kind.NOT_BOUNCE, [])


@pytest.mark.parametrize("path", AUTO_REPLIES, ids=lambda path: path.stem)
def test_auto_replies_are_neither_bounces_nor_mail(path: Path):
    assert bounces.read(path.read_bytes()).kind is Kind.AUTOREPLY


def test_a_report_says_what_failed_and_whose_other_name_it_is():
    (found,) = bounces.read(dsn()).findings
    assert (found.address, found.aliases) == ("ann@example.org", ("ann@inside.example.org",))
    assert (found.verdict, found.status, found.is_final) == (Verdict.PERMANENT, "5.1.1", True)
    assert found.cause is Cause.MAILBOX_MISSING
    assert found.is_nobody


def test_a_report_of_delay_is_temporary_and_not_final():
    raw = dsn("delayed", "4.4.1", "connect to mail.example.org: timed out")
    (found,) = bounces.read(raw).findings
    assert (found.verdict, found.is_final) == (Verdict.TEMPORARY, False)
    assert found.cause is Cause.UNREACHABLE


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_is_no_bounce(action: str):
    reading = bounces.read(dsn(action, "2.0.0", "250 ok"))
    assert reading.kind is Kind.DELIVERED
    assert [found.verdict for found in reading.findings] == [Verdict.DELIVERED]


def test_after_days_of_trying_the_reason_is_what_was_in_the_way():
    raw = dsn("failed", "4.4.7", "421 4.4.2 connection timed out; message expired 4.4.7")
    (found,) = bounces.read(raw).findings
    assert (found.verdict, found.status, found.is_final) == (Verdict.TEMPORARY, "4.4.2", True)


def test_the_text_knows_it_closer_than_a_status_that_says_nothing():
    (found,) = bounces.read(dsn("failed", "5.0.0", "552 5.2.2 mailbox full")).findings
    assert (found.status, found.cause) == ("5.2.2", Cause.MAILBOX_FULL)


def test_fields_without_their_own_part_are_read_from_the_text():
    lines = dsn().partition(b"Reporting-MTA")[2].partition(b"\n--b")[0]
    (found,) = bounces.read(DAEMON + b"\nCould not be delivered.\n\nReporting-MTA" + lines).findings
    assert (found.address, found.status) == ("ann@example.org", "5.1.1")


def test_a_complaint_names_who_complained():
    reading = bounces.read(COMPLAINT % b"abuse")
    assert reading.kind is Kind.COMPLAINT
    assert [found.address for found in reading.findings] == ["ann@example.org"]


def test_a_notice_that_a_filter_wrapped_is_unwrapped():
    wrapping = b'Content-Type: multipart/mixed; boundary="w"\n\n--w\nContent-Type: message/rfc822'
    (found,) = bounces.read(DAEMON + wrapping + b"\n\n" + dsn() + b"\n--w--\n").findings
    assert found.address == "ann@example.org"


def test_a_space_before_the_colon_of_a_field_is_passed_over():
    raw = dsn("failed", "5.2.1", "not here").replace(b"Status:", b"Status :")
    (found,) = bounces.read(raw).findings
    assert found.status == "5.2.1"


@pytest.mark.parametrize(
    ("field", "address"),
    [
        (rb"utf-8; \x{E4}nn@example.org", "änn@example.org"),  # RFC 6533
        (b"rfc822; ann+2Blist@inside.example.org", "ann+list@inside.example.org"),  # RFC 3461
        (b"rfc822; ann+2Blist@example.org", "ann+2blist@example.org"),  # nobody says it otherwise
    ],
)
def test_addresses_written_for_the_envelope_are_read(field: bytes, address: str):
    raw = dsn().replace(b"rfc822;ann@example.org", field)
    raw = raw.replace(b"rfc822; ann@inside", b"rfc822; ann+list@inside")
    (found,) = bounces.read(raw).findings
    assert found.address.lower() == address


def test_no_more_recipients_than_a_mail_can_have():
    block = b"Final-Recipient: rfc822; p%d@example.org\nAction: failed\nStatus: 5.1.1\n\n"
    many = b"".join(block % number for number in range(MAX_RECIPIENTS + 500))
    head, _, rest = dsn().partition(b"Original-Recipient")
    assert len(bounces.read(head + many + b"Original-Recipient" + rest).findings) == MAX_RECIPIENTS


def test_containers_in_containers_without_end_are_not_followed():
    layers = b"".join(
        b'--b%d\nContent-Type: multipart/mixed; boundary="b%d"\n\n' % (n, n + 1)
        for n in range(9000)
    )
    raw = b'From: a@b.example\nContent-Type: multipart/mixed; boundary="b0"\n\n' + layers
    assert bounces.read(raw).kind is Kind.NOT_BOUNCE


def test_a_report_behind_a_thousand_empty_parts_is_found():
    head, mark, rest = dsn().partition(b"--b\n")
    (found,) = bounces.read(head + b"--b\n\n\n" * 1000 + mark + rest).findings
    assert (found.address, found.status) == ("ann@example.org", "5.1.1")


def test_a_mail_of_nothing_but_parts_is_not_walked_through_again_and_again(monkeypatch):
    walked = []
    walk = Message.walk
    monkeypatch.setattr(
        Message, "walk", lambda self: walked.append(len([*walk(self)])) or walk(self)
    )
    head = dsn().partition(b"--b\n")[0]
    assert bounces.read(head + b"--b\n\n\n" * 120_000).kind is Kind.BOUNCE
    assert max(walked, default=0) <= 250


def test_the_words_of_a_report_are_looked_through_once_for_all_its_recipients():
    block = b"Final-Recipient: rfc822; p%d@example.org\nAction: failed\nStatus: 5.0.0\n\n"
    head, _, rest = dsn().partition(b"Original-Recipient")
    words = b"".join(b"p%d@example.org\nUser unknown\n" % number for number in range(500))
    head = head.replace(b"See below.\n", words)
    raw = head + b"".join(block % number for number in range(500)) + b"Original-Recipient" + rest
    reading_prose._indexed.cache_clear()
    causes = {found.cause for found in bounces.read(raw).findings[:500]}
    assert (causes, reading_prose._indexed.cache_info().misses) == ({Cause.MAILBOX_DISABLED}, 1)


def test_the_fall_back_reads_no_more_lines_than_a_notice_has():
    qmail = b"From: a@b.example\n\nHi. This is the qmail-send program at b.example.\n"
    qmail += b"%s\n<a@c.example>:\nNo.\n"
    assert reading_flufl.addresses(qmail % b"\n") == ([], ["a@c.example"])
    assert reading_flufl.addresses(qmail % (b"\n" * 5000)) == ([], [])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=3000))
@example(b"")
@example(b"\n\n\n")
@example(b"Content-Type: message/delivery-status\n\n")
@example(b"Content-Type: message/rfc822; charset=nonsense\nContent-Transfer-Encoding: base64\n\n=")
@example(
    b"Subject: =?x?b?=00?=\nFrom: mailer-daemon@\nContent-Type: text/plain; charset*=x''%ff\n\n"
)
def test_no_bytes_raise(raw: bytes):
    assert bounces.read(raw).kind in Kind


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3), st.data())
def test_no_damage_raises(pieces: list[bytes], data: st.DataObject):
    """Mails cut, joined and overwritten at any place."""
    raw = b"\n".join(pieces)
    at = data.draw(st.integers(0, len(raw)))
    length = data.draw(st.integers(0, 200))
    raw = raw[:at] + data.draw(st.binary(max_size=40)) + raw[at + length :]
    assert len(bounces.read(raw).findings) <= MAX_RECIPIENTS
