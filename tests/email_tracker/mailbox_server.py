"""A mailbox with IMAP and POP3 in memory, as far as the poller speaks them, in a thread."""

import re
import socketserver
import threading


class Mailbox(socketserver.ThreadingTCPServer):
    """`mails`: {uid: raw}. `log` keeps what was done, in its order; `kept` what a COPY put away."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, kind: str, mails: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Imap if kind == "imap" else _Pop)
        self.mails = dict(enumerate(mails, 1))
        self.kept: list[bytes] = []
        self.log: list[str] = []
        self.password = "secret"
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def forget(self, uid: int) -> None:
        """A mail leaves the mailbox for good."""
        self.log.append(f"delete {uid}")
        self.mails.pop(uid, None)

    def __enter__(self) -> "Mailbox":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
        self.server_close()


class _Speaker(socketserver.StreamRequestHandler):
    server: Mailbox

    def say(self, line: str | bytes) -> None:
        self.wfile.write((line.encode() if isinstance(line, str) else line) + b"\r\n")


class _Imap(_Speaker):
    def handle(self) -> None:
        self.say("* OK ready")
        self.deleted: set[int] = set()
        while line := self.rfile.readline():
            tag, command, rest = (line.decode().strip() + "  ").split(" ", 2)
            answer = getattr(self, f"do_{command.lower()}", self.do_unknown)(rest.strip())
            self.say(f"{tag} {answer}")
            if command == "LOGOUT":
                return

    def do_unknown(self, rest: str) -> str:
        return "OK done"

    def do_capability(self, rest: str) -> str:
        self.say("* CAPABILITY IMAP4rev1 UIDPLUS")
        return "OK done"

    def do_login(self, rest: str) -> str:
        return "OK in" if self.server.password in rest else "NO wrong password"

    def do_select(self, rest: str) -> str:
        self.say(f"* {len(self.server.mails)} EXISTS")
        return "OK selected" if rest in ('"INBOX"', '"Done &- &AOk-"') else "NO no such folder"

    def do_uid(self, rest: str) -> str:
        name, _, rest = rest.partition(" ")
        with self.server.lock:
            return getattr(self, f"uid_{name.lower()}")(rest)

    def uid_search(self, rest: str) -> str:
        self.say("* SEARCH " + " ".join(map(str, sorted(self.server.mails))))
        return "OK done"

    def uid_fetch(self, rest: str) -> str:
        uid = int(rest.split()[0])
        raw = self.server.mails.get(uid)
        if raw is not None:
            self.server.log.append(f"fetch {uid}")
            self.wfile.write(b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n" % (uid, len(raw)))
            self.say(raw + b")")
        return "OK done"

    def uid_copy(self, rest: str) -> str:
        self.server.kept.append(self.server.mails[int(rest.split()[0])])
        return "OK done"

    def uid_store(self, rest: str) -> str:
        self.deleted.add(int(rest.split()[0]))
        return "OK done"

    def uid_expunge(self, rest: str) -> str:
        for uid in self.deleted & {int(rest)}:
            self.server.forget(uid)
        return "OK done"


class _Pop(_Speaker):
    def handle(self) -> None:
        self.say("+OK ready")
        with self.server.lock:
            numbered = dict(enumerate(sorted(self.server.mails), 1))
        deleted: list[int] = []
        while line := self.rfile.readline():
            command, _, rest = line.decode().strip().partition(" ")
            if command == "PASS" and rest != self.server.password:
                self.say("-ERR wrong password")
            elif command == "STAT":
                self.say(f"+OK {len(numbered)} 1000")
            elif command == "RETR":
                uid = numbered[int(rest)]
                self.server.log.append(f"fetch {uid}")
                raw = re.sub(rb"(?m)^\.", b"..", self.server.mails[uid].replace(b"\r\n", b"\n"))
                self.say(b"+OK\r\n" + raw.replace(b"\n", b"\r\n") + b"\r\n.")
            elif command == "DELE":
                deleted.append(numbered[int(rest)])
                self.say("+OK")
            elif command == "QUIT":
                for uid in deleted:
                    self.server.forget(uid)
                self.say("+OK")
                return
            else:
                self.say("+OK")
