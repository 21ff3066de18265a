"""Delivery reports (RFC 3464): groups of fields, one for each recipient."""

import re

from webapp.mail import codes, findings
from webapp.mail.findings import MAX_RECIPIENTS, Finding, Verdict
from webapp.mail.letters import Fields, Letter

# RFC 3464 2.3.3; "deliverable" and its opposite are Postfix's answers to a question (sendmail -bv)
_GOOD = {"delivered", "relayed", "expanded", "deliverable"}
_BAD = {"failed", "failure", "undeliverable", "undelivered"}
_ADDRESS = re.compile(r"[^\s<>;,()\"]+@[^\s<>;,()\"]+|\"[^\"@\n]{1,64}\"@[^\s<>;,()\"]+")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_RECIPIENT_FIELDS = ("original-recipient", "final-recipient", "x-actual-recipient")


def read(letter: Letter) -> list[Finding]:
    """What the report's fields say, in their order; [] without such fields."""
    found = []
    for block in letter.blocks:
        names = [address_in(_field(block, name)) for name in _RECIPIENT_FIELDS]
        names = [name for name in dict.fromkeys(map(_plain, names)) if name]
        if not names and "action" not in block:
            continue
        if names:
            found.append(_finding(block, names))
        if len(found) >= MAX_RECIPIENTS:
            break
    return found


def _finding(block: Fields, names: list[str]) -> Finding:
    action = re.split(r"[\s(;]", _field(block, "action").strip().lower(), maxsplit=1)[0]
    reply = _reply(block)
    stated = next(iter(codes.enhanced_codes(_status(block))), "")
    address, aliases = _choose(block, names)
    if action in _GOOD or (not action and stated.startswith("2")):
        return Finding(address, Verdict.DELIVERED, stated, True, None, reply, aliases)
    is_final = True if action in _BAD else False if action == "delayed" else None
    found = findings.judge(
        address,
        reply,
        stated=stated,
        is_delay=action == "delayed",
        is_final=is_final,
        aliases=aliases,
    )
    return found


def _choose(block: Fields, names: list[str]) -> tuple[str, tuple[str, ...]]:
    """The address that we wrote to comes first: what it became later may be anybody's."""
    if len(names) > 1 and _from_xtext(names[0]) == names[1]:  # written as in the envelope
        names = names[1:]
    return names[0], tuple(names[1:])


def _from_xtext(address: str) -> str:
    """RFC 3461 4: `+2B` for a plus."""
    return re.sub(r"\+([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), address)


def _plain(address: str) -> str:
    """An address of type utf-8 in letters (RFC 6533: `\\x{E4}` for an ä)."""
    return _ESCAPED.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), address)


def _field(block: Fields, name: str) -> str:
    return next(iter(block.get(name, [])), "")


def _status(block: Fields) -> str:
    return " ".join(block.get("status", []))[:200]


def _reply(block: Fields) -> str:
    """The server's words: Diagnostic-Code without its type."""
    said = " ".join(block.get("diagnostic-code", [])) or _status(block)
    return re.sub(r"(?i)^\s*(?:smtp|x-[\w-]+|dns|unknown)\s*;\s*", "", said).strip()


def address_in(value: str) -> str:
    """The address in a recipient field `rfc822; ann@x.org`; "" without one."""
    match = _ADDRESS.search(value.partition(";")[2] or value)
    return tidy(match[0]) if match else ""


def tidy(address: str) -> str:
    """An address without what sticks to it in running text."""
    if re.match(r'<?"[^"]+"@', address):  # the quotes are a part of it (RFC 5321 4.1.2)
        return address.strip("<>")
    return address.strip("<>[](){}'\":;,.*| \t").removeprefix("mailto:")
